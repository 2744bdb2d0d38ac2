// The instructions of processors that multiply matrices of bfloat16 (AMX).
//
// A tile has up to 16 rows of 64 bytes. Rows of A are pixels or output channels, rows of B pairs of numbers that are
// multiplied with a pair of A's, rows of C sums. -DAMX says that the process may.
#pragma once

#ifdef TILES_BY_HAND  // for a test on a processor without them
#include TILES_BY_HAND
#else

#include <cstdint>

namespace step::tiles {

constexpr int SIDE = 16, BYTES = 64;

// Shapes of tiles: 0 to 3 sums, 4 and 5 of A, 6 and 7 of B; or where sums are those of gradients, 0 to 2, 3, and 4 to 6.
struct alignas(BYTES) Shapes {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {};
    uint8_t rows[16] = {};

    constexpr void set(int first, int last, int row_count, int words) {
        for (int i = first; i <= last; ++i) rows[i] = static_cast<uint8_t>(row_count), bytes[i] = static_cast<uint16_t>(words * 4);
    }
};

// For as long as there is one of them, tiles have these shapes; in the end what they hold is given up.
class InUse {
 public:
    explicit InUse(const Shapes& shapes) { asm volatile("ldtilecfg %0" ::"m"(shapes)); }
    ~InUse() { asm volatile("tilerelease"); }
    InUse(const InUse&) = delete;
    InUse& operator=(const InUse&) = delete;
};

template <int TILE> inline void zero() { asm volatile("tilezero %%tmm%c0" ::"i"(TILE)); }

template <int TILE> inline void load(const void* from, long pitch) {
    asm volatile("tileloadd (%0,%1), %%tmm%c2" ::"r"(from), "r"(pitch), "i"(TILE) : "memory");
}

template <int TILE> inline void store(void* to, long pitch) {
    asm volatile("tilestored %%tmm%c2, (%0,%1)" ::"r"(to), "r"(pitch), "i"(TILE) : "memory");
}

template <int SUMS, int A, int B> inline void add_products() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(SUMS), "i"(A), "i"(B));
}

}  // namespace step::tiles

#endif

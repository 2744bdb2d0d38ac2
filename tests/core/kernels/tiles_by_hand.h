// What core/kernels/step/tile_unit.h has, for processors that have no tiles.
#pragma once

#include <cstdint>
#include <cstring>

namespace step::tiles {

constexpr int SIDE = 16, BYTES = 64;

struct Shapes {
    int bytes[16] = {}, rows[16] = {};
    void set(int first, int last, int row_count, int words) {
        for (int i = first; i <= last; ++i) rows[i] = row_count, bytes[i] = words * 4;
    }
};

inline thread_local const Shapes* shapes_in_use = nullptr;
inline thread_local uint32_t held[8][SIDE][SIDE];

class InUse {
 public:
    explicit InUse(const Shapes& shapes) { shapes_in_use = &shapes; }
    ~InUse() { shapes_in_use = nullptr; }
};

template <int TILE> inline void zero() { std::memset(held[TILE], 0, sizeof held[TILE]); }

template <int TILE> inline void load(const void* from, long pitch) {
    zero<TILE>();
    for (int row = 0; row < shapes_in_use->rows[TILE]; ++row)
        std::memcpy(held[TILE][row], static_cast<const char*>(from) + row * pitch, shapes_in_use->bytes[TILE]);
}

template <int TILE> inline void store(void* to, long pitch) {
    for (int row = 0; row < shapes_in_use->rows[TILE]; ++row)
        std::memcpy(static_cast<char*>(to) + row * pitch, held[TILE][row], shapes_in_use->bytes[TILE]);
}

inline float as_float(uint32_t bits) {
    float number;
    std::memcpy(&number, &bits, sizeof number);
    return number;
}

template <int SUMS, int A, int B> inline void add_products() {
    for (int row = 0; row < shapes_in_use->rows[SUMS]; ++row)
        for (int k = 0; k < shapes_in_use->bytes[A] / 4; ++k)
            for (int column = 0; column < shapes_in_use->bytes[SUMS] / 4; ++column) {
                const uint32_t a = held[A][row][k], b = held[B][k][column];
                const float sum = as_float(held[SUMS][row][column]) + as_float(a << 16) * as_float(b << 16)
                    + as_float(a & 0xffff0000u) * as_float(b & 0xffff0000u);
                std::memcpy(&held[SUMS][row][column], &sum, sizeof sum);
            }
}

}  // namespace step::tiles

// The products of products.h in tiles, on processors that multiply matrices of bfloat16.
#pragma once

#include <algorithm>
#include <immintrin.h>

#include "numbers.h"
#include "tile_unit.h"

namespace step::tiles {

// As step::convolve, whose words hold two numbers.
template <int SIZE, int ROW, int TAPS, int STRIDE, int IN, int OUT, class Sink>
[[gnu::noinline]] void convolve(const Word* in, const Word* weights, Sink& sink) {
    constexpr int M = lesser(SIZE, SIDE), N = lesser(OUT, SIDE), BLOCK = lesser(OUT, 2 * SIDE), WINDOW = TAPS * IN;
    constexpr int K = WINDOW <= SIDE ? WINDOW : WINDOW % SIDE == 0 ? SIDE : WINDOW / 2;  // words at a time
    constexpr int WIDE = BLOCK / N, L = lesser(OUT, LANES);
    static_assert(WINDOW % K == 0 && K <= SIDE && OUT % BLOCK == 0 && SIZE * SIZE / M % (4 / WIDE) == 0);
    Shapes shapes;
    shapes.set(0, 3, M, N), shapes.set(4, 5, M, K), shapes.set(6, 7, K, N);
    const InUse in_use(shapes);
    alignas(BYTES) float sums[4 / WIDE][M][BLOCK];
    const auto pixels = [&](int tile) { return in + (tile * M / SIZE * ROW + tile * M % SIZE) * STRIDE * IN; };
    for (int block = 0; block < OUT; block += BLOCK)
        for (int tile = 0; tile < SIZE * SIZE / M; tile += 4 / WIDE) {
            zero<0>(), zero<1>(), zero<2>(), zero<3>();
            const Word *a0 = pixels(tile), *a1 = pixels(tile + 1), *b = weights + block;
            const Word *a2 = pixels(tile + 2), *a3 = pixels(tile + 3);
            for (int ky = 0; ky < TAPS; ++ky)
                for (int k = 0; k < WINDOW; k += K, b += K * OUT) {
                    const int at = ky * ROW * IN + k;
                    load<6>(b, OUT * 4);
                    load<4>(a0 + at, STRIDE * IN * 4);
                    add_products<0, 4, 6>();
                    load<5>(a1 + at, STRIDE * IN * 4);
                    if constexpr (WIDE == 1) {
                        add_products<1, 5, 6>();
                        load<4>(a2 + at, STRIDE * IN * 4);
                        add_products<2, 4, 6>();
                        load<5>(a3 + at, STRIDE * IN * 4);
                        add_products<3, 5, 6>();
                    } else {
                        load<7>(b + N, OUT * 4);
                        add_products<1, 4, 7>();
                        add_products<2, 5, 6>();
                        add_products<3, 5, 7>();
                    }
                }
            constexpr int PITCH = BLOCK * 4;
            if constexpr (WIDE == 1) {
                store<0>(sums[0], PITCH), store<1>(sums[1], PITCH);
                store<2>(sums[2], PITCH), store<3>(sums[3], PITCH);
            } else {
                store<0>(sums[0], PITCH), store<1>(sums[0][0] + N, PITCH);
                store<2>(sums[1], PITCH), store<3>(sums[1][0] + N, PITCH);
            }
            for (int out = 0; out < BLOCK; out += L) {
                Floats<L> sum = {}, squares = {};
                for (int t = 0; t < 4 / WIDE; ++t) {
                    const int first = (tile + t) * M;
#pragma GCC unroll 4
                    for (int m = 0; m < M; ++m) {
                        const Floats<L> value = step::load<L>(sums[t][m] + out);
                        sink(first / SIZE, first % SIZE + m, block + out, value);
                        sum += value, squares += value * value;
                    }
                }
                sink.tally(block + out, sum, squares);
            }
        }
}

// Numbers (8 pixels, channels) to (channels, pixels), eight channels of them.
inline void turn(const Number* from, int channels, Number* to, int pixels) {
    __m128i rows[8], mixed[8];
    for (int i = 0; i < 8; ++i) rows[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i * channels));
    for (int round = 0; round < 3; ++round) {  // each moves what is row and what is column on by a bit of the index
        for (int i = 0; i < 4; ++i) {
            mixed[2 * i] = _mm_unpacklo_epi16(rows[i], rows[i + 4]);
            mixed[2 * i + 1] = _mm_unpackhi_epi16(rows[i], rows[i + 4]);
        }
        std::copy_n(mixed, 8, rows);
    }
    for (int i = 0; i < 8; ++i) _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i * pixels), rows[i]);
}

// So many pixels of a padded image does `add_weight_gradient` take; those beyond the image's end must be finite.
template <int SIZE> constexpr int PIXELS_TAKEN = (SIZE * (SIZE + 2) + 31) / 32 * 32 + 2 * (SIZE + 2) + 1;

// As step::add_weight_gradient, but g has numbers. Pixels are counted through the margins, where g is zero.
template <int SIZE, int ROW, int G_ROW, int TAPS, int STRIDE, int IN, int OUT>
[[gnu::noinline]] void add_weight_gradient(const Word* x, const Number* g, float* gradient) {
    constexpr int M = lesser(OUT, SIDE), N = lesser(IN, SIDE), K = 2 * SIDE;
    constexpr int PIXELS = SIZE * ROW, ROOM = (PIXELS + K - 1) / K * K, PITCH = TAPS * IN * 4;
    static_assert(PIXELS % 8 == 0 && (STRIDE == 2 || ROW == G_ROW) && (TAPS == 2 || TAPS == 3));
    alignas(BYTES) Number turned[OUT][ROOM], apart[STRIDE == 1 ? 1 : PIXELS * OUT];
    if constexpr (STRIDE > 1) {
        std::fill_n(apart, PIXELS * OUT, Number{});
        for (int y = 0; y < SIZE; ++y)
            for (int p = 0; p < SIZE; ++p)
                std::copy_n(g + (y * G_ROW + p) * STRIDE * OUT, OUT, apart + (y * ROW + p) * OUT);
        g = apart;
    }
    for (int out = 0; out < OUT; out += 8)
        for (int p = 0; p < PIXELS; p += 8) turn(g + p * OUT + out, OUT, turned[out] + p, ROOM);
    for (int out = 0; out < OUT; ++out) std::fill(turned[out] + PIXELS, turned[out] + ROOM, Number{});
    Shapes shapes;
    shapes.set(0, 2, M, N), shapes.set(3, 3, M, SIDE), shapes.set(4, 6, SIDE, N);
    const InUse in_use(shapes);
    for (int ky = 0; ky < TAPS; ++ky)
        for (int out = 0; out < OUT; out += M)
            for (int in = 0; in < IN; in += N) {
                float* to = gradient + (ky * OUT + out) * TAPS * IN + in;
                load<0>(to, PITCH), load<1>(to + IN, PITCH);
                if constexpr (TAPS == 3) load<2>(to + 2 * IN, PITCH);
                for (int p = 0; p < ROOM; p += K) {
                    const Word* b = x + (ky * ROW + p) * IN + in;
                    load<3>(turned[out] + p, ROOM * 2);
                    load<4>(b, 2 * IN * 4);
                    add_products<0, 3, 4>();
                    load<5>(b + IN, 2 * IN * 4);
                    add_products<1, 3, 5>();
                    if constexpr (TAPS == 3) {
                        load<6>(b + 2 * IN, 2 * IN * 4);
                        add_products<2, 3, 6>();
                    }
                }
                store<0>(to, PITCH), store<1>(to + IN, PITCH);
                if constexpr (TAPS == 3) store<2>(to + 2 * IN, PITCH);
            }
}

}  // namespace step::tiles

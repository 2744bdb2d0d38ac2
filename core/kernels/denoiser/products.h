// The products of a block, forward, backward and of weights' gradients: one loop over registers for all three.
#pragma once

#include <algorithm>

#include "network.h"

#ifdef AMX
#include "tiles.h"
#endif

namespace denoiser {

#ifndef AMX

constexpr int WIDE = TILE / LANES, ROWS = 8 / WIDE;  // 8 sums in registers
constexpr int LINE = 64 / sizeof(Word);              // what a cache loads at once

struct Sums { Floats<LANES> of[ROWS][WIDE]; };

inline void load_rows(Sums& sums, const float* from) {
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 2
        for (int w = 0; w < WIDE; ++w) sums.of[r][w] = load<LANES>(from + r * TILE + w * LANES);
}

inline void store_rows(const Sums& sums, float* to) {
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 2
        for (int w = 0; w < WIDE; ++w) store<LANES>(to + r * TILE + w * LANES, sums.of[r][w]);
}

// Rows of 16 sums: a[row ROW + i STEP] times (16) of b[i], summed over COUNT words i.
template <int COUNT, int ROW, int STEP> inline void add_products(Sums& sums, const Word* a, const Word* b) {
#pragma GCC unroll 4
    for (int i = 0; i < COUNT; ++i) {
        Vector<Word, LANES> weight[WIDE];
#pragma GCC unroll 2
        for (int w = 0; w < WIDE; ++w) weight[w] = fetch<Word, LANES>(b + i * TILE + w * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 2
            for (int w = 0; w < WIDE; ++w)
                sums.of[r][w] = add_product<LANES>(sums.of[r][w], weight[w], a[r * ROW + i * STEP]);
    }
}

// Adds to the numbers of a block what comes of others (`tiles` of 16 channels) through weights laid out as
// (tiles of out, kernels, in, 16): a layer forward, or with the weights of the way back its gradient.
template <bool BACK>
[[gnu::noinline]] void multiply(const Geometry& over, const Number* in, int tiles, const Word* weights, float* out, int tiles_out) {
    constexpr int ROW = TILE / PAIR, PIXEL = IMAGES * ROW, AHEAD = TILE * ROW / IMAGES;
    const int pixels_in = BACK ? over.outputs : over.inputs, pixels_out = BACK ? over.inputs : over.outputs;
    const Word* words = reinterpret_cast<const Word*>(in);
    for (int o = 0; o < tiles_out; ++o, out += pixels_out * IMAGES * TILE)
        for (int kernel = 0; kernel < over.kernels; ++kernel, weights += tiles * TILE * ROW)
            for (int s = over.first[kernel]; s < over.first[kernel + 1]; ++s) {
                const int from = BACK ? over.sights[s].output : over.sights[s].input;
                float* to = out + (BACK ? over.sights[s].input : over.sights[s].output) * IMAGES * TILE;
                for (int image = 0; image < IMAGES; image += ROWS) {
                    Sums sums;
                    load_rows(sums, to + image * TILE);
                    for (int t = 0; t < tiles; ++t) {
                        const Word* weight = weights + t * TILE * ROW;
                        if (s == over.first[kernel])  // the next kernel's come meanwhile
                            for (int i = image * AHEAD; i < (image + ROWS) * AHEAD; i += LINE)
                                __builtin_prefetch(weight + tiles * TILE * ROW + i);
                        add_products<ROW, ROW, 1>(sums, words + (t * pixels_in + from) * PIXEL + image * ROW, weight);
                    }
                    store_rows(sums, to + image * TILE);
                }
            }
}

// Adds to the gradient (kernels, 16 in, 16 out) of a tile of weights what comes of a block: x is its input's tile, g
// that of its output's gradient. A word holds a channel of a latent, or of two neighbours.
[[gnu::noinline]] inline void add_weight_gradient(const Geometry& over, const Word* x, const Word* g, float* gradient) {
    constexpr int COUNT = IMAGES / PAIR;
    for (int kernel = 0; kernel < over.kernels; ++kernel)
        for (int i = 0; i < TILE; i += ROWS, gradient += ROWS * TILE) {
            Sums sums;
            load_rows(sums, gradient);
            for (int s = over.first[kernel]; s < over.first[kernel + 1]; ++s)
                add_products<COUNT, 1, TILE>(
                    sums, x + over.sights[s].input * COUNT * TILE + i, g + over.sights[s].output * COUNT * TILE);
            store_rows(sums, gradient);
        }
}

#endif

// Words of a tile's latents, two neighbours each where a word holds two.
inline const Word* neighbours(const Number* tile, int pixels, Word* words) {
#ifdef BFLOAT16
    for (int row = 0; row < pixels * IMAGES / 2; ++row)
        for (int c = 0; c < TILE; ++c)
            words[row * TILE + c] = tile[2 * row * TILE + c] | static_cast<uint32_t>(tile[(2 * row + 1) * TILE + c]) << 16;
    return words;
#else
    (void)pixels, (void)words;
    return tile;
#endif
}

#ifndef AMX
// What add_weight_gradient takes of an input.
inline const Word* factors(const Number* tile, int pixels, Word* words) { return neighbours(tile, pixels, words); }
#endif

}  // namespace denoiser

// The products of products.h in tiles, on processors that multiply matrices of bfloat16 (AMX).
#pragma once

#include "../step/tiles.h"
#include "network.h"

namespace denoiser {

constexpr int TOGETHER = 4;  // tiles of sums

// One more product into tile SUMS of sums, unless it is beyond those there are.
template <int SUMS> inline void add_product_of(const Word* const* a, int count, int at, long pitch) {
    constexpr int A = 4 + SUMS % 2;
    if (SUMS >= count) return;
    tiles::load<A>(a[SUMS] + at, pitch);
    tiles::add_products<SUMS, A, 6>();
}

template <bool BACK>
[[gnu::noinline]] void multiply(const Geometry& over, const Number* in, int tiles_in, const Word* weights, float* out, int tiles_out) {
    constexpr int K = TILE / PAIR, PIXEL = IMAGES * K;
    const int pixels_in = BACK ? over.outputs : over.inputs, pixels_out = BACK ? over.inputs : over.outputs;
    const Word* words = reinterpret_cast<const Word*>(in);
    tiles::Shapes shapes;
    shapes.set(0, 3, IMAGES, TILE), shapes.set(4, 5, IMAGES, K), shapes.set(6, 6, K, TILE);
    const tiles::InUse in_use(shapes);
    for (int o = 0; o < tiles_out; ++o, out += pixels_out * IMAGES * TILE)
        for (int kernel = 0; kernel < over.kernels; ++kernel, weights += tiles_in * TILE * K)
            for (int s = over.first[kernel]; s < over.first[kernel + 1]; s += TOGETHER) {
                const int count = lesser(TOGETHER, over.first[kernel + 1] - s);
                const Word* a[TOGETHER] = {};
                float* to[TOGETHER] = {};
                for (int i = 0; i < count; ++i) {
                    const Sight& sight = over.sights[s + i];
                    a[i] = words + (BACK ? sight.output : sight.input) * PIXEL;
                    to[i] = out + (BACK ? sight.input : sight.output) * IMAGES * TILE;
                }
                tiles::load<0>(to[0], TILE * 4);
                if (count > 1) tiles::load<1>(to[1], TILE * 4);
                if (count > 2) tiles::load<2>(to[2], TILE * 4);
                if (count > 3) tiles::load<3>(to[3], TILE * 4);
                for (int t = 0; t < tiles_in; ++t) {
                    const int at = t * pixels_in * PIXEL;
                    tiles::load<6>(weights + t * TILE * K, TILE * 4);
                    add_product_of<0>(a, count, at, K * 4);
                    add_product_of<1>(a, count, at, K * 4);
                    add_product_of<2>(a, count, at, K * 4);
                    add_product_of<3>(a, count, at, K * 4);
                }
                tiles::store<0>(to[0], TILE * 4);
                if (count > 1) tiles::store<1>(to[1], TILE * 4);
                if (count > 2) tiles::store<2>(to[2], TILE * 4);
                if (count > 3) tiles::store<3>(to[3], TILE * 4);
            }
}

// The sight of a kernel, of sums in tile SUMS, unless it is beyond those there are.
template <int SUMS> inline void add_sight_of(const Geometry& over, int kernel, int which, const Word* x, const Word* g) {
    constexpr int A = 4 + SUMS % 2, B = 6 + SUMS % 2, COUNT = IMAGES / PAIR;
    if (kernel + SUMS >= over.kernels || over.first[kernel + SUMS] + which >= over.first[kernel + SUMS + 1]) return;
    const Sight& sight = over.sights[over.first[kernel + SUMS] + which];
    tiles::load<A>(x + sight.input * TILE * COUNT, COUNT * 4);
    tiles::load<B>(g + sight.output * TILE * COUNT, TILE * 4);
    tiles::add_products<SUMS, A, B>();
}

// x is turned: (pixels, 16, latents).
[[gnu::noinline]] inline void add_weight_gradient(const Geometry& over, const Word* x, const Word* g, float* gradient) {
    constexpr int COUNT = IMAGES / PAIR, SIZE = TILE * TILE;
    tiles::Shapes shapes;
    shapes.set(0, 3, TILE, TILE), shapes.set(4, 5, TILE, COUNT), shapes.set(6, 7, COUNT, TILE);
    const tiles::InUse in_use(shapes);
    for (int kernel = 0; kernel < over.kernels; kernel += TOGETHER, gradient += TOGETHER * SIZE) {
        const int count = lesser(TOGETHER, over.kernels - kernel);
        int most = 0;
        for (int i = kernel; i < kernel + count; ++i) most = std::max(most, over.first[i + 1] - over.first[i]);
        tiles::load<0>(gradient, TILE * 4);
        if (count > 1) tiles::load<1>(gradient + SIZE, TILE * 4);
        if (count > 2) tiles::load<2>(gradient + 2 * SIZE, TILE * 4);
        if (count > 3) tiles::load<3>(gradient + 3 * SIZE, TILE * 4);
        for (int i = 0; i < most; ++i) {
            add_sight_of<0>(over, kernel, i, x, g);
            add_sight_of<1>(over, kernel, i, x, g);
            add_sight_of<2>(over, kernel, i, x, g);
            add_sight_of<3>(over, kernel, i, x, g);
        }
        tiles::store<0>(gradient, TILE * 4);
        if (count > 1) tiles::store<1>(gradient + SIZE, TILE * 4);
        if (count > 2) tiles::store<2>(gradient + 2 * SIZE, TILE * 4);
        if (count > 3) tiles::store<3>(gradient + 3 * SIZE, TILE * 4);
    }
}

inline const Word* factors(const Number* tile, int pixels, Word* words) {
    Number* to = reinterpret_cast<Number*>(words);
    for (int i = 0; i < pixels * IMAGES * TILE; i += IMAGES * TILE)
        for (int c = 0; c < TILE; c += 8)
            for (int m = 0; m < IMAGES; m += 8)
                tiles::turn(tile + i + m * TILE + c, TILE, to + i + c * IMAGES + m, IMAGES);
    return words;
}

}  // namespace denoiser

// What is done for weights, tile by tile: laid out for the products, their gradients, and Adam.
#pragma once

#include <algorithm>

#include "frame.h"
#include "products.h"

namespace denoiser {

template <class Visit> void each_tile(int part, Visit visit) {
    for (int i = TILES.begin[part]; i < TILES.begin[part + 1]; ++i) visit(TILES.of[i], PRODUCTS[TILES.of[i].product]);
}

// Which weights (out, in, taps) of PyTorch's row `out` of a tile are, and how many: all taps of its inputs.
struct Run { int64_t at; int count; };
inline Run run_of(const WeightTile& tile, const Product& of, int out) {
    const int taps = of.over().taps, in = tile.in * TILE, row = tile.out * TILE + out;
    if (row >= of.out) return {0, 0};
    return {(static_cast<int64_t>(row) * of.in + in) * taps, lesser(TILE, of.in - in) * taps};
}

inline void pack(Frame& frame, int part, int, Scratch& scratch) {
    each_tile(part, [&](const WeightTile& tile, const Product& of) {
        const Geometry& over = of.over();
        float* weights = scratch.sums;  // (16, 16, taps)
        std::fill_n(weights, TILE * TILE * over.taps, 0.0f);
        for (int o = 0; o < TILE; ++o) {
            const Run run = run_of(tile, of, o);
            std::copy_n(frame.parameters[2 * tile.product].value + run.at, run.count, weights + o * TILE * over.taps);
        }
        for (int kernel = 0; kernel < over.kernels; ++kernel) {
            float forward[TILE][TILE] = {}, backward[TILE][TILE];  // (in, out), (out, in)
            for (int tap = 0; tap < over.taps; ++tap) {
                if (!over.has(kernel, tap)) continue;
                for (int o = 0; o < TILE; ++o)
                    for (int i = 0; i < TILE; ++i) forward[i][o] += weights[(o * TILE + i) * over.taps + tap];
            }
            for (int o = 0; o < TILE; ++o)
                for (int i = 0; i < TILE; ++i) backward[o][i] = forward[i][o];
            Word* ahead = frame.forward.get() + WORDS_AT[tile.product]
                + ((tile.out * over.kernels + kernel) * of.tiles_in() + tile.in) * TILE * TILE / PAIR;
            Word* back = frame.backward.get() + WORDS_AT[tile.product]
                + ((tile.in * over.kernels + kernel) * of.tiles_out() + tile.out) * TILE * TILE / PAIR;
            for (int a = 0; a < TILE; a += PAIR)
                for (int b = 0; b < TILE; ++b) {
                    *ahead++ = to_word(forward[a][b], forward[a + PAIR - 1][b]);
                    *back++ = to_word(backward[a][b], backward[a + PAIR - 1][b]);
                }
        }
    });
}

// From all blocks, always in their order.
inline void gradients(Frame& frame, int part, int copy, Scratch& scratch) {
    const Copy* owners[PARTS];
    for (int i = 0; i < PARTS; ++i) owners[i] = &frame.owner(LATENTS, i);
    each_tile(part, [&](const WeightTile& tile, const Product& of) {
        const Geometry& over = of.over();
        float* to = frame.copies[copy].weights.get() + tile.at;
        float* bias = to + TILE * TILE * over.taps;
        std::fill_n(scratch.sums, over.kernels * TILE * TILE, 0.0f);
        std::fill_n(bias, TILE, 0.0f);
        for (int giver = 0; giver < PARTS; ++giver)
            for (int block = frame.begin(giver); block < frame.end(giver); ++block) {
                const Number* x = owners[giver]->input(tile.product, block) + tile.in * over.inputs * IMAGES * TILE;
                const Number* g = owners[giver]->gradient(tile.product, block) + tile.out * over.outputs * IMAGES * TILE;
                add_weight_gradient(
                    over, factors(x, over.inputs, scratch.x), neighbours(g, over.outputs, scratch.g), scratch.sums);
                if (tile.in != 0) continue;
                for (int row = 0; row < over.outputs * IMAGES; ++row)
                    for (int c = 0; c < TILE; c += 8) store<8>(bias + c, load<8>(bias + c) + load<8>(g + row * TILE + c));
            }
        std::fill_n(to, TILE * TILE * over.taps, 0.0f);
        for (int kernel = 0; kernel < over.kernels; ++kernel)  // (kernels, in, out) to (out, in, taps)
            for (int tap = 0; tap < over.taps; ++tap) {
                if (!over.has(kernel, tap)) continue;
                const float* from = scratch.sums + kernel * TILE * TILE;
                for (int i = 0; i < TILE; ++i)
                    for (int o = 0; o < TILE; ++o) to[(o * TILE + i) * over.taps + tap] += from[i * TILE + o];
            }
    });
}

inline void update(Frame& frame, int part, int, Scratch&) {
    each_tile(part, [&](const WeightTile& tile, const Product& of) {
        const float* gradient = frame.owner(GRADIENTS, part).weights.get() + tile.at;
        const auto change = [&](int parameter, int64_t at, const float* from, int count) {
            const Parameter& own = frame.parameters[parameter];
            std::copy_n(from, count, own.gradient + at);
            frame.updates[parameter](own.value + at, own.moment + at, own.square + at, from, count);
        };
        for (int o = 0; o < TILE; ++o) {
            const Run run = run_of(tile, of, o);
            change(2 * tile.product, run.at, gradient + o * TILE * of.over().taps, run.count);
        }
        if (tile.in == 0)
            change(2 * tile.product + 1, tile.out * TILE, gradient + TILE * TILE * of.over().taps, lesser(TILE, of.out - tile.out * TILE));
    });
}

}  // namespace denoiser

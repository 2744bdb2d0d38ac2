// The products of the denoiser, in the order of its modules, and how its numbers lie in memory.
//
// A block is 8 latents. What a layer gives lies as [tile of 16 channels][pixel][latent][channel], so a product's tile of
// input, of output and of weights are each in one piece. Channels are filled up with zeros.
#pragma once

#include "../step/numbers.h"

namespace denoiser {

using namespace step;

#ifdef AMX
constexpr int IMAGES = 16;
#else
constexpr int IMAGES = 8;
#endif
constexpr int TILE = 16, GROUPS = 8, EMBEDDING = 128, CLASSES = 11, LATENT_CHANNELS = 4, LATENT_PIXELS = 16;
constexpr int LATENT = LATENT_CHANNELS * LATENT_PIXELS, MOST = 128, PIXELS = 16;
constexpr float EPSILON = 1e-5f;

// Of what to what: linear, a 1x1 convolution, 3x3 ones over 4x4 and 2x2 pixels, with stride 2, after an upsampling.
enum class Link { linear, point, fine, coarse, down, up };

// That a pixel of the output sees one of the input through a kernel.
struct Sight { int output, input; };

// 3x3 taps are 9 kernels. After an upsampling, taps that see the same coarse pixel are one kernel: a row of the kernel
// falls as tap 0, taps 1 and 2, taps 0 and 1, or tap 2 on a coarse row; 16 kernels.
struct Geometry {
    int inputs = 1, outputs = 1;  // pixels
    int taps = 1, kernels = 1;    // in a row and a column together
    int rows = 1;                 // kernels in a column
    int masks[4] = {1, 2, 4, 0};  // which taps of a column a kernel has
    int first[17] = {};           // sight of each kernel, and their number
    Sight sights[100] = {};

    constexpr bool has(int kernel, int tap) const {
        const int across = taps == 9 ? 3 : 1;
        return (masks[kernel / rows] >> tap / across & 1) && (masks[kernel % rows] >> tap % across & 1);
    }
};

// The input's row that the output's row y sees through kernel k of a column; it may lie outside.
constexpr int row_seen(Link link, int y, int k) {
    if (link == Link::up) return k / 2 == y % 2 ? (y + 1) / 2 - 1 + k % 2 : -1;
    return link == Link::point || link == Link::linear ? y : (link == Link::down ? 2 * y : y) + k - 1;
}

constexpr Geometry geometry(Link link) {
    Geometry made;
    if (link == Link::up) {
        made.masks[1] = 6, made.masks[2] = 3, made.masks[3] = 4;
    }
    const int in = link == Link::linear ? 1 : link == Link::coarse || link == Link::up ? 2 : 4;
    const int out = link == Link::linear ? 1 : link == Link::coarse || link == Link::down ? 2 : 4;
    const bool wide = link != Link::linear && link != Link::point;
    made.inputs = in * in, made.outputs = out * out;
    made.taps = wide ? 9 : 1, made.rows = link == Link::up ? 4 : wide ? 3 : 1, made.kernels = made.rows * made.rows;
    int count = 0;
    for (int k = 0; k < made.kernels; ++k) {
        for (int p = 0; p < out * out; ++p) {
            const int y = row_seen(link, p / out, k / made.rows), x = row_seen(link, p % out, k % made.rows);
            if (y >= 0 && y < in && x >= 0 && x < in) made.sights[count++] = {p, y * in + x};
        }
        made.first[k + 1] = count;
    }
    return made;
}

constexpr Geometry GEOMETRIES[] = {geometry(Link::linear), geometry(Link::point), geometry(Link::fine),
                                   geometry(Link::coarse), geometry(Link::down),  geometry(Link::up)};

struct Product {
    int in, out;
    Link link;
    constexpr const Geometry& over() const { return GEOMETRIES[static_cast<int>(link)]; }
    constexpr int tiles_in() const { return (in + TILE - 1) / TILE; }
    constexpr int tiles_out() const { return (out + TILE - 1) / TILE; }
    constexpr int inputs() const { return tiles_in() * TILE * over().inputs * IMAGES; }  // numbers of a block
    constexpr int outputs() const { return tiles_out() * TILE * over().outputs * IMAGES; }
    constexpr int words() const { return tiles_in() * tiles_out() * TILE * TILE * over().kernels / PAIR; }
};

constexpr Product PRODUCTS[] = {
    {128, 128, Link::linear}, {128, 128, Link::linear}, {4, 64, Link::fine},
    {64, 64, Link::fine},     {128, 128, Link::linear}, {64, 64, Link::fine},
    {64, 128, Link::down},
    {128, 128, Link::coarse}, {128, 256, Link::linear}, {128, 128, Link::coarse},
    {128, 128, Link::coarse}, {128, 256, Link::linear}, {128, 128, Link::coarse},
    {128, 64, Link::up},
    {128, 64, Link::fine},    {128, 128, Link::linear}, {64, 64, Link::fine},     {128, 64, Link::point},
    {64, 64, Link::fine},     {128, 128, Link::linear}, {64, 64, Link::fine},
    {64, 4, Link::fine}};
constexpr int DEPTH = sizeof PRODUCTS / sizeof PRODUCTS[0];
enum { TIME, TIME_OUT, ENTER, FINE_IN, DOWN = FINE_IN + 3, COARSE, UP = COARSE + 6, FINE_OUT, LEAVE = DEPTH - 1 };

// A residual block: its products (before, condition, after and, where channels change, around) and its two norms.
struct Residual { int first, norm; };
constexpr Residual RESIDUALS[] = {{FINE_IN, 0}, {COARSE, 2}, {COARSE + 3, 4}, {FINE_OUT, 6}, {FINE_OUT + 4, 8}};
constexpr int NORM_CHANNELS[] = {64, 64, 128, 128, 128, 128, 128, 64, 64, 64, 64};
constexpr int NORMS = sizeof NORM_CHANNELS / sizeof NORM_CHANNELS[0], LAST_NORM = NORMS - 1;

// What those before each one have together, and all.
template <int COUNT> struct Offsets {
    int at[COUNT + 1] = {};
    constexpr int operator[](int which) const { return at[which]; }
};
template <int COUNT, class Size> constexpr Offsets<COUNT> offsets(Size size) {
    Offsets<COUNT> made;
    for (int i = 0; i < COUNT; ++i) made.at[i + 1] = made.at[i] + size(i);
    return made;
}
constexpr auto INPUTS_AT = offsets<DEPTH>([](int i) { return PRODUCTS[i].inputs(); });
constexpr auto OUTPUTS_AT = offsets<DEPTH>([](int i) { return PRODUCTS[i].outputs(); });
constexpr auto WORDS_AT = offsets<DEPTH>([](int i) { return PRODUCTS[i].words(); });
constexpr auto BIAS_AT = offsets<DEPTH>([](int i) { return PRODUCTS[i].tiles_out() * TILE; });
constexpr auto NORM_AT = offsets<NORMS>([](int i) { return NORM_CHANNELS[i]; });

// A step is a sequence of phases, each done in parts: weights laid out for the products; each block forward and
// backward; the weights' gradients; Adam. Between blocks only weights are shared, so a block goes all the way at once.
enum { PACK, LATENTS, GRADIENTS, UPDATE, PHASES };
constexpr int PARTS = 16;

// A tile of weights, (16 out, 16 in) of all taps: the parts of what is done for weights are made of them.
struct WeightTile { int product, out, in, at; };  // at: of its gradient, and of its outputs' biases behind
constexpr int numbers(const Product& product) { return TILE * TILE * product.over().taps + TILE; }
constexpr auto TILES_AT = offsets<DEPTH>([](int i) { return PRODUCTS[i].tiles_in() * PRODUCTS[i].tiles_out(); });
constexpr auto SHARES_AT = offsets<DEPTH>([](int i) {
    return PRODUCTS[i].tiles_in() * PRODUCTS[i].tiles_out() * numbers(PRODUCTS[i]);
});
constexpr int WEIGHT_TILES = TILES_AT[DEPTH], SHARE = SHARES_AT[DEPTH];

struct WeightTiles {
    WeightTile of[WEIGHT_TILES];
    int begin[PARTS + 1];  // of each part, by what they cost

    WeightTiles() {
        int count = 0, at = 0, cost = 0, costs[WEIGHT_TILES];
        for (int i = 0; i < DEPTH; ++i)
            for (int out = 0; out < PRODUCTS[i].tiles_out(); ++out)
                for (int in = 0; in < PRODUCTS[i].tiles_in(); ++in) {
                    of[count] = {i, out, in, at};
                    at += numbers(PRODUCTS[i]), cost += PRODUCTS[i].over().first[PRODUCTS[i].over().kernels];
                    costs[count++] = cost;
                }
        for (int part = 0, tile = 0; part <= PARTS; ++part) {
            while (tile < count && static_cast<int64_t>(costs[tile]) * PARTS <= static_cast<int64_t>(cost) * part) ++tile;
            begin[part] = tile;
        }
    }
};
inline const WeightTiles TILES;

}  // namespace denoiser

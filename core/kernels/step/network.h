// The convolutions of the autoencoders, in order, and where what belongs to each lies.
#pragma once

#include "numbers.h"

namespace step {

enum class Link { image, direct, pool, upsample, latent };  // what comes before the convolution

// Channels as they are computed with: at least 8, of which a latent's last are zeros. `size` is that of the output.
struct Shape { int in, out, size; Link link; };

// Channels of the levels, each of which halves the size of the one before: powers of 2 from 8 to 64.
#ifndef FEATURES
#define FEATURES 8, 16, 32
#endif
constexpr int WIDTHS[] = {FEATURES}, LEVELS = sizeof WIDTHS / sizeof WIDTHS[0], WIDTH = WIDTHS[0];
constexpr int DEPTH = 5 * LEVELS + 3, LAST = DEPTH - 1;
constexpr int SIDE = 32, PADDING = 2, PIXELS = SIDE * SIDE;
constexpr int CHANNELS = 8;  // that a latent's pixel is given, and of a vector that is the same in every lane
constexpr int LATENT_CHANNELS = 4, LATENT_SIDE = SIDE >> LEVELS, LATENT_PIXELS = LATENT_SIDE * LATENT_SIDE;
constexpr int LATENT = LATENT_CHANNELS * LATENT_PIXELS;

struct Network {
    constexpr Network() {
        int at = 0, size = SIDE, in = 1;
        for (int level = 0; level <= LEVELS; ++level) {  // the last is the latent's
            const int out = level < LEVELS ? WIDTHS[level] : CHANNELS;
            size = SIDE >> level;
            layers[at++] = {in, out, size, level == 0 ? Link::image : Link::pool};
            layers[at++] = {out, out, size, Link::direct};
            in = out;
        }
        layers[at++] = {CHANNELS, CHANNELS, size, Link::latent};
        layers[at++] = {CHANNELS, WIDTHS[LEVELS - 1], size, Link::direct};
        for (int level = LEVELS - 1; level >= 0; --level) {
            const int width = WIDTHS[level];
            size = SIDE >> level;
            layers[at++] = {width, width, size, Link::upsample};
            layers[at++] = {width, width, size, Link::direct};
            if (level > 0) layers[at++] = {width, WIDTHS[level - 1], size, Link::direct};
        }
    }
    constexpr const Shape& operator[](int layer) const { return layers[layer]; }
    Shape layers[DEPTH] = {};
};
constexpr Network LAYERS;

template <class Count> constexpr int most(Count count) {
    int found = 0;
    for (int layer = 0; layer < DEPTH; ++layer) found = count(layer) > found ? count(layer) : found;
    return found;
}
constexpr int channels(int layer) { return LAYERS[layer].in > LAYERS[layer].out ? LAYERS[layer].in : LAYERS[layer].out; }
constexpr int MOST = most(channels) > LANES ? most(channels) : LANES;
constexpr float SLOPE = 0.01f, EPSILON = 1e-5f, MOMENTUM = 0.1f;

// A step is a sequence of phases: layers forward, the last 1x1 convolution with the loss, layers backward, and the
// sum of the weight gradients. Each phase is done in parts.
constexpr int PARTS = 16, FORWARD = 0, LOSS = DEPTH, BACKWARD = DEPTH + 1, REDUCE = BACKWARD + DEPTH, PHASES = REDUCE + 1;

constexpr int area(int layer) { return LAYERS[layer].size * LAYERS[layer].size; }
constexpr int weights(int layer) { return 9 * LAYERS[layer].in * LAYERS[layer].out; }
constexpr int input_size(int layer) {
    return LAYERS[layer].link == Link::upsample ? LAYERS[layer].size / 2 : LAYERS[layer].size;
}
constexpr bool is_pooled(int layer) { return layer < LAST && LAYERS[layer + 1].link == Link::pool; }
// Of the gradient that is kept of a layer's output: under a pool, of what the pool gives.
constexpr int gradient_size(int layer) { return is_pooled(layer) ? LAYERS[layer].size / 2 : LAYERS[layer].size; }
constexpr int gradient_area(int layer) { return gradient_size(layer) * gradient_size(layer); }
constexpr int padded(int size, int channels) { return (size + 2) * (size + 2) * channels; }
constexpr int largest(int layer) { return padded(LAYERS[layer].size, channels(layer)); }

// Sums of what the layers before one have.
template <class Count> constexpr int before(int layer, Count count) {
    int sum = 0;
    for (int i = 0; i < layer; ++i) sum += count(i);
    return sum;
}
constexpr int weights_at(int layer) { return before(layer, weights); }
constexpr int output(int layer) { return area(layer) * LAYERS[layer].out; }
constexpr int output_at(int layer) { return before(layer, output); }
constexpr int gradient(int layer) { return gradient_area(layer) * LAYERS[layer].out; }
constexpr int gradient_at(int layer) { return before(layer, gradient); }
// An upsampling and a 3x3 convolution are four 2x2 convolutions of the coarse image, 4x4 backward.
constexpr int words(int layer) {
    return (LAYERS[layer].link == Link::upsample ? 16 : 9) * LAYERS[layer].in * LAYERS[layer].out / PAIR;
}
constexpr int words_at(int layer) { return before(layer, words); }

// Weight gradients of a part: the layers', the last convolution's weights and bias, the head's.
constexpr int FINAL_AT = weights_at(DEPTH), HEAD_AT = FINAL_AT + WIDTH + CHANNELS, SHARE = HEAD_AT + 9 * CHANNELS;
constexpr int slice_at(int slice) { return SHARE / 8 * slice / PARTS * 8; }  // they are summed up in slices

// Which row of the coarse image, of the two that phase `a` of the upsampled one sees, row k of a 3x3 kernel falls on.
constexpr int coarse_row(int a, int k) { return (k + a + 1) / 2 - a; }

}  // namespace step

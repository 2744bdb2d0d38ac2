// A model in training: its parameters, and what the caller does alone between the phases.
//
// Parameters, Adam's moments and running statistics stay where PyTorch has them, laid out as PyTorch has them.
#pragma once

#include <algorithm>
#include <cmath>

#include "adam.h"
#include "frame.h"

namespace step {

struct Running { float *mean, *variance; int64_t* batches; };

struct Model {
    Posterior posterior;
    Likelihood likelihood;
    const uint8_t* images;
    int64_t image_count;
    int batch;
    // Of each layer weight, bias, scale and shift; then weight and bias of the last convolution and of the head.
    std::vector<Parameter> parameters;
    std::vector<Running> running;

    int outputs(int layer) const { return static_cast<int>(parameters[4 * layer + 1].count); }
    int inputs(int layer) const { return static_cast<int>(parameters[4 * layer].count / 9 / outputs(layer)); }
    const Parameter& last(int which) const { return parameters[4 * DEPTH + which]; }
    const Parameter& head(int which) const { return parameters[4 * DEPTH + 2 + which]; }
};

// The images of a step and the noise of their latents. A row of `random` has the noise of an image, unless the posterior
// is a point; then, for binarised images, a number in [0, 1) for each pixel, which is white where it is below the
// brightness.
inline void take_batch(const Model& model, Frame& frame, const int64_t* indices, int count, const float* random) {
    frame.count = count;
    frame.posterior = model.posterior;
    frame.likelihood = model.likelihood;
    const int noise = model.posterior == Posterior::point ? 0 : LATENT;
    for (int i = 0; i < count; ++i) {
        const uint8_t* image = model.images + indices[i] * PIXELS;
        uint8_t* pixels = frame.pixels.data() + i * PIXELS;
        std::copy_n(random, noise, frame.noise.data() + i * LATENT);
        random += noise;
        if (model.likelihood == Likelihood::bernoulli) {
            for (int p = 0; p < PIXELS; ++p) pixels[p] = random[p] < image[p] / 255.0f ? 255 : 0;
            random += PIXELS;
        } else {
            std::copy_n(image, PIXELS, pixels);
        }
    }
}

// A kernel's tap as the products take it: (in, out) forward, (out, in) backward.
struct Tap { float forward[MOST * MOST], backward[MOST * MOST]; };

inline void pack(const Tap& tap, int in, int out, Word* forward, Word* backward) {
    for (int i = 0; i < in; i += PAIR)
        for (int o = 0; o < out; ++o)
            *forward++ = to_word(tap.forward[i * out + o], tap.forward[(i + PAIR - 1) * out + o]);
    for (int o = 0; o < out; o += PAIR)
        for (int i = 0; i < in; ++i)
            *backward++ = to_word(tap.backward[o * in + i], tap.backward[(o + PAIR - 1) * in + i]);
}

inline void add(const Tap& tap, int numbers, Tap& sum) {
    for (int i = 0; i < numbers; ++i) sum.forward[i] += tap.forward[i], sum.backward[i] += tap.backward[i];
}

// Weights (out, in, 3, 3): taps in their order forward, mirrored backward.
inline void pack(const Model& model, int layer, Frame& frame) {
    const Shape shape = LAYERS[layer];
    const int in = shape.in, out = shape.out, numbers = in * out;
    const float* weight = model.parameters[4 * layer].value;
    static thread_local Tap taps[9];
    const bool whole = model.inputs(layer) == in && model.outputs(layer) == out;
    for (Tap& tap : taps)
        if (!whole) tap = {};
    for (int o = 0; o < model.outputs(layer); ++o)
        for (int i = 0; i < model.inputs(layer); ++i)
            for (Tap& tap : taps) tap.forward[i * out + o] = tap.backward[o * in + i] = *weight++;
    Word *forward = frame.forward + words_at(layer), *backward = frame.backward + words_at(layer);
    const int size = numbers / PAIR;
    if (shape.link == Link::image) {
        for (int k = 0; k < 9; ++k) std::copy_n(taps[k].forward, out, frame.first + k * out);
    } else if (shape.link == Link::upsample) {
        for (int k = 0; k < 16; ++k) {
            const int a = k / 8, b = k / 4 % 2, y = k / 2 % 2, x = k % 2;
            Tap sum = {};
            for (int tap = 0; tap < 9; ++tap)
                if (coarse_row(a, tap / 3) == y && coarse_row(b, tap % 3) == x) add(taps[tap], numbers, sum);
            // Backward a coarse pixel looks at 4x4 pixels of the upsampled image, at each from where that sees it.
            pack(sum, in, out, forward + k * size, backward + ((3 - a - 2 * y) * 4 + 3 - b - 2 * x) * size);
        }
    } else {
        for (int k = 0; k < 9; ++k) pack(taps[k], in, out, forward + k * size, backward + (8 - k) * size);
    }
}

// All that the phases read of the parameters.
inline void pack(const Model& model, Frame& frame) {
    for (int layer = 0; layer < DEPTH; ++layer) pack(model, layer, frame);
    for (int i = 0; i < WIDTH; ++i) {
        frame.last_weight[i] = model.last(0).value[i];
        std::fill_n(frame.last + i * CHANNELS, CHANNELS, frame.last_weight[i]);
    }
    frame.last_bias = model.last(1).value[0];
    if (model.posterior == Posterior::head) {
        std::copy_n(model.head(0).value, CHANNELS * CHANNELS, frame.head);
        std::copy_n(model.head(1).value, CHANNELS, frame.head_bias);
    }
}

inline void repeat(float* numbers, int channels) {
    for (int i = channels; i < MOST; ++i) numbers[i] = numbers[i - channels];
}

inline Sums add_up(const Frame& frame, int phase) {
    Sums all{};
    for (int part = 0; part < PARTS; ++part) {
        const Sums& sums = frame.owner(phase, part).of(phase, part);
        for (int c = 0; c < MOST; ++c) all.first[c] += sums.first[c], all.second[c] += sums.second[c];
        all.loss += sums.loss;
    }
    return all;
}

// Statistics of a layer's output, and how it is normalised.
inline void after_forward(const Model& model, Frame& frame, int layer) {
    const Sums sums = add_up(frame, FORWARD + layer);
    const int real = model.outputs(layer), channels = LAYERS[layer].out;
    const double count = static_cast<double>(frame.count) * area(layer);
    const float *bias = model.parameters[4 * layer + 1].value, *scale = model.parameters[4 * layer + 2].value;
    const float* shift = model.parameters[4 * layer + 3].value;
    const Running& running = model.running[layer];
    Norm& norm = frame.norms[layer];
    for (int c = 0; c < channels; ++c) {
        const double mean = sums.first[c] / count, variance = std::fmax(sums.second[c] / count - mean * mean, 0.0);
        norm.mean[c] = static_cast<float>(mean);
        norm.inverse[c] = static_cast<float>(1 / std::sqrt(variance + EPSILON));
        norm.factor[c] = c < real ? scale[c] * norm.inverse[c] : 0;
        norm.offset[c] = c < real ? shift[c] - norm.mean[c] * norm.factor[c] : 0;
        if (c >= real) continue;
        // The convolution's bias is left out: normalisation would take it away again.
        running.mean[c] += MOMENTUM * (norm.mean[c] + bias[c] - running.mean[c]);
        running.variance[c] += MOMENTUM * (static_cast<float>(variance * count / (count - 1)) - running.variance[c]);
    }
    ++*running.batches;
    for (float* numbers : {norm.factor, norm.offset, norm.mean}) repeat(numbers, channels);
}

// Gradients of a layer's scale and shift, and how that of its convolution's output is made.
inline Sums before_backward(const Model& model, Frame& frame, int layer) {
    const Sums sums = add_up(frame, layer == LAST ? LOSS : BACKWARD + layer + 1);
    const int real = model.outputs(layer), channels = LAYERS[layer].out;
    const double count = static_cast<double>(frame.count) * area(layer);
    const Parameter &scale = model.parameters[4 * layer + 2], &shift = model.parameters[4 * layer + 3];
    Norm& norm = frame.norms[layer];
    for (int c = 0; c < channels; ++c) {
        const double inverse = norm.inverse[c], factor = norm.factor[c];
        const double of_output = -factor * inverse * inverse * sums.second[c] / count;
        norm.of_gradient[c] = norm.factor[c];
        norm.of_output[c] = static_cast<float>(of_output);
        norm.constant[c] = static_cast<float>(-factor * sums.first[c] / count - of_output * norm.mean[c]);
        if (c >= real) continue;
        scale.gradient[c] = static_cast<float>(sums.second[c] * inverse);
        shift.gradient[c] = static_cast<float>(sums.first[c]);
    }
    for (float* numbers : {norm.of_gradient, norm.of_output, norm.constant}) repeat(numbers, channels);
    return sums;
}

// Weight gradients from the slices that were summed up, to where PyTorch has them.
inline void collect(const Model& model, const Frame& frame) {
    alignas(64) static thread_local float sums[SHARE];
    for (int slice = 0; slice < PARTS; ++slice) {
        const float* from = frame.owner(REDUCE, slice).reduced.get();
        std::copy(from + slice_at(slice), from + slice_at(slice + 1), sums + slice_at(slice));
    }
    for (int layer = 0; layer < DEPTH; ++layer) {
        const Shape shape = LAYERS[layer];
        const float* from = sums + weights_at(layer);
        float* to = model.parameters[4 * layer].gradient;
        for (int o = 0; o < model.outputs(layer); ++o)
            for (int i = 0; i < model.inputs(layer); ++i)
                for (int k = 0; k < 9; ++k)
                    *to++ = shape.link == Link::image ? from[k * shape.out + o]
                                                      : from[((k / 3 * shape.out + o) * 3 + k % 3) * shape.in + i];
        std::fill_n(model.parameters[4 * layer + 1].gradient, model.outputs(layer), 0.0f);  // exactly
    }
    std::copy_n(sums + FINAL_AT, WIDTH, model.last(0).gradient);
    model.last(1).gradient[0] = sums[FINAL_AT + WIDTH];
    if (model.posterior == Posterior::head) {
        std::copy_n(sums + HEAD_AT, CHANNELS * CHANNELS, model.head(0).gradient);
        std::copy_n(sums + HEAD_AT + CHANNELS * CHANNELS, CHANNELS, model.head(1).gradient);
    }
}

inline void update(const Model& model, const Adam& adam) {
    for (const Parameter& parameter : model.parameters)
        next_update(adam, parameter)(parameter.value, parameter.moment, parameter.square, parameter.gradient, parameter.count);
}

}  // namespace step

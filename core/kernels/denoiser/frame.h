// The memory of a step: what its phases read, what its parts write, and what a thread works in.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "../step/adam.h"
#include "../step/memory.h"
#include "network.h"

namespace denoiser {

constexpr int NORM_NUMBERS = NORM_AT[NORMS];

// What the parts of a step write: each what is its own, and once.
struct Copy {
    explicit Copy(int blocks)
        : inputs(allocate<Number>(static_cast<size_t>(blocks) * INPUTS_AT[DEPTH])),
          gradients(allocate<Number>(static_cast<size_t>(blocks) * OUTPUTS_AT[DEPTH])), weights(allocate<float>(SHARE)) {}

    Number* input(int product, int block) const {
        return inputs.get() + static_cast<size_t>(block) * INPUTS_AT[DEPTH] + INPUTS_AT[product];
    }
    Number* gradient(int product, int block) const {
        return gradients.get() + static_cast<size_t>(block) * OUTPUTS_AT[DEPTH] + OUTPUTS_AT[product];
    }

    Block<Number> inputs, gradients;  // what products take, and the gradients of what they give
    Block<float> weights;             // gradients of tiles of weights (16 out, 16 in, taps), and of biases
    float scales[PARTS][NORM_NUMBERS], shifts[PARTS][NORM_NUMBERS];  // gradients of the norms'
    double errors[PARTS];
};

struct Frame {
    explicit Frame(int batch)
        : copies{Copy((batch + IMAGES - 1) / IMAGES), Copy((batch + IMAGES - 1) / IMAGES)}, noisy(batch * LATENT),
          embedding(batch * EMBEDDING), target(batch * LATENT), labels(batch), forward(allocate<Word>(WORDS_AT[DEPTH])),
          backward(allocate<Word>(WORDS_AT[DEPTH])) {}

    const Copy& owner(int phase, int part) const {
        return copies[done[phase][part].load(std::memory_order_acquire) - 1];
    }
    int blocks() const { return (count + IMAGES - 1) / IMAGES; }
    int begin(int part) const { return static_cast<int>(static_cast<long>(blocks()) * part / PARTS); }
    int end(int part) const { return begin(part + 1); }

    std::atomic<int> readers{0};
    std::atomic<int> done[PHASES][PARTS];
    int count = 0;   // latents of this step
    Copy copies[2];  // the second for parts that are done again
    std::vector<float> noisy, embedding, target;  // (count, 4, 4, 4), (count, 128), (count, 4, 4, 4)
    std::vector<int64_t> labels;
    Block<Word> forward, backward;  // weights as the products take them
    float biases[BIAS_AT[DEPTH]], scales[NORM_NUMBERS], shifts[NORM_NUMBERS], classes[CLASSES * EMBEDDING];
    const Parameter* parameters = nullptr;  // for phases that are done once
    Update updates[2 * DEPTH];
};

// How a norm's input was normalised, and what was made of that: (C, 8) each, two numbers a group and latent.
struct Norm {
    alignas(64) float factor[MOST * IMAGES], offset[MOST * IMAGES];
    float mean[IMAGES][GROUPS], inverse[IMAGES][GROUPS];
};

struct ResidualMemory {
    alignas(64) float input[MOST * PIXELS * IMAGES], middle[MOST * PIXELS * IMAGES], modulation[2 * MOST * IMAGES];
    Norm before, after;
};

struct Scratch {
    ResidualMemory residuals[5];
    Norm last;
    alignas(64) float fine[64 * PIXELS * IMAGES], coarse[MOST * PIXELS * IMAGES], leaving[64 * PIXELS * IMAGES];
    alignas(64) float prediction[TILE * PIXELS * IMAGES], hidden[EMBEDDING * IMAGES];
    alignas(64) float condition[EMBEDDING * IMAGES], classes[EMBEDDING * IMAGES];
    alignas(64) float working[2][MOST * PIXELS * IMAGES], of_fine[64 * PIXELS * IMAGES], of_condition[EMBEDDING * IMAGES];
    alignas(64) float by_scale[MOST * IMAGES], by_shift[MOST * IMAGES], of_modulation[2 * MOST * IMAGES];
    alignas(64) float sums[16 * TILE * TILE];
    alignas(64) Word x[TILE * PIXELS * IMAGES / PAIR], g[TILE * PIXELS * IMAGES / PAIR];
};

}  // namespace denoiser

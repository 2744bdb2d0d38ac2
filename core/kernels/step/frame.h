// The memory of a step: what its phases read, what its parts write, and what a thread works in.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "memory.h"
#include "network.h"

namespace step {

enum class Posterior { point, sigma, head };  // of the presets ae, vae-post, vae
enum class Likelihood { gaussian, bernoulli };

// Numbers a channel, repeated over the vectors that span several pixels.
struct Norm {
    float factor[MOST], offset[MOST], mean[MOST], inverse[MOST];  // normalised = z factor + offset
    float of_gradient[MOST], of_output[MOST], constant[MOST];     // gradient of z = these times g, z, 1
};

// What a part sums up: two numbers a channel, and its part of the loss.
struct Sums { double first[MOST], second[MOST], loss; };

// What the parts of a step write: each what is its own, and once.
struct Copy {
    explicit Copy(int batch)
        : outputs(allocate<Number>(static_cast<size_t>(batch) * output_at(DEPTH))),
          gradients(allocate<Number>(static_cast<size_t>(batch) * gradient_at(DEPTH))),
          shares(allocate<float>(static_cast<size_t>(PARTS) * SHARE)), reduced(allocate<float>(SHARE)),
          sums(allocate<Sums>(PHASES * PARTS)) {}

    float* share(int part) const { return shares.get() + static_cast<size_t>(part) * SHARE; }
    Sums& of(int phase, int part) const { return sums[phase * PARTS + part]; }

    Block<Number> outputs, gradients;  // of convolutions, before normalisation, and of their normalised outputs
    Block<float> shares, reduced;      // weight gradients of a part, and of all
    Block<Sums> sums;
};

struct Frame {
    explicit Frame(int batch) : batch(batch), copies{Copy(batch), Copy(batch)}, pixels(batch * PIXELS), noise(batch * LATENT) {}

    const Copy& owner(int phase, int part) const {
        return copies[done[phase][part].load(std::memory_order_acquire) - 1];
    }
    Number* output(const Copy& copy, int layer, int image) const {
        return copy.outputs.get() + static_cast<size_t>(batch) * output_at(layer) + static_cast<size_t>(image) * step::output(layer);
    }
    Number* gradient(const Copy& copy, int layer, int image) const {
        return copy.gradients.get() + static_cast<size_t>(batch) * gradient_at(layer) + static_cast<size_t>(image) * step::gradient(layer);
    }
    int begin(int part) const { return static_cast<int>(static_cast<long>(count) * part / PARTS); }
    int end(int part) const { return begin(part + 1); }
    const uint8_t* image(int index) const { return pixels.data() + index * PIXELS; }

    std::atomic<int> readers{0};
    std::atomic<int> done[PHASES][PARTS];
    const int batch;  // room for so many images
    int count = 0;    // images of this step
    Copy copies[2];   // the second for parts that are done again
    Posterior posterior = Posterior::point;
    Likelihood likelihood = Likelihood::gaussian;
    std::vector<uint8_t> pixels;  // (count, 32, 32)
    std::vector<float> noise;  // (count, 4, LATENT_SIDE, LATENT_SIDE)
    float kl_weight = 0;
    Norm norms[DEPTH];
    alignas(64) Word forward[words_at(DEPTH)], backward[words_at(DEPTH)];  // weights as the products take them
    alignas(64) float first[9 * WIDTH];                                    // (3, 3, 1, WIDTH)
    alignas(64) float last[WIDTH * CHANNELS];  // the last convolution's, (WIDTH, 8): the same in every lane
    float last_weight[WIDTH], last_bias = 0;
    float head[CHANNELS * CHANNELS], head_bias[CHANNELS];
};

// Padded images keep their frame of zeros while a part is done.
constexpr int LARGEST = most(largest) + 64;
struct Scratch {
    alignas(64) Number input[LARGEST], gradient[LARGEST];
    alignas(64) Word input_pairs[LARGEST], gradient_pairs[LARGEST];
    alignas(64) float image[padded(SIDE, 1) + 64], of_input[most(largest)];
    alignas(64) float phases[16 * MOST * MOST];  // gradients of the kernels behind an upsampling
};

}  // namespace step

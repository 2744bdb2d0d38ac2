// Trains a small model some steps and prints what came out: for what Python cannot have, such as other processors under
// an emulator, and ThreadSanitizer. `driver THREADS PATIENCE STEPS POSTERIOR LIKELIHOOD`

#include "../../../core/kernels/step/step.cpp"

#include "numbers.h"

int main(int, char** arguments) {
    using namespace step;
    const int threads = std::atoi(arguments[1]), patience = std::atoi(arguments[2]), steps = std::atoi(arguments[3]);
    const int posterior = std::atoi(arguments[4]), likelihood = std::atoi(arguments[5]), batch = 32;
    std::vector<Parameter> parameters;
    std::vector<Running> running;
    int64_t batches[DEPTH] = {};
    for (int layer = 0; layer < DEPTH; ++layer) {
        constexpr int LATENT_LAYER = 2 * LEVELS + 2;
        const bool narrow = posterior == 0 && layer == LATENT_LAYER - 1, before = posterior == 0 && layer == LATENT_LAYER - 2;
        const bool latent = layer == LATENT_LAYER;
        const int in = latent || layer == LATENT_LAYER + 1 || narrow ? LATENT_CHANNELS : LAYERS[layer].in;
        const int out = latent || narrow || before ? LATENT_CHANNELS : LAYERS[layer].out;
        parameters.push_back(parameter(9 * in * out, 0.3f));
        parameters.push_back(parameter(out, 0.1f));
        parameters.push_back(parameter(out, 0.1f, 1));
        parameters.push_back(parameter(out, 0.1f));
        running.push_back({numbers(out, 0), numbers(out, 0), &batches[layer]});
    }
    for (int count : {WIDTH, 1, CHANNELS * CHANNELS, CHANNELS}) parameters.push_back(parameter(count, 0.3f));
    std::vector<uint8_t> images(64 * PIXELS);
    for (uint8_t& pixel : images) pixel = static_cast<uint8_t>(255 * (number() + 0.5f));
    void* training = training_begin(
        posterior, likelihood, threads, patience, images.data(), 64, batch, parameters.data(), static_cast<int>(parameters.size()),
        running.data());
    double sums[2] = {};
    for (int i = 0; i < steps; ++i) {
        std::vector<int64_t> indices(batch);
        for (int k = 0; k < batch; ++k) indices[k] = (7 * i + k) % 64;
        const float* random = numbers(batch * (LATENT + likelihood * PIXELS), 2);
        const Adam adam = {1e-3, 0.9, 0.999, 1e-8};
        if (training_step(training, indices.data(), batch, random, &adam, 0.5, 0, sums) != 0) return 1;
    }
    std::fprintf(stderr, "%ld parts done again\n", training_redone(training));
    training_end(training);
    std::printf("%.9g %.9g ", sums[0], sums[1]);
    print_lengths(parameters);
}

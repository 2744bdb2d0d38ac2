// As driver.cpp, for a denoiser. `driver THREADS PATIENCE STEPS`

#include "../../../core/kernels/denoiser/denoiser.cpp"

#include "numbers.h"

int main(int, char** arguments) {
    using namespace denoiser;
    const int threads = std::atoi(arguments[1]), patience = std::atoi(arguments[2]), steps = std::atoi(arguments[3]);
    const int batch = 20;
    std::vector<Parameter> parameters;
    for (const Product& product : PRODUCTS) {
        parameters.push_back(parameter(product.in * product.out * product.over().taps, 0.1f));
        parameters.push_back(parameter(product.out, 0.1f));
    }
    for (int channels : NORM_CHANNELS) {
        parameters.push_back(parameter(channels, 0.1f, 1));
        parameters.push_back(parameter(channels, 0.1f));
    }
    parameters.push_back(parameter(CLASSES * EMBEDDING, 1));
    void* training = training_begin(threads, patience, batch, parameters.data(), static_cast<int>(parameters.size()));
    double error = 0;
    for (int i = 0; i < steps; ++i) {
        std::vector<int64_t> labels(batch);
        for (int k = 0; k < batch; ++k) labels[k] = (i + k) % CLASSES;
        const float *noisy = numbers(batch * LATENT, 2), *embedding = numbers(batch * EMBEDDING, 2);
        const Adam adam = {1e-3, 0.9, 0.999, 1e-8};
        if (training_step(training, noisy, embedding, labels.data(), numbers(batch * LATENT, 2), batch, &adam, &error) != 0)
            return 1;
    }
    std::fprintf(stderr, "%ld parts done again\n", training_redone(training));
    training_end(training);
    std::printf("%.9g ", error);
    print_lengths(parameters);
}

// A training step of the denoiser on a CPU as one call: forward, loss, backward, Adam.
//
// See step/crew.h for how threads share it, network.h for its products, block.h and weights.h for what is computed.
// -DBFLOAT16: products, and what is kept for them, in bfloat16; sums and parameters are float32 always.

#include "../step/crew.h"
#include "block.h"
#include "weights.h"

namespace denoiser {

void work(Frame& frame, int phase, int part, int copy, Scratch& scratch) {
    static constexpr void (*WORKS[PHASES])(Frame&, int, int, Scratch&) = {pack, latents, gradients, update};
    WORKS[phase](frame, part, copy, scratch);
}

struct Training {
    // Of each product weight and bias, of each norm scale and shift, then the classes' embeddings.
    const std::vector<Parameter> parameters;
    const int batch;
    Crew<Frame, Scratch, PARTS> crew;

    const Parameter& norm(int which) const { return parameters[2 * DEPTH + which]; }
    const Parameter& classes() const { return parameters[2 * (DEPTH + NORMS)]; }

    // The sum of squared errors.
    double step(const float* noisy, const float* embedding, const int64_t* labels, const float* target, int count, const Adam& adam) {
        Frame& frame = crew.next_frame(batch);
        frame.count = count;
        frame.parameters = parameters.data();
        std::copy_n(noisy, count * LATENT, frame.noisy.begin());
        std::copy_n(target, count * LATENT, frame.target.begin());
        std::copy_n(embedding, count * EMBEDDING, frame.embedding.begin());
        std::copy_n(labels, count, frame.labels.begin());
        for (int i = 0; i < DEPTH; ++i) {
            std::fill_n(frame.biases + BIAS_AT[i], BIAS_AT[i + 1] - BIAS_AT[i], 0.0f);
            std::copy_n(parameters[2 * i + 1].value, PRODUCTS[i].out, frame.biases + BIAS_AT[i]);
        }
        for (int i = 0; i < NORMS; ++i) {
            std::copy_n(norm(2 * i).value, NORM_CHANNELS[i], frame.scales + NORM_AT[i]);
            std::copy_n(norm(2 * i + 1).value, NORM_CHANNELS[i], frame.shifts + NORM_AT[i]);
        }
        std::copy_n(classes().value, CLASSES * EMBEDDING, frame.classes);
        crew.run(PACK, true);
        crew.run(LATENTS);
        crew.run(GRADIENTS);
        for (int i = 0; i < 2 * DEPTH; ++i) frame.updates[i] = next_update(adam, parameters[i]);
        crew.run(UPDATE, true);
        return update_rest(frame, adam);
    }

    // Norms and embeddings.
    double update_rest(const Frame& frame, const Adam& adam) {
        float scales[NORM_NUMBERS] = {}, shifts[NORM_NUMBERS] = {}, of_classes[CLASSES * EMBEDDING] = {};
        double error = 0;
        for (int part = 0; part < PARTS; ++part) {
            const Copy& owner = frame.owner(LATENTS, part);
            error += owner.errors[part];
            for (int i = 0; i < NORM_NUMBERS; ++i) scales[i] += owner.scales[part][i], shifts[i] += owner.shifts[part][i];
            for (int index = frame.begin(part) * IMAGES; index < std::min(frame.end(part) * IMAGES, frame.count); ++index) {
                Number const* from = owner.gradient(TIME_OUT, index / IMAGES);
                float* to = of_classes + frame.labels[index] * EMBEDDING;
                for (int c = 0; c < EMBEDDING; c += 8)
                    store<8>(to + c, load<8>(to + c) + load<8>(from + number_at<1>(c, 0, index % IMAGES)));
            }
        }
        const auto change = [&](const Parameter& own, const float* gradient) {
            std::copy_n(gradient, own.count, own.gradient);
            next_update(adam, own)(own.value, own.moment, own.square, gradient, own.count);
        };
        for (int i = 0; i < NORMS; ++i) {
            change(norm(2 * i), scales + NORM_AT[i]);
            change(norm(2 * i + 1), shifts + NORM_AT[i]);
        }
        change(classes(), of_classes);
        return error;
    }
};

}  // namespace denoiser

#pragma GCC visibility push(default)
extern "C" {

// A denoiser in training with `threads` threads, the caller's among them; its tensors must stay where they are. Null
// where there is no memory or no thread to be had.
void* training_begin(int threads, long patience_us, int batch, const step::Parameter* parameters, int parameter_count) try {
    return new denoiser::Training{
        {parameters, parameters + parameter_count}, batch,
        {std::min(threads, denoiser::PARTS) - 1, patience_us, denoiser::work}};
} catch (...) {
    return nullptr;
}

// 0, 1 where a label is none, 2 where there is no memory.
int training_step(
    void* training, const float* noisy, const float* embedding, const int64_t* labels, const float* target, int count,
    const step::Adam* adam, double* error) try {
    for (int i = 0; i < count; ++i)
        if (labels[i] < 0 || labels[i] >= denoiser::CLASSES) return 1;
    *error = static_cast<denoiser::Training*>(training)->step(noisy, embedding, labels, target, count, *adam);
    return 0;
} catch (...) {
    return 2;
}

// How many parts were done again because a helper was late.
long training_redone(const void* training) { return static_cast<const denoiser::Training*>(training)->crew.redone(); }

void training_end(void* training) {
    auto* ours = static_cast<denoiser::Training*>(training);
    if (!ours->crew.is_forked()) delete ours;
}

}
#pragma GCC visibility pop

// One training step of an autoencoder on a CPU as one call: batch, forward, loss, backward, Adam.
//
// See crew.h for how threads share it, network.h for its layers, forward.h and backward.cpp for what is computed.
// -DBFLOAT16: products, and what is kept between layers, in bfloat16; sums and parameters are float32 always.

#include <utility>

#include "backward.h"
#include "crew.h"
#include "forward.h"
#include "model.h"

namespace step {

struct Phases { void (*of[DEPTH])(Frame&, int, int, Scratch&); };

template <int... I> constexpr Phases forwards(std::integer_sequence<int, I...>) { return {{forward<I>...}}; }

void work(Frame& frame, int phase, int part, int copy, Scratch& scratch) {
    static constexpr Phases FORWARDS = forwards(std::make_integer_sequence<int, DEPTH>());
    if (phase < LOSS)
        FORWARDS.of[phase - FORWARD](frame, part, copy, scratch);
    else if (phase == LOSS)
        loss(frame, part, copy, scratch);
    else if (phase < REDUCE)
        backward(frame, phase - BACKWARD, part, copy, scratch);
    else
        reduce(frame, part, copy, scratch);
}

struct Training {
    Training(Model given, int helpers, long patience_us) : model(std::move(given)), crew(helpers, patience_us, work) {}

    // The sums over the batch of the likelihood's error and the KL divergence.
    void step(const int64_t* indices, int count, const float* random, const Adam& adam, double beta, bool optimal, double* sums) {
        Frame& frame = crew.next_frame(model.batch);
        take_batch(model, frame, indices, count, random);
        pack(model, frame);
        for (int layer = 0; layer < DEPTH; ++layer) {
            crew.run(FORWARD + layer);
            after_forward(model, frame, layer);
        }
        crew.run(LOSS);
        for (int layer = LAST; layer >= 0; --layer) {
            const Sums found = before_backward(model, frame, layer);
            if (layer == LAST) {  // the weight of the KL divergence may depend on the error
                sums[0] = found.loss;
                frame.kl_weight = static_cast<float>(optimal ? beta * 2 * found.loss / count / PIXELS : beta);
            }
            if (layer + 1 < DEPTH && LAYERS[layer + 1].link == Link::latent) sums[1] = found.loss;
            crew.run(BACKWARD + layer);
        }
        crew.run(REDUCE);
        collect(model, frame);
        update(model, adam);
    }

    Model model;
    Crew<Frame, Scratch, PARTS> crew;
};

}  // namespace step

#pragma GCC visibility push(default)
extern "C" {

// A model in training with `threads` threads, the caller's among them; its tensors must stay where they are. Null
// where there is no memory or no thread to be had.
void* training_begin(
    int posterior, int likelihood, int threads, long patience_us, const uint8_t* images, int64_t image_count, int batch,
    const step::Parameter* parameters, int parameter_count, const step::Running* running) try {
    return new step::Training(
        {static_cast<step::Posterior>(posterior), static_cast<step::Likelihood>(likelihood), images, image_count, batch,
         {parameters, parameters + parameter_count}, {running, running + step::DEPTH}},
        std::min(threads, step::PARTS) - 1, patience_us);
} catch (...) {
    return nullptr;
}

// 0, 1 where an index is none of an image, 2 where there is no memory.
int training_step(
    void* training, const int64_t* indices, int count, const float* random, const step::Adam* adam, double beta,
    int optimal, double* sums) try {
    auto& ours = *static_cast<step::Training*>(training);
    for (int i = 0; i < count; ++i)
        if (indices[i] < 0 || indices[i] >= ours.model.image_count) return 1;
    ours.step(indices, count, random, *adam, beta, optimal != 0, sums);
    return 0;
} catch (...) {
    return 2;
}

// How many parts were done again because a helper was late.
long training_redone(const void* training) { return static_cast<const step::Training*>(training)->crew.redone(); }

// How many floats a vector has.
int training_lanes() { return step::LANES; }

void training_end(void* training) {
    auto* ours = static_cast<step::Training*>(training);
    if (!ours->crew.is_forked()) delete ours;
}

}
#pragma GCC visibility pop

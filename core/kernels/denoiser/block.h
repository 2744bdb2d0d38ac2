// A block of latents through the network and back.
//
// What products take, and the gradients of what they give, stay for the weights' gradients.
#pragma once

#include "norm.h"
#include "products.h"

namespace denoiser {

class Pass {
  public:
    Pass(const Frame& frame, Copy& copy, int part, int block, Scratch& scratch)
        : frame_(frame), copy_(copy), part_(part), block_(block), scratch_(scratch) {}

    void run() {
        forward();
        copy_.errors[part_] += loss();
        backward();
    }

  private:
    // Pieces

    Number* input(int product) { return copy_.input(product, block_); }
    Number* gradient(int product) { return copy_.gradient(product, block_); }

    static void keep(const float* from, int numbers, Number* to) {
        for (int i = 0; i < numbers; i += 8) store<8>(to + i, load<8>(from + i));
    }

    static void add(const float* from, int numbers, float* to) {
        for (int i = 0; i < numbers; i += 8) store<8>(to + i, load<8>(to + i) + load<8>(from + i));
    }

    // What a product gives of its input, with its biases.
    void give(int product, float* out) {
        const Product& of = PRODUCTS[product];
        const int rows = of.over().outputs * IMAGES;
        for (int tile = 0; tile < of.tiles_out(); ++tile)
            for (int c = 0; c < TILE; c += 8) {
                const Floats<8> bias = load<8>(frame_.biases + BIAS_AT[product] + tile * TILE + c);
                for (int row = 0; row < rows; ++row) store<8>(out + (tile * rows + row) * TILE + c, bias);
            }
        multiply<false>(of.over(), input(product), of.tiles_in(), frame_.forward.get() + WORDS_AT[product], out, of.tiles_out());
    }

    void add_backward(int product, float* of_input) {
        const Product& of = PRODUCTS[product];
        multiply<true>(
            of.over(), gradient(product), of.tiles_out(), frame_.backward.get() + WORDS_AT[product], of_input, of.tiles_in());
    }

    void take_back(int product, float* of_input) {
        std::fill_n(of_input, PRODUCTS[product].inputs(), 0.0f);
        add_backward(product, of_input);
    }

    // Factor and offset of a norm, changed by the condition's scale and shift (C, 8) if there are any.
    void set_norm(int norm, Norm& of, const float* modulation) const {
        const float *scale = frame_.scales + NORM_AT[norm], *shift = frame_.shifts + NORM_AT[norm];
        const int numbers = NORM_CHANNELS[norm] * IMAGES;
        for (int i = 0; i < numbers; ++i) {
            const int channel = i / (TILE * IMAGES) * TILE + i % TILE;
            const float more = modulation == nullptr ? 1 : 1 + modulation[i];
            of.factor[i] = scale[channel] * more;
            of.offset[i] = shift[channel] * more + (modulation == nullptr ? 0 : modulation[numbers + i]);
        }
    }

    // Gradients of a norm's scale and shift, and of the condition's, from those of factor and offset.
    void give_norm(int norm, const float* modulation) {
        float *scale = copy_.scales[part_] + NORM_AT[norm], *shift = copy_.shifts[part_] + NORM_AT[norm];
        const int numbers = NORM_CHANNELS[norm] * IMAGES;
        for (int i = 0; i < numbers; ++i) {
            const int channel = i / (TILE * IMAGES) * TILE + i % TILE;
            const float more = modulation == nullptr ? 1 : 1 + modulation[i];
            const float factor = scratch_.by_scale[i], offset = scratch_.by_shift[i];
            scale[channel] += factor * more, shift[channel] += offset * more;
            if (modulation == nullptr) continue;
            scratch_.of_modulation[i] =
                factor * frame_.scales[NORM_AT[norm] + channel] + offset * frame_.shifts[NORM_AT[norm] + channel];
            scratch_.of_modulation[numbers + i] = offset;
        }
    }

    template <int C, int P> void activate(int norm, Norm& of, const float* modulation, const float* x, Number* to) {
        set_norm(norm, of, modulation);
        normalise<C, P>(x, of, to);
    }

    template <int C, int P> void activate_backward(int norm, const Norm& of, const float* modulation, const float* x, float* g) {
        normalise_backward<C, P>(x, of, g, scratch_.by_scale, scratch_.by_shift);
        give_norm(norm, modulation);
    }

    // Residual blocks

    template <int I, int IN, int OUT, int P> void forward(float* out) {
        constexpr Residual BLOCK = RESIDUALS[I];
        constexpr int R = BLOCK.first;
        ResidualMemory& own = scratch_.residuals[I];
        give(R + 1, own.modulation);
        activate<IN, P>(BLOCK.norm, own.before, nullptr, own.input, input(R));
        give(R, own.middle);
        activate<OUT, P>(BLOCK.norm + 1, own.after, own.modulation, own.middle, input(R + 2));
        give(R + 2, out);
        const float* around = own.input;
        if constexpr (IN != OUT) {
            keep(own.input, IN * P * IMAGES, input(R + 3));
            give(R + 3, scratch_.working[0]);
            around = scratch_.working[0];
        }
        add(around, OUT * P * IMAGES, out);
    }

    // From the gradient of what it gave to that of its input, both (IN, P, 8).
    template <int I, int IN, int OUT, int P> void backward(const float* given, float* of_input) {
        constexpr Residual BLOCK = RESIDUALS[I];
        constexpr int R = BLOCK.first;
        ResidualMemory& own = scratch_.residuals[I];
        keep(given, OUT * P * IMAGES, gradient(R + 2));
        take_back(R + 2, of_input);
        activate_backward<OUT, P>(BLOCK.norm + 1, own.after, own.modulation, own.middle, of_input);
        keep(of_input, OUT * P * IMAGES, gradient(R));
        keep(scratch_.of_modulation, 2 * OUT * IMAGES, gradient(R + 1));
        add_backward(R + 1, scratch_.of_condition);
        take_back(R, of_input);
        activate_backward<IN, P>(BLOCK.norm, own.before, nullptr, own.input, of_input);
        if constexpr (IN == OUT) {
            add(given, OUT * P * IMAGES, of_input);
        } else {
            keep(given, OUT * P * IMAGES, gradient(R + 3));
            add_backward(R + 3, of_input);
        }
    }

    // The network

    // Of the block's latents; more than there are, zeros.
    template <class Visit> void each_image(Visit visit) const {
        for (int image = 0; image < IMAGES && block_ * IMAGES + image < frame_.count; ++image)
            visit(image, static_cast<size_t>(block_) * IMAGES + image);
    }

    static float* latent_number(float* from, int image, int i) {
        return from + number_at<LATENT_PIXELS>(i / LATENT_PIXELS, i % LATENT_PIXELS, image);
    }

    void forward() {
        Scratch& own = scratch_;
        std::fill_n(own.hidden, EMBEDDING * IMAGES, 0.0f);
        std::fill_n(own.classes, EMBEDDING * IMAGES, 0.0f);
        std::fill_n(own.prediction, TILE * PIXELS * IMAGES, 0.0f);
        each_image([&](int image, size_t index) {
            for (int c = 0; c < EMBEDDING; ++c) {
                own.hidden[number_at<1>(c, 0, image)] = frame_.embedding[index * EMBEDDING + c];
                own.classes[number_at<1>(c, 0, image)] = frame_.classes[frame_.labels[index] * EMBEDDING + c];
            }
            for (int i = 0; i < LATENT; ++i) *latent_number(own.prediction, image, i) = frame_.noisy[index * LATENT + i];
        });
        keep(own.hidden, EMBEDDING * IMAGES, input(TIME));
        keep(own.prediction, TILE * PIXELS * IMAGES, input(ENTER));
        give(TIME, own.hidden);
        for (int i = 0; i < EMBEDDING * IMAGES; i += 8) store<8>(input(TIME_OUT) + i, silu<8>(load<8>(own.hidden + i)));
        give(TIME_OUT, own.condition);
        add(own.classes, EMBEDDING * IMAGES, own.condition);
        for (const Residual& block : RESIDUALS)
            for (int i = 0; i < EMBEDDING * IMAGES; i += 8)
                store<8>(input(block.first + 1) + i, silu<8>(load<8>(own.condition + i)));

        give(ENTER, own.residuals[0].input);
        forward<0, 64, 64, 16>(own.fine);
        keep(own.fine, 64 * 16 * IMAGES, input(DOWN));
        give(DOWN, own.residuals[1].input);
        forward<1, 128, 128, 4>(own.residuals[2].input);
        forward<2, 128, 128, 4>(own.coarse);
        keep(own.coarse, 128 * 4 * IMAGES, input(UP));
        give(UP, own.residuals[3].input);
        std::copy_n(own.fine, 64 * 16 * IMAGES, own.residuals[3].input + 64 * 16 * IMAGES);
        forward<3, 128, 64, 16>(own.residuals[4].input);
        forward<4, 64, 64, 16>(own.leaving);
        activate<64, 16>(LAST_NORM, own.last, nullptr, own.leaving, input(LEAVE));
        give(LEAVE, own.prediction);
    }

    // The sum of squared errors, whose mean over the batch is differentiated.
    double loss() {
        Scratch& own = scratch_;
        std::fill_n(own.working[0], TILE * PIXELS * IMAGES, 0.0f);
        double sum = 0;
        each_image([&](int image, size_t index) {
            float error = 0;
            for (int i = 0; i < LATENT; ++i) {
                const float difference = *latent_number(own.prediction, image, i) - frame_.target[index * LATENT + i];
                *latent_number(own.working[0], image, i) = difference * 2 / static_cast<float>(frame_.count);
                error += difference * difference;
            }
            sum += error;
        });
        keep(own.working[0], TILE * PIXELS * IMAGES, gradient(LEAVE));
        return sum;
    }

    void backward() {
        Scratch& own = scratch_;
        float *one = own.working[0], *other = own.working[1];
        std::fill_n(own.of_condition, EMBEDDING * IMAGES, 0.0f);
        take_back(LEAVE, one);
        activate_backward<64, 16>(LAST_NORM, own.last, nullptr, own.leaving, one);
        backward<4, 64, 64, 16>(one, other);
        backward<3, 128, 64, 16>(other, one);
        keep(one, 64 * 16 * IMAGES, gradient(UP));
        std::copy_n(one + 64 * 16 * IMAGES, 64 * 16 * IMAGES, own.of_fine);
        take_back(UP, other);
        backward<2, 128, 128, 4>(other, one);
        backward<1, 128, 128, 4>(one, other);
        keep(other, 128 * 4 * IMAGES, gradient(DOWN));
        add_backward(DOWN, own.of_fine);
        backward<0, 64, 64, 16>(own.of_fine, one);
        keep(one, 64 * 16 * IMAGES, gradient(ENTER));

        for (int i = 0; i < EMBEDDING * IMAGES; i += 8)
            store<8>(gradient(TIME_OUT) + i, load<8>(own.of_condition + i) * silu_slope<8>(load<8>(own.condition + i)));
        take_back(TIME_OUT, other);
        for (int i = 0; i < EMBEDDING * IMAGES; i += 8)
            store<8>(gradient(TIME) + i, load<8>(other + i) * silu_slope<8>(load<8>(own.hidden + i)));
    }

    const Frame& frame_;
    Copy& copy_;
    const int part_, block_;
    Scratch& scratch_;
};

inline void latents(Frame& frame, int part, int copy, Scratch& scratch) {
    Copy& mine = frame.copies[copy];
    std::fill_n(mine.scales[part], NORM_NUMBERS, 0.0f);
    std::fill_n(mine.shifts[part], NORM_NUMBERS, 0.0f);
    mine.errors[part] = 0;
    for (int block = frame.begin(part); block < frame.end(part); ++block) Pass(frame, mine, part, block, scratch).run();
}

}  // namespace denoiser

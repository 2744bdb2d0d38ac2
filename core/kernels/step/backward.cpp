// The phases of the loss and backward, part by part; compiled by itself, beside step.cpp.
//
// A layer leaves the gradient g of the normalised output before it, with the sums that the gradient of batch
// normalisation needs. The layer whose output that is makes of g, z and three numbers a channel the gradient of z.
// Its input is made again instead of being kept.
#include "backward.h"

#include <utility>

#include "forward.h"
#include "likelihood.h"

namespace step {

namespace {

// The gradient of layer I's convolution output, rows of `row` numbers.
template <int I, class T> void take_gradient(const Frame& frame, int part, int image, T* to, int row) {
    constexpr Shape S = LAYERS[I];
    constexpr bool POOLED = is_pooled(I);
    constexpr int C = S.out, SIZE = gradient_size(I), L = POOLED ? lesser(C, LANES) : LANES;
    constexpr int STRIDE = PerChannel<C, L>::STRIDE;
    const Norm& norm = frame.norms[I];
    const Number* z = frame.output(frame.owner(FORWARD + I, part), I, image);
    const Number* g = frame.gradient(frame.owner(I == LAST ? LOSS : BACKWARD + I + 1, part), I, image);
    const PerChannel<C, L> of_gradient(norm.of_gradient), of_output(norm.of_output), constant(norm.constant);
    const Normalise<C, L> normalise(norm);
    for (int y = 0; y < SIZE; ++y)
        for (int i = 0; i < SIZE * C; i += STRIDE)
            for (int v = 0; v < STRIDE / L; ++v) {
                const int at = y * SIZE * C + i + v * L;
                const Floats<L> given = load<L>(g + at) * of_gradient.at[v];
                if constexpr (POOLED) {  // the first of the largest takes it
                    Floats<L> z_of[4], most = {}, left = given;
                    for (int k = 0; k < 4; ++k) {
                        z_of[k] = load<L>(z + under<SIZE, C>(y, i / C, k) + v * L);
                        const Floats<L> n = normalise(v, z_of[k]);
                        most = k == 0 || n > most ? n : most;
                    }
                    for (int k = 0; k < 4; ++k) {
                        const auto here = normalise(v, z_of[k]) == most;
                        const Floats<L> taken = here ? left : Floats<L>{};
                        left = here ? Floats<L>{} : left;
                        store<L>(
                            to + (2 * y + k / 2) * row + (2 * (i / C) + k % 2) * C + v * L,
                            taken + z_of[k] * of_output.at[v] + constant.at[v]);
                    }
                } else {
                    store<L>(to + y * row + i + v * L, given + (load<L>(z + at) * of_output.at[v] + constant.at[v]));
                }
            }
}

// From the gradient of layer I's input to that of the normalised output of the layer before, and its sums.
template <int I> void give_gradient(Frame& frame, int part, int image, Copy& copy, float* of_input, Sums& sums) {
    constexpr Shape S = LAYERS[I];
    constexpr bool POOLED = S.link == Link::pool;
    constexpr int C = S.in, SIZE = input_size(I), L = POOLED ? lesser(C, LANES) : LANES;
    constexpr int STRIDE = PerChannel<C, L>::STRIDE;
    const Norm& norm = frame.norms[I - 1];
    const Number* z = frame.output(frame.owner(FORWARD + I - 1, part), I - 1, image);
    Number* to = frame.gradient(copy, I - 1, image);
    if constexpr (S.link == Link::latent) {
        float y[LATENT_PIXELS][CHANNELS], of_y[CHANNELS];
        encoded(norm, z, y);
        for (int p = 0; p < LATENT_PIXELS; ++p) {
            sums.loss += sample_backward(frame, image, p, y[p], of_input + p * C, of_y, copy.share(part) + HEAD_AT);
            std::copy_n(of_y, C, of_input + p * C);
        }
    }
    const Normalise<C, L> normalise(norm);
    const PerChannel<C, L> mean(norm.mean);
    Tally<C, L> tally;
    for (int y = 0; y < SIZE; ++y)
        for (int i = 0; i < SIZE * C; i += STRIDE)
            for (int v = 0; v < STRIDE / L; ++v) {
                const int at = y * SIZE * C + i + v * L;
                Floats<L> z_of = {}, n = {};
                if constexpr (POOLED) {
                    for (int k = 0; k < 4; ++k) {
                        const Floats<L> other = load<L>(z + under<SIZE, C>(y, i / C, k) + v * L);
                        const Floats<L> normalised = normalise(v, other);
                        const auto more = normalised > n;
                        z_of = k == 0 ? other : more ? other : z_of;
                        n = k == 0 ? normalised : more ? normalised : n;
                    }
                } else {
                    z_of = load<L>(z + at);
                    n = normalise(v, z_of);
                }
                const Floats<L> of_activated = load<L>(of_input + at);
                const Floats<L> g = n > 0 ? of_activated : of_activated * SLOPE;
                store<L>(to + at, g);
                tally.first[v] += g, tally.second[v] += g * (z_of - mean.at[v]);
            }
    tally.join(sums);
}

// The gradient of a convolution's input, as floats.
template <int SIZE, int C> struct OfInput {
    void operator()(int y, int x, int channel, Floats<lesser(C, LANES)> value) {
        store<lesser(C, LANES)>(to + (y * SIZE + x) * C + channel, value);
    }
    template <class Vector> void tally(int, Vector, Vector) {}
    float* to;
};

template <int I> void backward(Frame& frame, int part, int copy, Scratch& scratch) {
    constexpr Shape S = LAYERS[I];
    constexpr int SIZE = input_size(I), ROW = SIZE + 2, G_ROW = S.size + 2;
    Copy& mine = frame.copies[copy];
    float* share = mine.share(part) + weights_at(I);
    Sums sums{};
    std::fill_n(share, weights(I), 0.0f);
    if constexpr (S.link == Link::latent) std::fill_n(mine.share(part) + HEAD_AT, SHARE - HEAD_AT, 0.0f);
    if constexpr (S.link == Link::image) {
        std::fill_n(scratch.image, padded(SIZE, 1), 0.0f);
        for (int image = frame.begin(part); image < frame.end(part); ++image) {
            take_gradient<I>(frame, part, image, scratch.of_input, SIZE * S.out);
            const float* x = take_image(frame, image, scratch.image);
            for (int out = 0; out < S.out; out += 8)
                add_first_weight_gradient<SIZE, ROW, S.out>(x, scratch.of_input + out, share + out);
        }
    } else {
        std::fill_n(scratch.input, padded(SIZE, S.in), Number{});
        std::fill_n(scratch.gradient, padded(S.size, S.out), Number{});
        std::fill_n(scratch.phases, 16 * S.in * S.out, 0.0f);
        std::fill_n(scratch.input_pairs, PIXELS_TAKEN<SIZE> * S.in, Word{});
        for (int image = frame.begin(part); image < frame.end(part); ++image) {
            take_gradient<I>(frame, part, image, scratch.gradient + (G_ROW + 1) * S.out, G_ROW * S.out);
            take_input<I>(frame, part, image, scratch.input);
            const Word* x = neighbours(scratch.input, padded(SIZE, S.in), S.in, scratch.input_pairs);
            const Factor* g = factors(scratch.gradient, padded(S.size, S.out), S.size / SIZE * S.out, scratch.gradient_pairs);
            g += (G_ROW + 1) * S.out;
            const Word* of_output = reinterpret_cast<const Word*>(scratch.gradient);
            OfInput<SIZE, S.in> of_input{scratch.of_input};
            if constexpr (S.link == Link::upsample) {
                for (int phase = 0; phase < 4; ++phase) {
                    const int a = phase / 2, b = phase % 2;
                    add_weight_gradient<SIZE, ROW, G_ROW, 2, 2, S.in, S.out>(
                        x + (a * ROW + b) * S.in, g + (a * G_ROW + b) * S.out, scratch.phases + phase * 4 * S.in * S.out);
                }
                convolve<Word, SIZE, G_ROW, 4, 2, S.out / PAIR, S.in>(of_output, frame.backward + words_at(I), of_input);
            } else {
                add_weight_gradient<SIZE, ROW, G_ROW, 3, 1, S.in, S.out>(x, g, share);
                convolve<Word, SIZE, G_ROW, 3, 1, S.out / PAIR, S.in>(of_output, frame.backward + words_at(I), of_input);
            }
            give_gradient<I>(frame, part, image, mine, scratch.of_input, sums);
        }
    }
    if constexpr (S.link == Link::upsample)  // (phase, coarse row, out, coarse column, in) to (ky, out, kx, in)
        for (int phase = 0; phase < 4; ++phase)
            for (int tap = 0; tap < 9; ++tap) {
                const int ky = tap / 3, kx = tap % 3, row = coarse_row(phase / 2, ky), column = coarse_row(phase % 2, kx);
                for (int o = 0; o < S.out; ++o) {
                    const float* from = scratch.phases + (((phase * 2 + row) * S.out + o) * 2 + column) * S.in;
                    float* to = share + ((ky * S.out + o) * 3 + kx) * S.in;
                    for (int i = 0; i < S.in; ++i) to[i] += from[i];
                }
            }
    mine.of(BACKWARD + I, part) = sums;
}

template <int... I>
void backward(Frame& frame, int layer, int part, int copy, Scratch& scratch, std::integer_sequence<int, I...>) {
    static constexpr void (*OF[])(Frame&, int, int, Scratch&) = {backward<I>...};
    OF[layer](frame, part, copy, scratch);
}

template <template <class> class Error> void loss(Frame& frame, int part, int copy, Scratch& scratch) {
    constexpr int L = CHANNELS, VECTORS = WIDTH / L, STRIDE = PerChannel<WIDTH, LANES>::STRIDE;
    const Norm& norm = frame.norms[LAST];
    const Normalise<WIDTH, L> normalise(norm);
    const PerChannel<WIDTH, L> mean(norm.mean), weight(frame.last_weight);
    Copy& mine = frame.copies[copy];
    Sums sums{};
    Floats<L> of_weight[VECTORS] = {}, of_bias = {}, of_lane[WIDTH];
    for (int i = 0; i < WIDTH; ++i) of_lane[i] = load<L>(frame.last + i * L);
    for (int image = frame.begin(part); image < frame.end(part); ++image) {
        const Number* z = frame.output(frame.owner(FORWARD + LAST, part), LAST, image);
        Number* to = frame.gradient(mine, LAST, image);
        const float* target = take_image(frame, image, scratch.image) + SIDE + 3;
        for (int i = 0; i < PIXELS * WIDTH; i += STRIDE) {
            const Normalise<WIDTH, LANES> wide(norm);
            for (int v = 0; v < STRIDE / LANES; ++v) {
                const int at = i + v * LANES;
                store<LANES>(scratch.of_input + at, activated(wide(v, load<LANES>(z + at))));
            }
        }
        const auto difference = [&](int p) {  // of output and image, the same in every lane
            const float* y = scratch.of_input + p * WIDTH;
            Floats<L> even = Floats<L>{} + (frame.last_bias - target[p / SIDE * (SIDE + 2) + p % SIDE]), odd = {};
#pragma GCC unroll 8
            for (int i = 0; i < WIDTH; i += 2) {
                even = add_product<L>(even, of_lane[i], y[i]);
                odd = add_product<L>(odd, of_lane[i + 1], y[i + 1]);
            }
            return even + odd;
        };
        Error<decltype(difference)> error(difference, target, frame.count);
        Tally<WIDTH, L> tally;
        for (int p = 0; p < PIXELS; ++p) {
            const Floats<L> of_output = error.derivative(p);
            of_bias += of_output;
            for (int v = 0; v < VECTORS; ++v) {
                const int at = p * WIDTH + v * L;
                const Floats<L> z_of = load<L>(z + at), of_activated = weight.at[v] * of_output;
                of_weight[v] += load<L>(scratch.of_input + at) * of_output;
                const Floats<L> g = normalise(v, z_of) > 0 ? of_activated : of_activated * SLOPE;
                store<L>(to + at, g);
                tally.first[v] += g, tally.second[v] += g * (z_of - mean.at[v]);
            }
        }
        tally.join(sums);
        sums.loss += error.sum();
    }
    for (int v = 0; v < VECTORS; ++v) store<L>(mine.share(part) + FINAL_AT + v * L, of_weight[v]);
    store<L>(mine.share(part) + FINAL_AT + WIDTH, of_bias);
    mine.of(LOSS, part) = sums;
}

}  // namespace

void backward(Frame& frame, int layer, int part, int copy, Scratch& scratch) {
    backward(frame, layer, part, copy, scratch, std::make_integer_sequence<int, DEPTH>());
}

void loss(Frame& frame, int part, int copy, Scratch& scratch) {
    if (frame.likelihood == Likelihood::bernoulli)
        loss<CrossEntropy>(frame, part, copy, scratch);
    else
        loss<SquaredError>(frame, part, copy, scratch);
}

void reduce(Frame& frame, int slice, int copy, Scratch&) {
    const auto add_up = [&](int from, int count, int phase) {
        const float* shares[PARTS];
        for (int part = 0; part < PARTS; ++part) shares[part] = frame.owner(phase, part).share(part);
        for (int i = std::max(from, slice_at(slice)); i < std::min(from + count, slice_at(slice + 1)); i += 8) {
            Floats<8> sum = {};
            for (int part = 0; part < PARTS; ++part) sum += load<8>(shares[part] + i);
            store<8>(frame.copies[copy].reduced.get() + i, sum);
        }
    };
    for (int layer = 0; layer < DEPTH; ++layer) {
        add_up(weights_at(layer), weights(layer), BACKWARD + layer);
        if (LAYERS[layer].link == Link::latent) add_up(HEAD_AT, SHARE - HEAD_AT, BACKWARD + layer);
    }
    add_up(FINAL_AT, HEAD_AT - FINAL_AT, LOSS);
}

}  // namespace step

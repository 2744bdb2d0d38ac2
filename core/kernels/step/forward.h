// The phases forward, part by part.
//
// A layer leaves its convolution's raw output z with sums for its statistics. Whoever takes it as input normalises,
// activates, pools or samples on the way into a padded image that stays in the cache.
#pragma once

#include <algorithm>

#include "latent.h"
#include "products.h"

namespace step {

// One number a channel, for vectors of L over pixels of C channels; the pattern repeats after STRIDE numbers.
template <int C, int L> struct PerChannel {
    static constexpr int VECTORS = C > L ? C / L : 1, STRIDE = VECTORS * L;
    explicit PerChannel(const float* repeated) {
        for (int v = 0; v < VECTORS; ++v) at[v] = load<L>(repeated + v * L);
    }
    Floats<L> at[VECTORS];
};

// Two sums a channel, in float over an image and in double over images.
template <int C, int L> struct Tally {
    static constexpr int VECTORS = PerChannel<C, L>::VECTORS;
    void join(Sums& sums) const {
        for (int i = 0; i < VECTORS * L; ++i) {
            sums.first[i % C] += first[i / L][i % L];
            sums.second[i % C] += second[i / L][i % L];
        }
    }
    Floats<L> first[VECTORS] = {}, second[VECTORS] = {};
};

template <class Vector> inline Vector activated(Vector n) { return n > n * SLOPE ? n : n * SLOPE; }

template <int C, int L> struct Normalise {
    explicit Normalise(const Norm& norm) : factor(norm.factor), offset(norm.offset) {}
    Floats<L> operator()(int v, Floats<L> z) const { return z * factor.at[v] + offset.at[v]; }
    PerChannel<C, L> factor, offset;
};

// The four pixels of (2 SIZE, 2 SIZE, C) that pixel (y, x) is pooled from.
template <int SIZE, int C> constexpr int under(int y, int x, int k) {
    return ((2 * y + k / 2) * 2 * SIZE + 2 * x + k % 2) * C;
}

// The encoder's output (16, 8) from its last convolution's.
inline void encoded(const Norm& norm, const Number* z, float (*y)[CHANNELS]) {
    const Normalise<CHANNELS, CHANNELS> normalise(norm);
    for (int p = 0; p < LATENT_PIXELS; ++p)
        store<CHANNELS>(y[p], activated(normalise(0, load<CHANNELS>(z + p * CHANNELS))));
}

// Layer I's input, not upsampled yet, into a padded image.
template <int I> void take_input(const Frame& frame, int part, int image, Number* padded_image) {
    constexpr Shape S = LAYERS[I];
    constexpr int C = S.in, SIZE = input_size(I), ROW = (SIZE + 2) * C, L = S.link == Link::pool ? lesser(C, LANES) : LANES;
    const Norm& norm = frame.norms[I - 1];
    const Number* z = frame.output(frame.owner(FORWARD + I - 1, part), I - 1, image);
    Number* to = padded_image + ROW + C;
    if constexpr (S.link == Link::latent) {
        float y[LATENT_PIXELS][CHANNELS], latent[CHANNELS];
        encoded(norm, z, y);
        for (int p = 0; p < LATENT_PIXELS; ++p) {
            sample(frame, image, p, y[p], latent);
            store<CHANNELS>(to + p / SIZE * ROW + p % SIZE * C, load<CHANNELS>(latent));
        }
        return;
    }
    const Normalise<C, L> normalise(norm);
    constexpr int STRIDE = PerChannel<C, L>::STRIDE;
    for (int y = 0; y < SIZE; ++y)
        for (int i = 0; i < SIZE * C; i += STRIDE)
            for (int v = 0; v < STRIDE / L; ++v) {
                Floats<L> n;
                if constexpr (S.link == Link::pool) {
                    const Number* from = z + v * L;
                    n = normalise(v, load<L>(from + under<SIZE, C>(y, i / C, 0)));
                    for (int k = 1; k < 4; ++k) {
                        const Floats<L> other = normalise(v, load<L>(from + under<SIZE, C>(y, i / C, k)));
                        n = other > n ? other : n;
                    }
                } else {
                    n = normalise(v, load<L>(z + y * SIZE * C + i + v * L));
                }
                store<L>(to + y * ROW + i + v * L, activated(n));
            }
}

inline const float* take_image(const Frame& frame, int image, float* padded_image) {
    for (int y = 0; y < SIDE; ++y)
        for (int x = 0; x < SIDE; x += LANES)
            store<LANES>(padded_image + (y + 1) * (SIDE + 2) + 1 + x, load<LANES>(frame.image(image) + y * SIDE + x) / 255.0f);
    return padded_image;
}

// A convolution's output, at every STEP-th pixel from the first.
template <int SIZE, int C, int STEP> struct Output {
    static constexpr int L = lesser(C, LANES);
    void operator()(int y, int x, int channel, Floats<L> value) {
        store<L>(to + (y * STEP * SIZE + x * STEP) * C + channel, value);
    }
    void tally(int channel, Floats<L> sum, Floats<L> squares) {
        asm volatile("" : "+m"(sums));  // in memory: registers are for the products
        sums.first[channel / L] += sum, sums.second[channel / L] += squares;
    }
    Number* to;
    Tally<C, L> sums;
};

template <int I> void forward(Frame& frame, int part, int copy, Scratch& scratch) {
    constexpr Shape S = LAYERS[I];
    constexpr int SIZE = input_size(I), ROW = SIZE + 2, WIDE = S.in / PAIR;
    Sums sums{};
    std::fill_n(scratch.input, padded(SIZE, S.in), Number{});
    std::fill_n(scratch.image, padded(SIDE, 1), 0.0f);
    for (int image = frame.begin(part); image < frame.end(part); ++image) {
        Number* z = frame.output(frame.copies[copy], I, image);
        const Word* weights = frame.forward + words_at(I);
        if constexpr (S.link == Link::image) {
            Output<S.size, S.out, 1> out{z, {}};
            convolve<float, SIZE, ROW, 3, 1, 1, S.out>(take_image(frame, image, scratch.image), frame.first, out);
            out.sums.join(sums);
        } else {
            take_input<I>(frame, part, image, scratch.input);
            const Word* in = reinterpret_cast<const Word*>(scratch.input);
            if constexpr (S.link == Link::upsample) {
                for (int phase = 0; phase < 4; ++phase) {
                    const int a = phase / 2, b = phase % 2;
                    Output<S.size, S.out, 2> out{z + (a * S.size + b) * S.out, {}};
                    convolve<Word, SIZE, ROW, 2, 1, WIDE, S.out>(
                        in + (a * ROW + b) * WIDE, weights + phase * 4 * WIDE * S.out, out);
                    out.sums.join(sums);
                }
            } else {
                Output<S.size, S.out, 1> out{z, {}};
                convolve<Word, SIZE, ROW, 3, 1, WIDE, S.out>(in, weights, out);
                out.sums.join(sums);
            }
        }
    }
    frame.copies[copy].of(FORWARD + I, part) = sums;
}

}  // namespace step

// The error of an image, minus the logarithm of its likelihood but for a constant, and its derivative by the output.
//
// difference(p) is that of output and image at pixel p, and `image` has a frame of one pixel. Derivatives are those of
// the mean over `count` images; like differences they are the same in every lane. The sum is known after the last.
#pragma once

#include <cmath>

#include "frame.h"

namespace step {

template <class Difference> struct SquaredError {
    SquaredError(const Difference& difference, const float*, int count)
        : difference(difference), scale(2.0f / static_cast<float>(count)) {}

    // To be asked for once for each pixel.
    Floats<CHANNELS> derivative(int p) {
        const Floats<CHANNELS> given = difference(p);
        squares += given * given;
        return given * scale;
    }
    double sum() const { return squares[0]; }

    const Difference& difference;
    const float scale;
    Floats<CHANNELS> squares = {};
};

// e^x of numbers up to 0; of those below -87 that of -87.
template <int N> inline Floats<N> exponential(Floats<N> x) {
    constexpr float ROUND = 0x1.8p23f, LOG2_E = 1.44269504f, LN2 = 0x1.62e4p-1f, LN2_REST = 1.42860677e-6f;
    x = x < -87.0f ? Floats<N>{} - 87.0f : x;
    const Floats<N> rounded = x * LOG2_E + ROUND, power = rounded - ROUND;  // e^x = 2^power e^rest
    const Floats<N> rest = x - power * LN2 - power * LN2_REST;
    Floats<N> series = Floats<N>{} + 1.0f / 5040;
    for (const float term : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 1.0f / 2, 1.0f, 1.0f}) series = series * rest + term;
    using Bits = Vector<uint32_t, N>;
    return as<Floats<N>>(as<Bits>(series) + (as<Bits>(rounded) << 23));
}

constexpr bool is_inside(int place) { return place >= PADDING && place < SIDE - PADDING; }
struct Inside {
    constexpr Inside() {
        for (int x = 0; x < SIDE; ++x) row[x] = is_inside(x);
    }
    float row[SIDE] = {};  // 1, and 0 in the padding
};
constexpr Inside INSIDE;

// Of black and white pixels, whose output is a logit; the padding says nothing.
template <class Difference> struct CrossEntropy {
    CrossEntropy(const Difference& difference, const float* image, int count) {
        const float scale = 1.0f / static_cast<float>(count);
        const Floats<LANES> none = {}, one = none + 1;
        Floats<LANES> linear = {};
        Vector<double, LANES> product = Vector<double, LANES>{} + 1.0;
        for (int p = 0; p < PIXELS; ++p) derivatives[p] = is_inside(p / SIDE) ? difference(p)[0] : 0;
        for (int y = PADDING; y < SIDE - PADDING; ++y)
            for (int x = 0; x < SIDE; x += LANES) {
                float* at = derivatives + y * SIDE + x;
                const Floats<LANES> pixel = load<LANES>(image + y * (SIDE + 2) + x), logit = load<LANES>(at) + pixel;
                const auto inside = load<LANES>(INSIDE.row + x) > 0, positive = logit > 0;
                const Floats<LANES> small = exponential<LANES>(positive ? -logit : logit), whole = one + small;
                const Floats<LANES> white = (positive ? one : small) / whole;
                store<LANES>(at, inside ? (white - pixel) * scale : none);
                // log(1 + e^logit) = max(logit, 0) + log(1 + e^-|logit|)
                linear += inside ? (positive ? logit : none) - pixel * logit : none;
                product *= __builtin_convertvector(inside ? whole : one, Vector<double, LANES>);
            }
        double all = 1;  // at most 2^784, for which a double has room
        for (int i = 0; i < LANES; ++i) total += linear[i], all *= product[i];
        total += std::log(all);
    }

    Floats<CHANNELS> derivative(int p) const { return Floats<CHANNELS>{} + derivatives[p]; }
    double sum() const { return total; }

    alignas(64) float derivatives[PIXELS];
    double total = 0;
};

}  // namespace step

// Group normalisation (Wu & He 2018) with a factor and an offset a channel and latent, and SiLU behind it.
#pragma once

#include <cmath>

#include "frame.h"

namespace denoiser {

// Within 2 units in the last place where the result is a normal number. Polynomial: Moshier, Cephes, expf.
template <int N> inline Floats<N> exponential(Floats<N> x) {
    constexpr float ROUND = 12582912;  // 1.5 * 2^23: adding it leaves no digit behind the point
    x = x < -87.0f ? Floats<N>{} - 87.0f : x;
    x = x > 88.0f ? Floats<N>{} + 88.0f : x;
    const Floats<N> whole = (x * 1.44269504f + ROUND) - ROUND, r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    Floats<N> y = r * 1.9875691500e-4f + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    const Vector<int32_t, N> power = (__builtin_convertvector(whole, Vector<int32_t, N>) + 127) << 23;
    return (y * r * r + r + 1.0f) * as<Floats<N>>(power);
}

template <int N> inline Floats<N> sigmoid(Floats<N> x) { return 1.0f / (1.0f + exponential<N>(-x)); }
template <int N> inline Floats<N> silu(Floats<N> x) { return x * sigmoid<N>(x); }
template <int N> inline Floats<N> silu_slope(Floats<N> x) {
    const Floats<N> s = sigmoid<N>(x);
    return s * (1.0f + x * (1.0f - s));
}

inline float total(Floats<8> v) { return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])); }

template <int PIXELS> constexpr int number_at(int channel, int pixel, int image) {
    return ((channel / TILE * PIXELS + pixel) * IMAGES + image) * TILE + channel % TILE;
}

template <int C, int PIXELS> [[gnu::noinline]] void normalise(const float* x, Norm& norm, Number* to) {
    constexpr int WIDTH = C / GROUPS;
    for (int image = 0; image < IMAGES; ++image)
        for (int group = 0; group < GROUPS; ++group) {
            const auto each = [&](auto visit) {
                for (int c = group * WIDTH; c < (group + 1) * WIDTH; c += 8)
                    for (int p = 0; p < PIXELS; ++p) visit(load<8>(x + number_at<PIXELS>(c, p, image)));
            };
            Floats<8> sum = {}, squares = {};
            each([&](Floats<8> value) { sum += value; });
            const float mean = total(sum) / (WIDTH * PIXELS);
            each([&](Floats<8> value) { squares += (value - mean) * (value - mean); });
            const float inverse = 1 / std::sqrt(total(squares) / (WIDTH * PIXELS) + EPSILON);
            norm.mean[image][group] = mean, norm.inverse[image][group] = inverse;
            for (int c = group * WIDTH; c < (group + 1) * WIDTH; c += 8) {
                const Floats<8> factor = load<8>(norm.factor + number_at<1>(c, 0, image));
                const Floats<8> offset = load<8>(norm.offset + number_at<1>(c, 0, image));
                for (int p = 0; p < PIXELS; ++p) {
                    const int at = number_at<PIXELS>(c, p, image);
                    store<8>(to + at, silu<8>((load<8>(x + at) - mean) * inverse * factor + offset));
                }
            }
        }
}

// In place of the gradient of what `normalise` gave that of its input; and those of factor and offset, (C, 8) each.
template <int C, int PIXELS>
[[gnu::noinline]] void normalise_backward(const float* x, const Norm& norm, float* gradient, float* of_factor, float* of_offset) {
    constexpr int WIDTH = C / GROUPS;
    for (int image = 0; image < IMAGES; ++image)
        for (int group = 0; group < GROUPS; ++group) {
            const float mean = norm.mean[image][group], inverse = norm.inverse[image][group];
            Floats<8> sum = {}, products = {};
            for (int c = group * WIDTH; c < (group + 1) * WIDTH; c += 8) {
                const int channel = number_at<1>(c, 0, image);
                const Floats<8> factor = load<8>(norm.factor + channel), offset = load<8>(norm.offset + channel);
                Floats<8> by_factor = {}, by_offset = {};
                for (int p = 0; p < PIXELS; ++p) {
                    const int at = number_at<PIXELS>(c, p, image);
                    const Floats<8> n = (load<8>(x + at) - mean) * inverse;
                    const Floats<8> g = load<8>(gradient + at) * silu_slope<8>(n * factor + offset);
                    store<8>(gradient + at, g);
                    by_factor += g * n, by_offset += g;
                }
                store<8>(of_factor + channel, by_factor);
                store<8>(of_offset + channel, by_offset);
                sum += by_offset * factor, products += by_factor * factor;
            }
            const float mean_gradient = total(sum) / (WIDTH * PIXELS), slope = total(products) / (WIDTH * PIXELS);
            for (int c = group * WIDTH; c < (group + 1) * WIDTH; c += 8) {
                const Floats<8> factor = load<8>(norm.factor + number_at<1>(c, 0, image));
                for (int p = 0; p < PIXELS; ++p) {
                    const int at = number_at<PIXELS>(c, p, image);
                    const Floats<8> n = (load<8>(x + at) - mean) * inverse;
                    store<8>(gradient + at, (load<8>(gradient + at) * factor - mean_gradient - n * slope) * inverse);
                }
            }
        }
}

}  // namespace denoiser

// Between encoder and decoder: the posterior of a pixel's latent numbers, the sample, and the KL divergence.
#pragma once

#include <cmath>

#include "frame.h"

namespace step {

// As in core.models.autoencoder.
constexpr float LOWEST_LOG_VARIANCE = -30, HIGHEST_LOG_VARIANCE = 20, SIGMA_SQUARED_FLOOR = 1e-6f;

// Of 4 numbers; `of_spread` is the log-variance's derivative by what the encoder gave, 0 where it was clamped.
struct Gaussian { float mean[LATENT_CHANNELS], log_variance[LATENT_CHANNELS], deviation[LATENT_CHANNELS], of_spread[LATENT_CHANNELS]; };

// From the encoder's 8 channels y.
inline Gaussian gaussian(const Frame& frame, const float* y) {
    float h[CHANNELS];
    for (int o = 0; o < CHANNELS; ++o) {
        h[o] = frame.posterior == Posterior::head ? frame.head_bias[o] : y[o];
        if (frame.posterior == Posterior::head)
            for (int i = 0; i < CHANNELS; ++i) h[o] += frame.head[o * CHANNELS + i] * y[i];
    }
    Gaussian result;
    for (int k = 0; k < LATENT_CHANNELS; ++k) {
        const float spread = h[LATENT_CHANNELS + k];
        result.mean[k] = h[k];
        if (frame.posterior == Posterior::sigma) {
            const float variance = spread * spread < SIGMA_SQUARED_FLOOR ? SIGMA_SQUARED_FLOOR : spread * spread;
            result.log_variance[k] = std::log(variance);
            result.of_spread[k] = spread * spread < SIGMA_SQUARED_FLOOR ? 0 : 2 / spread;
        } else {
            const float low = spread < LOWEST_LOG_VARIANCE ? LOWEST_LOG_VARIANCE : spread;
            result.log_variance[k] = low > HIGHEST_LOG_VARIANCE ? HIGHEST_LOG_VARIANCE : low;
            result.of_spread[k] = result.log_variance[k] == spread;
        }
        result.deviation[k] = std::exp(0.5f * result.log_variance[k]);
    }
    return result;
}

inline float noise_at(const Frame& frame, int image, int pixel, int k) {
    return frame.noise[static_cast<size_t>(image) * LATENT + k * LATENT_PIXELS + pixel];
}

// The sample (8, of which 4 are used) of a pixel.
inline void sample(const Frame& frame, int image, int pixel, const float* y, float* latent) {
    for (int k = 0; k < CHANNELS; ++k) latent[k] = k < LATENT_CHANNELS ? y[k] : 0;
    if (frame.posterior == Posterior::point) return;
    const Gaussian q = gaussian(frame, y);
    for (int k = 0; k < LATENT_CHANNELS; ++k) latent[k] = q.mean[k] + q.deviation[k] * noise_at(frame, image, pixel, k);
}

// The gradient of y from that of the sample, with that of the KL divergence, which is returned; the head's weight
// gradient (8, 8) and bias gradient (8) grow.
inline double sample_backward(
    const Frame& frame, int image, int pixel, const float* y, const float* of_latent, float* of_y, float* of_head) {
    for (int k = 0; k < CHANNELS; ++k) of_y[k] = k < LATENT_CHANNELS ? of_latent[k] : 0;
    if (frame.posterior == Posterior::point) return 0;
    const Gaussian q = gaussian(frame, y);
    const float pull = frame.kl_weight / static_cast<float>(frame.count);
    float of_h[CHANNELS];
    double kl = 0;
    for (int k = 0; k < LATENT_CHANNELS; ++k) {
        const float variance = q.deviation[k] * q.deviation[k];
        of_h[k] = of_latent[k] + pull * q.mean[k];
        of_h[LATENT_CHANNELS + k] = q.of_spread[k] * 0.5f
            * (of_latent[k] * noise_at(frame, image, pixel, k) * q.deviation[k] + pull * (variance - 1));
        kl += 0.5 * (static_cast<double>(variance) + q.mean[k] * q.mean[k] - q.log_variance[k] - 1);
    }
    if (frame.posterior == Posterior::sigma) {
        for (int k = 0; k < CHANNELS; ++k) of_y[k] = of_h[k];
        return kl;
    }
    for (int i = 0; i < CHANNELS; ++i) of_y[i] = 0;
    for (int o = 0; o < CHANNELS; ++o) {
        of_head[CHANNELS * CHANNELS + o] += of_h[o];
        for (int i = 0; i < CHANNELS; ++i) {
            of_head[o * CHANNELS + i] += of_h[o] * y[i];
            of_y[i] += of_h[o] * frame.head[o * CHANNELS + i];
        }
    }
    return kl;
}

}  // namespace step

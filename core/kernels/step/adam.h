// The optimizer. Kingma & Ba 2015, algorithm 1.
#pragma once

#include <cmath>
#include <cstdint>

namespace step {

// Numbers and their moments where PyTorch has them, and how many steps they took.
struct Parameter {
    float *value, *gradient, *moment, *square, *steps;
    int64_t count;
};
struct Adam { double rate, beta1, beta2, epsilon; };

// What a parameter's step does to numbers of it.
struct Update {
    float length, unbias, keep, take1, take2, epsilon;

    void operator()(float* value, float* moment, float* square, const float* gradient, int64_t count) const {
        for (int64_t i = 0; i < count; ++i) {
            const float g = gradient[i];
            moment[i] += take1 * (g - moment[i]);
            square[i] = keep * square[i] + take2 * g * g;
            value[i] -= length * moment[i] / (std::sqrt(square[i]) * unbias + epsilon);
        }
    }
};

// Counts the step.
inline Update next_update(const Adam& adam, const Parameter& parameter) {
    const double step = *parameter.steps += 1;
    return {static_cast<float>(adam.rate / (1 - std::pow(adam.beta1, step))),
            static_cast<float>(1 / std::sqrt(1 - std::pow(adam.beta2, step))),
            static_cast<float>(adam.beta2), static_cast<float>(1 - adam.beta1),
            static_cast<float>(1 - adam.beta2), static_cast<float>(adam.epsilon)};
}

}  // namespace step

// Numbers that only look random, for the drivers.
#pragma once

#include <cstdio>
#include <deque>
#include <vector>

#include "../../../core/kernels/step/adam.h"

#ifdef AMX
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

#ifdef AMX
const long permission = syscall(SYS_arch_prctl, 0x1023, 18);  // for tiles, as core/kernels/compiler.py asks for it
#endif

uint32_t state = 1;

float number() {  // in [-1/2, 1/2)
    state = state * 1664525u + 1013904223u;
    return static_cast<float>(state >> 8) / (1 << 24) - 0.5f;
}

std::deque<std::vector<float>> memory;

float* numbers(int count, float size, float about = 0) {
    std::vector<float> made(static_cast<size_t>(count));
    for (float& value : made) value = about + size * number();
    memory.push_back(std::move(made));
    return memory.back().data();
}

step::Parameter parameter(int count, float size, float about = 0) {
    return {numbers(count, size, about), numbers(count, 0), numbers(count, 0), numbers(count, 0), numbers(1, 0), count};
}

// Of all values, and of all gradients.
void print_lengths(const std::vector<step::Parameter>& parameters) {
    double values = 0, gradients = 0;
    for (const step::Parameter& one : parameters)
        for (int64_t i = 0; i < one.count; ++i) {
            values += one.value[i] * one.value[i];
            gradients += one.gradient[i] * one.gradient[i];
        }
    std::printf("%.9g %.9g\n", std::sqrt(values), std::sqrt(gradients));
}

}  // namespace

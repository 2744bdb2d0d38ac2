// What a step does after its forward pass; see backward.cpp.
#pragma once

#include "frame.h"

namespace step {

// The last 1x1 convolution, the likelihood's error, and back to the last layer's normalised output.
void loss(Frame& frame, int part, int copy, Scratch& scratch);

// From the gradient of a layer's output to that of its weights, and of the layer's output before.
void backward(Frame& frame, int layer, int part, int copy, Scratch& scratch);

// A slice of the weight gradients: sums over the parts, always in their order.
void reduce(Frame& frame, int slice, int copy, Scratch& scratch);

}  // namespace step

// The products of a training step over one image: a convolution, and the gradient of its weights.
//
// Images are channels last in a frame of zeros, ROW pixels a row, the first pixel of the frame first.
#pragma once

#include <type_traits>

#include "numbers.h"

#ifdef AMX
#include "tiles.h"
#endif

namespace step {

// Gives sink(y, x, channel, vector) the pixels (SIZE, SIZE, OUT) of the convolution with weights (TAPS, TAPS, IN, OUT),
// and sink.tally(channel, sum, sum of squares) now and then. IN is counted in words.
template <class T, int SIZE, int ROW, int TAPS, int STRIDE, int IN, int OUT, class Sink>
[[gnu::noinline]] void convolve(const T* in, const T* weights, Sink& sink) {
#ifdef AMX
    if constexpr (std::is_same_v<T, Word>) return tiles::convolve<SIZE, ROW, TAPS, STRIDE, IN, OUT>(in, weights, sink);
#endif
    constexpr int L = lesser(OUT, LANES), WIDE = lesser(OUT / L, 2);
    constexpr int COLUMNS = lesser(SIZE, SUMS / WIDE), ROWS = lesser(SIZE, SUMS / WIDE / COLUMNS);
    for (int out = 0; out < OUT; out += WIDE * L)
        for (int y = 0; y < SIZE; y += ROWS)
            for (int x = 0; x < SIZE; x += COLUMNS) {
                Floats<L> sums[ROWS][COLUMNS][WIDE] = {};
                const T* b = weights + out;
                for (int ky = 0; ky < TAPS; ++ky) {
                    const T* a = in + ((y * STRIDE + ky) * ROW + x * STRIDE) * IN;
                    // Pixels of a row lie side by side, so a row of the kernel is one row of products.
#pragma GCC unroll 4
                    for (int i = 0; i < TAPS * IN; ++i, b += OUT) {
                        Vector<T, L> weight[WIDE];
#pragma GCC unroll 2
                        for (int w = 0; w < WIDE; ++w) weight[w] = fetch<T, L>(b + w * L);
#pragma GCC unroll 16
                        for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 16
                            for (int c = 0; c < COLUMNS; ++c)
#pragma GCC unroll 2
                                for (int w = 0; w < WIDE; ++w)
                                    sums[r][c][w] =
                                        add_product<L>(sums[r][c][w], weight[w], a[(r * ROW + c) * STRIDE * IN + i]);
                    }
                }
#pragma GCC unroll 2
                for (int w = 0; w < WIDE; ++w) {
                    Floats<L> sum = {}, squares = {};
#pragma GCC unroll 16
                    for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 16
                        for (int c = 0; c < COLUMNS; ++c) {
                            const Floats<L> value = sums[r][c][w];
                            sink(y + r, x + c, out + w * L, value);
                            sum += value, squares += value * value;
                        }
                    sink.tally(out + w * L, sum, squares);
                }
            }
}

#ifdef AMX
using tiles::add_weight_gradient, tiles::PIXELS_TAKEN;
#else
template <int SIZE> constexpr int PIXELS_TAKEN = 0;

// Adds to the gradient (TAPS, OUT, TAPS, IN) of a convolution's weights the products of its input x and the gradient g
// of its output, (SIZE, SIZE) pixels; those of g are STRIDE apart. A word holds a channel of two neighbours.
template <int SIZE, int ROW, int G_ROW, int TAPS, int STRIDE, int IN, int OUT>
[[gnu::noinline]] void add_weight_gradient(const Word* x, const Word* g, float* gradient) {
    constexpr int L = lesser(IN, LANES), WINDOW = TAPS * IN;
    for (int ky = 0; ky < TAPS; ++ky)
        for (int out = 0; out < OUT; out += OUTPUTS)
            for (int at = 0; at < WINDOW; at += TAPS * L) {
                Floats<L> sums[OUTPUTS][TAPS] = {};
                for (int y = 0; y < SIZE; ++y) {
                    const Word *row = x + (y + ky) * ROW * IN + at, *b = g + y * STRIDE * G_ROW * OUT + out;
                    for (int p = 0; p < SIZE; p += PAIR) {
                        const Word* a = row + p * IN;
                        asm("" : "+r"(a));  // or g++ keeps vectors for the next pixel and spills the sums
                        Vector<Word, L> window[TAPS];
#pragma GCC unroll 3
                        for (int k = 0; k < TAPS; ++k) window[k] = fetch<Word, L>(a + k * L);
#pragma GCC unroll 8
                        for (int o = 0; o < OUTPUTS; ++o)
#pragma GCC unroll 3
                            for (int k = 0; k < TAPS; ++k)
                                sums[o][k] = add_product<L>(sums[o][k], window[k], b[p * STRIDE * OUT + o]);
                    }
                }
#pragma GCC unroll 8
                for (int o = 0; o < OUTPUTS; ++o)
#pragma GCC unroll 3
                    for (int k = 0; k < TAPS; ++k) {
                        float* to = gradient + (ky * OUT + out + o) * WINDOW + at + k * L;
                        store<L>(to, load<L>(to) + sums[o][k]);
                    }
            }
}

#endif

// The same for eight output channels of the first layer, whose input has one: of the gradient (9, OUT).
template <int SIZE, int ROW, int OUT>
[[gnu::noinline]] void add_first_weight_gradient(const float* x, const float* g, float* gradient) {
    Floats<8> sums[9] = {};
    for (int y = 0; y < SIZE; ++y)
        for (int p = 0; p < SIZE; ++p) {
            const Floats<8> of_pixel = load<8>(g + (y * SIZE + p) * OUT);
            const float* a = x + y * ROW + p;
            asm("" : "+r"(a));
#pragma GCC unroll 9
            for (int tap = 0; tap < 9; ++tap)
                sums[tap] = add_product<8>(sums[tap], of_pixel, a[tap / 3 * ROW + tap % 3]);
        }
    for (int tap = 0; tap < 9; ++tap) store<8>(gradient + tap * OUT, load<8>(gradient + tap * OUT) + sums[tap]);
}

// Words of the pixels of a padded image and of those `apart` to the right.
inline const Word* neighbours(const Number* image, int numbers, int apart, Word* pairs) {
#ifdef BFLOAT16
    for (int i = 0; i < numbers - apart; ++i) pairs[i] = image[i] | static_cast<uint32_t>(image[i + apart]) << 16;
    return pairs;
#else
    (void)numbers, (void)apart, (void)pairs;
    return image;
#endif
}

// What add_weight_gradient takes of an output's gradient.
#ifdef AMX
using Factor = Number;
inline const Factor* factors(const Number* image, int, int, Word*) { return image; }
#else
using Factor = Word;
inline const Factor* factors(const Number* image, int numbers, int apart, Word* pairs) {
    return neighbours(image, numbers, apart, pairs);
}
#endif

}  // namespace step

// What a convolution block does besides its convolution, in as few passes over memory as it takes.
//
// Images are laid out channels last, (B, H, W, C). Their numbers are stored as float, or as bfloat16 with -DBFLOAT16;
// arithmetic is in single precision, sums over images in double. core/kernels.py compiles this file and checks shapes.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include <omp.h>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

#ifdef BFLOAT16
using Number = uint16_t;
#else
using Number = float;
#endif

namespace {

constexpr int LANES = 16;            // numbers in a vector; the compiler splits it where registers are shorter
constexpr int VECTORS = 4;           // vectors worked on at once
constexpr int PACK = LANES * VECTORS;
constexpr long CHUNK = 128;          // packs summed in single precision before they join a sum in double
constexpr int TAPS = 9;               // of a 3x3 kernel
constexpr int EIGHT = 8;             // the fewest channels of one pixel that are worked on at once

template <class T, int N> struct Lanes { typedef T type __attribute__((vector_size(N * sizeof(T)))); };
template <int N> using Floats = typename Lanes<float, N>::type;
template <int N> using Words = typename Lanes<uint32_t, N>::type;
template <int N> using Halves = typename Lanes<uint16_t, N>::type;

template <class To, class From> inline To as(From from) {
    static_assert(sizeof(To) == sizeof(From), "");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

// A bfloat16 is the upper half of a float; storing rounds to the nearest, ties to even.

template <int N> inline Floats<N> load(const float* from) {
    Floats<N> numbers;
    std::memcpy(&numbers, from, sizeof numbers);
    return numbers;
}

template <int N> inline Floats<N> load(const uint16_t* from) {
    Halves<N> halves;
    std::memcpy(&halves, from, sizeof halves);
    return as<Floats<N>>(__builtin_convertvector(halves, Words<N>) << 16);
}

template <int N> inline void store(float* to, Floats<N> numbers) { std::memcpy(to, &numbers, sizeof numbers); }

template <int N> inline void store(uint16_t* to, Floats<N> numbers) {
    const Words<N> words = as<Words<N>>(numbers);
    const Halves<N> halves = __builtin_convertvector((words + 0x7fff + ((words >> 16) & 1)) >> 16, Halves<N>);
    std::memcpy(to, &halves, sizeof halves);
}

// One number a channel, repeated over a pack.
struct Pack {
    Floats<LANES> at[VECTORS];
    Pack(const float* values, int channels) {
        for (int i = 0; i < PACK; ++i) at[i / LANES][i % LANES] = values[i % channels];
    }
};

template <class Work> void for_each_vector(long packs, Work work) {
#pragma omp parallel for schedule(static)
    for (long pack = 0; pack < packs; ++pack)
        for (int i = 0; i < VECTORS; ++i) work(pack * PACK + i * LANES, i);
}

// Two sums a channel over all pixels. Each thread always gets the same share, so results repeat bit for bit.
template <class Term> void sum(long packs, int channels, double* first, double* second, Term term) {
    const int threads = omp_get_max_threads();
    std::vector<double> shares(static_cast<size_t>(threads) * 2 * PACK, 0.0);
#pragma omp parallel num_threads(threads)
    {
        double* share = shares.data() + static_cast<size_t>(omp_get_thread_num()) * 2 * PACK;
#pragma omp for schedule(static)
        for (long begin = 0; begin < packs; begin += CHUNK) {
            Floats<LANES> a[VECTORS] = {}, b[VECTORS] = {};
            const long end = begin + CHUNK < packs ? begin + CHUNK : packs;
            for (long pack = begin; pack < end; ++pack)
                for (int i = 0; i < VECTORS; ++i) term(pack * PACK + i * LANES, i, a[i], b[i]);
            for (int i = 0; i < PACK; ++i) {
                share[i] += a[i / LANES][i % LANES];
                share[PACK + i] += b[i / LANES][i % LANES];
            }
        }
    }
    for (int c = 0; c < channels; ++c) first[c] = second[c] = 0;
    for (int thread = 0; thread < threads; ++thread)
        for (int i = 0; i < PACK; ++i) {
            first[i % channels] += shares[(2 * thread) * PACK + i];
            second[i % channels] += shares[(2 * thread + 1) * PACK + i];
        }
}

// What each thread summed, together.
inline void add_up(const std::vector<double>& shares, int threads, int numbers, float* result) {
    for (int i = 0; i < numbers; ++i) {
        double total = 0;
        for (int thread = 0; thread < threads; ++thread) total += shares[static_cast<size_t>(thread) * numbers + i];
        result[i] = static_cast<float>(total);
    }
}

// An image (size, size) with a margin, each pixel eight times: two neighbours fill a vector.
class Spread {
  public:
    explicit Spread(int size)
        : size_(size), pixels_(static_cast<size_t>(size + 2) * (size + 2) * EIGHT, 0.0f), row_(size + EIGHT) {}

    void take(const Number* image) {
        for (int i = 0; i < size_; ++i) {
            std::memcpy(row_.data(), image + i * size_, size_ * sizeof(Number));
            for (int j = 0; j < size_; ++j)
                store<EIGHT>(&pixels_[((i + 1) * (size_ + 2) + j + 1) * EIGHT],
                             Floats<EIGHT>{} + load<EIGHT>(row_.data() + j)[0]);
        }
    }

    const float* at(int row, int column) const { return &pixels_[(row * (size_ + 2) + column) * EIGHT]; }

  private:
    int size_;
    std::vector<float> pixels_;
    std::vector<Number> row_;  // longer than a row, since eight numbers are read at once
};

#ifdef BFLOAT16
// sum += a * b over pairs of bfloat16.
inline Floats<LANES> dot(Floats<LANES> sum, Words<LANES> a, Words<LANES> b) {
#ifdef __AVX512BF16__
    return as<Floats<LANES>>(_mm512_dpbf16_ps(as<__m512>(sum), as<__m512bh>(a), as<__m512bh>(b)));
#else
    const Words<LANES> upper = Words<LANES>{} + 0xffff0000;
    return sum + as<Floats<LANES>>(a << 16) * as<Floats<LANES>>(b << 16) +
           as<Floats<LANES>>(a & upper) * as<Floats<LANES>>(b & upper);
#endif
}
#endif

// Pixel (2i + a, 2j + b) of the fine image (B, 2 size, 2 size, C) is pixel (i + a, j + b) of plane (a, b) of the
// coarse one, (B, size + 1, size + 1, 2, 2, C). Calls visit(coarse, fine) with both offsets, eight channels at a time.
template <class Visit> void weave(long image, int size, int channels, Visit visit) {
    const long coarse = image * (size + 1) * (size + 1) * 4 * channels, fine = image * 4 * size * size * channels;
    for (int i = 0; i < size; ++i)
        for (int a = 0; a < 2; ++a)
            for (int j = 0; j < size; ++j)
                for (int b = 0; b < 2; ++b)
                    for (int c = 0; c < channels; c += EIGHT)
                        visit(coarse + ((((i + a) * (size + 1) + j + b) * 2 + a) * 2 + b) * channels + c,
                              fine + ((2 * i + a) * 2 * size + 2 * j + b) * channels + c);
}

}  // namespace

extern "C" {

// Batch normalisation (Ioffe & Szegedy 2015) and a leaky ReLU. `bias` is that of the convolution before, which
// normalisation removes again: it only shifts the running mean. `statistics` are the mean and 1 / standard deviation of
// each channel in this batch.
void normalise(const Number* x, Number* y, long count, int channels, const float* scale, const float* shift,
               const float* bias, float slope, float epsilon, float momentum, float* statistics, float* running_mean,
               float* running_variance) {
    const long packs = count / PACK;
    const double pixels = static_cast<double>(count) / channels;
    float *mean = statistics, *inverse = statistics + channels;
    double sums[PACK], squares[PACK];
    sum(packs, channels, sums, squares, [=](long at, int, Floats<LANES>& a, Floats<LANES>& b) {
        const Floats<LANES> v = load<LANES>(x + at);
        a += v;
        b += v * v;
    });
    float factor[PACK], offset[PACK];
    for (int c = 0; c < channels; ++c) {
        const double centre = sums[c] / pixels, spread = squares[c] / pixels - centre * centre;
        const double variance = spread < 0 ? 0 : spread;  // rounding can push it below; a NaN stays one
        mean[c] = static_cast<float>(centre);
        inverse[c] = static_cast<float>(1 / std::sqrt(variance + epsilon));
        running_mean[c] += momentum * (mean[c] + bias[c] - running_mean[c]);
        running_variance[c] += momentum * (static_cast<float>(variance * pixels / (pixels - 1)) - running_variance[c]);
        factor[c] = scale[c] * inverse[c];
        offset[c] = shift[c] - mean[c] * factor[c];
    }
    const Pack factors(factor, channels), offsets(offset, channels);
    for_each_vector(packs, [=](long at, int i) {
        const Floats<LANES> v = load<LANES>(x + at) * factors.at[i] + offsets.at[i];
        store<LANES>(y + at, v > 0 ? v : v * slope);
    });
}

// The gradients of `normalise`, from that of y: of x, in its place, of scale and of shift.
void normalise_backward(const Number* grad, Number* x, long count, int channels, const float* scale,
                        const float* shift, float slope, const float* statistics, float* grad_scale,
                        float* grad_shift) {
    const long packs = count / PACK;
    const float pixels = static_cast<float>(static_cast<double>(count) / channels);
    const float *mean = statistics, *inverse = statistics + channels;
    float factor[PACK], offset[PACK], linear[PACK], constant[PACK];
    for (int c = 0; c < channels; ++c) {
        factor[c] = scale[c] * inverse[c];
        offset[c] = shift[c] - mean[c] * factor[c];
    }
    const Pack factors(factor, channels), offsets(offset, channels), means(mean, channels);
    const auto through_relu = [=](long at, int i, Floats<LANES> v) {
        const Floats<LANES> g = load<LANES>(grad + at);
        return v * factors.at[i] + offsets.at[i] > 0 ? g : g * slope;
    };
    double sums[PACK], products[PACK];
    sum(packs, channels, sums, products, [=](long at, int i, Floats<LANES>& a, Floats<LANES>& b) {
        const Floats<LANES> v = load<LANES>(x + at), g = through_relu(at, i, v);
        a += g;
        b += g * (v - means.at[i]);
    });
    for (int c = 0; c < channels; ++c) {
        grad_shift[c] = static_cast<float>(sums[c]);
        grad_scale[c] = static_cast<float>(products[c] * inverse[c]);
        linear[c] = -factor[c] * inverse[c] * grad_scale[c] / pixels;
        constant[c] = -factor[c] * grad_shift[c] / pixels - linear[c] * mean[c];
    }
    const Pack linears(linear, channels), constants(constant, channels);
    for_each_vector(packs, [=](long at, int i) {
        const Floats<LANES> v = load<LANES>(x + at), g = through_relu(at, i, v);
        store<LANES>(x + at, factors.at[i] * g + linears.at[i] * v + constants.at[i]);
    });
}

// The largest of each 2x2 pixels; x is (B, size, size, C).
void pool(const Number* x, Number* y, long images, int size, int channels) {
    const int half = size / 2;
    const long row = static_cast<long>(size) * channels;
#pragma omp parallel for schedule(static)
    for (long line = 0; line < images * half; ++line)
        for (int p = 0; p < half; ++p)
            for (int c = 0; c < channels; c += EIGHT) {
                const Number* at = x + 2 * line * row + 2 * p * channels + c;
                const auto a = load<EIGHT>(at), b = load<EIGHT>(at + channels);
                const auto d = load<EIGHT>(at + row), e = load<EIGHT>(at + row + channels);
                const auto upper = a >= b ? a : b, lower = d >= e ? d : e;
                store<EIGHT>(y + (line * half + p) * channels + c, upper >= lower ? upper : lower);
            }
}

// The gradient of `pool` goes to the first of the largest.
void pool_backward(const Number* grad, const Number* x, Number* grad_x, long images, int size, int channels) {
    const int half = size / 2;
    const long row = static_cast<long>(size) * channels;
#pragma omp parallel for schedule(static)
    for (long line = 0; line < images * half; ++line)
        for (int p = 0; p < half; ++p)
            for (int c = 0; c < channels; c += EIGHT) {
                const long at = 2 * line * row + 2 * p * channels + c;
                const auto a = load<EIGHT>(x + at), b = load<EIGHT>(x + at + channels);
                const auto d = load<EIGHT>(x + at + row), e = load<EIGHT>(x + at + row + channels);
                const auto upper = a >= b ? a : b, lower = d >= e ? d : e;
                const auto g = load<EIGHT>(grad + (line * half + p) * channels + c);
                const Floats<EIGHT> none = {};
                const auto above = upper >= lower ? g : none, below = upper >= lower ? none : g;
                store<EIGHT>(grad_x + at, a >= b ? above : none);
                store<EIGHT>(grad_x + at + channels, a >= b ? none : above);
                store<EIGHT>(grad_x + at + row, d >= e ? below : none);
                store<EIGHT>(grad_x + at + row + channels, d >= e ? none : below);
            }
}

void interleave(const Number* coarse, Number* fine, long images, int size, int channels) {
#pragma omp parallel for schedule(static)
    for (long image = 0; image < images; ++image)
        weave(image, size, channels, [=](long from, long to) {
            std::memcpy(fine + to, coarse + from, EIGHT * sizeof(Number));
        });
}

void interleave_backward(const Number* fine, Number* coarse, long images, int size, int channels) {
    const size_t whole = static_cast<size_t>(size + 1) * (size + 1) * 4 * channels;
#pragma omp parallel for schedule(static)
    for (long image = 0; image < images; ++image) {
        std::memset(coarse + image * whole, 0, whole * sizeof(Number));  // the planes' margins reach no pixel
        weave(image, size, channels, [=](long to, long from) {
            std::memcpy(coarse + to, fine + from, EIGHT * sizeof(Number));
        });
    }
}

// A 3x3 convolution that keeps the size, from one channel to eight: x is (B, size, size), the kernel (9, 8), y
// (B, size, size, 8). Sizes are even: two neighbours in a vector.
void convolve_first(const Number* x, const float* kernel, Number* y, long images, int size) {
    Floats<LANES> weights[TAPS];
    for (int tap = 0; tap < TAPS; ++tap)
        for (int lane = 0; lane < LANES; ++lane) weights[tap][lane] = kernel[tap * EIGHT + lane % EIGHT];
#pragma omp parallel
    {
        Spread spread(size);
#pragma omp for schedule(static)
        for (long image = 0; image < images; ++image) {
            spread.take(x + image * size * size);
            for (int i = 0; i < size; ++i)
                for (int j = 0; j < size; j += LANES / EIGHT) {
                    Floats<LANES> sum = {};
                    for (int tap = 0; tap < TAPS; ++tap)
                        sum += weights[tap] * load<LANES>(spread.at(i + tap / 3, j + tap % 3));
                    store<LANES>(y + ((image * size + i) * size + j) * EIGHT, sum);
                }
        }
    }
}

// The gradient of its kernel, from that of y.
void convolve_first_backward(const Number* grad, const Number* x, float* grad_kernel, long images, int size) {
    constexpr int NUMBERS = TAPS * EIGHT;
    const int threads = omp_get_max_threads();
    std::vector<double> shares(static_cast<size_t>(threads) * NUMBERS, 0.0);
#pragma omp parallel num_threads(threads)
    {
        double* share = shares.data() + static_cast<size_t>(omp_get_thread_num()) * NUMBERS;
        Spread spread(size);
#pragma omp for schedule(static)
        for (long image = 0; image < images; ++image) {
            spread.take(x + image * size * size);
            Floats<LANES> sums[TAPS] = {};
            for (int i = 0; i < size; ++i)
                for (int j = 0; j < size; j += LANES / EIGHT) {
                    const auto g = load<LANES>(grad + ((image * size + i) * size + j) * EIGHT);
                    for (int tap = 0; tap < TAPS; ++tap)
                        sums[tap] += g * load<LANES>(spread.at(i + tap / 3, j + tap % 3));
                }
            for (int tap = 0; tap < TAPS; ++tap)
                for (int lane = 0; lane < LANES; ++lane) share[tap * EIGHT + lane % EIGHT] += sums[tap][lane];
        }
    }
    add_up(shares, threads, NUMBERS, grad_kernel);
}

// A 1x1 convolution from eight channels to one: x is (pixels, 8), y (pixels), always float. The last of `weight` is
// the bias.
void convolve_last(const Number* x, const float* weight, float* y, long pixels) {
    const Floats<EIGHT> weights = load<EIGHT>(weight);
#pragma omp parallel for schedule(static)
    for (long pixel = 0; pixel < pixels; ++pixel) {
        const Floats<EIGHT> parts = load<EIGHT>(x + pixel * EIGHT) * weights;
        float sum = weight[EIGHT];
        for (int c = 0; c < EIGHT; ++c) sum += parts[c];
        y[pixel] = sum;
    }
}

// The gradients of x and of the weight with its bias.
void convolve_last_backward(const float* grad, const Number* x, const float* weight, Number* grad_x,
                            float* grad_weight, long pixels) {
    constexpr int NUMBERS = EIGHT + 1;
    const Floats<EIGHT> weights = load<EIGHT>(weight);
    const int threads = omp_get_max_threads();
    std::vector<double> shares(static_cast<size_t>(threads) * NUMBERS, 0.0);
#pragma omp parallel num_threads(threads)
    {
        double* share = shares.data() + static_cast<size_t>(omp_get_thread_num()) * NUMBERS;
#pragma omp for schedule(static)
        for (long begin = 0; begin < pixels; begin += CHUNK) {
            Floats<EIGHT> sums = {};
            float bias = 0;
            const long end = begin + CHUNK < pixels ? begin + CHUNK : pixels;
            for (long pixel = begin; pixel < end; ++pixel) {
                store<EIGHT>(grad_x + pixel * EIGHT, weights * grad[pixel]);
                sums += load<EIGHT>(x + pixel * EIGHT) * grad[pixel];
                bias += grad[pixel];
            }
            for (int c = 0; c < EIGHT; ++c) share[c] += sums[c];
            share[EIGHT] += bias;
        }
    }
    add_up(shares, threads, NUMBERS, grad_weight);
}

#ifdef BFLOAT16
// A 3x3 convolution that keeps the size, from eight channels to eight: x and y are (B, size, size, 8), the kernel is
// (8 out, 3, 3, 8 in). A vector holds the eight results of two neighbours; sizes are multiples of 16.
void convolve_eight(const Number* x, const Number* kernel, Number* y, long images, int size) {
    constexpr int PAIRS = EIGHT / 2, NEIGHBOURS = LANES / EIGHT, AT_ONCE = 8;
    const int wide = size + 2;
    Words<LANES> weights[TAPS][PAIRS], spread[PAIRS];
    for (int lane = 0; lane < LANES; ++lane)
        for (int pair = 0; pair < PAIRS; ++pair) {
            spread[pair][lane] = (lane / EIGHT) * PAIRS + pair;
            for (int tap = 0; tap < TAPS; ++tap) {
                uint32_t word;
                std::memcpy(&word, kernel + ((lane % EIGHT) * TAPS + tap) * EIGHT + 2 * pair, sizeof word);
                weights[tap][pair][lane] = word;
            }
        }
#pragma omp parallel
    {
        std::vector<Number> padded(static_cast<size_t>(wide) * wide * EIGHT + 2 * LANES);
#pragma omp for schedule(static)
        for (long image = 0; image < images; ++image) {
            for (int i = 0; i < size; ++i)
                std::memcpy(&padded[((i + 1) * wide + 1) * EIGHT], x + (image * size + i) * size * EIGHT,
                            size * EIGHT * sizeof(Number));
            for (int i = 0; i < size; ++i)
                for (int j = 0; j < size; j += NEIGHBOURS * AT_ONCE) {
                    Floats<LANES> sums[AT_ONCE] = {};
                    for (int tap = 0; tap < TAPS; ++tap) {
                        const Number* from = &padded[((i + tap / 3) * wide + j + tap % 3) * EIGHT];
                        for (int n = 0; n < AT_ONCE; ++n) {
                            Words<LANES> pixels;  // the first two of these four
                            std::memcpy(&pixels, from + n * NEIGHBOURS * EIGHT, sizeof pixels);
                            for (int pair = 0; pair < PAIRS; ++pair)
                                sums[n] = dot(sums[n], __builtin_shuffle(pixels, spread[pair]), weights[tap][pair]);
                        }
                    }
                    for (int n = 0; n < AT_ONCE; ++n)
                        store<LANES>(y + ((image * size + i) * size + j + n * NEIGHBOURS) * EIGHT, sums[n]);
                }
        }
    }
}
#endif

}  // extern "C"

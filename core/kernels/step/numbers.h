// Vectors of numbers, and the two kinds of number that the products are made of: float, or bfloat16 in pairs.
#pragma once

#include <cstdint>
#include <cstring>

#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

namespace step {

constexpr int lesser(int a, int b) { return a < b ? a : b; }

#ifdef __AVX512F__
constexpr int LANES = 16;  // numbers in a vector
constexpr int SUMS = 16;   // vectors that a convolution sums up in registers
constexpr int OUTPUTS = 8; // output channels whose weight gradient is summed up in registers
#else
constexpr int LANES = 8, SUMS = 8, OUTPUTS = 4;
#endif

template <class T, int N> struct VectorOf { typedef T type __attribute__((vector_size(N * sizeof(T)))); };
template <class T, int N> using Vector = typename VectorOf<T, N>::type;
template <int N> using Floats = Vector<float, N>;

// A number is what is kept between layers, a word is what a product multiplies: two bfloat16 are two products.
#ifdef BFLOAT16
using Number = uint16_t;
using Word = uint32_t;
#else
using Number = float;
using Word = float;
#endif
constexpr int PAIR = sizeof(Word) / sizeof(Number);

template <class To, class From> inline To as(From from) {
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

template <class T, int N> inline Vector<T, N> fetch(const T* from) {
    Vector<T, N> vector;
    std::memcpy(&vector, from, sizeof vector);
    return vector;
}

template <int N> inline Floats<N> load(const float* from) { return fetch<float, N>(from); }

template <int N> inline Floats<N> load(const uint16_t* from) {
    return as<Floats<N>>(__builtin_convertvector((fetch<uint16_t, N>(from)), Vector<uint32_t, N>) << 16);
}

template <int N> inline Floats<N> load(const uint8_t* from) {
    return __builtin_convertvector((fetch<uint8_t, N>(from)), Floats<N>);
}

// The upper half of floats, rounded to the nearest, ties to even.
template <class Words> inline Words upper_half(Words word) { return (word + 0x7fff + ((word >> 16) & 1)) >> 16; }

template <int N> inline void store(float* to, Floats<N> vector) { std::memcpy(to, &vector, sizeof vector); }

template <int N> inline void store(uint16_t* to, Floats<N> vector) {
#ifdef __AVX512BF16__
    if constexpr (N == 16) {
        const __m256bh halves = _mm512_cvtneps_pbh(as<__m512>(vector));
        std::memcpy(to, &halves, sizeof halves);
        return;
    }
#ifdef AMX  // elsewhere runs go on with the bits that they were begun with
    if constexpr (N == 8) {
        const __m128bh halves = _mm256_cvtneps_pbh(as<__m256>(vector));
        std::memcpy(to, &halves, sizeof halves);
        return;
    }
#endif
#endif
    const auto halves = __builtin_convertvector((upper_half(as<Vector<uint32_t, N>>(vector))), Vector<uint16_t, N>);
    std::memcpy(to, &halves, sizeof halves);
}

// What a product takes for one float, or for two.
inline float word(float number, float) { return number; }
inline uint32_t packed(float low, float high) {
    return upper_half(as<uint32_t>(low)) | upper_half(as<uint32_t>(high)) << 16;
}
inline Word to_word(float low, float high) {
#ifdef BFLOAT16
    return packed(low, high);
#else
    return word(low, high);
#endif
}

// sum + a b, where b is the same for all lanes.
template <int N> inline Floats<N> add_product(Floats<N> sum, Floats<N> a, float b) { return sum + a * b; }

template <int N> inline Floats<N> add_product(Floats<N> sum, Vector<uint32_t, N> a, uint32_t b) {
#ifdef __AVX512BF16__
    if constexpr (N == 16)
        return as<Floats<N>>(
            _mm512_dpbf16_ps(as<__m512>(sum), as<__m512bh>(a), as<__m512bh>(_mm512_set1_epi32(static_cast<int>(b)))));
    if constexpr (N == 8)
        return as<Floats<N>>(
            _mm256_dpbf16_ps(as<__m256>(sum), as<__m256bh>(a), as<__m256bh>(_mm256_set1_epi32(static_cast<int>(b)))));
#endif
    const Vector<uint32_t, N> same = Vector<uint32_t, N>{} + b, upper = Vector<uint32_t, N>{} + 0xffff0000u;
    return sum + as<Floats<N>>(a << 16) * as<Floats<N>>(same << 16)
        + as<Floats<N>>(a & upper) * as<Floats<N>>(same & upper);
}

}  // namespace step

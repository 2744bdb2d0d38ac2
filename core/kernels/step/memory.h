// Memory in large pages.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace step {

struct Free { void operator()(void* memory) const { std::free(memory); } };
template <class T> using Block = std::unique_ptr<T[], Free>;

// Uninitialised; what is never touched takes no memory.
template <class T> Block<T> allocate(size_t count) {
    const size_t huge = size_t{1} << 21, bytes = (count * sizeof(T) + huge - 1) / huge * huge;
    void* memory = std::aligned_alloc(huge, bytes);
    if (memory == nullptr) throw std::bad_alloc();
#ifdef __linux__
    madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return Block<T>(static_cast<T*>(memory));
}

}  // namespace step

// Threads that help one caller with work in parts, and never make it wait.
//
// Who has time claims the next part, the caller like everybody. A part that a helper began and does not end in time,
// because something else runs in its place, the caller does again into a second copy of the part's memory; what ended
// first counts. Results do not depend on who did what, so neither do bits. What a helper that is late may still read
// lies in a frame that is not used for new work before the helper has left it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include <signal.h>
#include <unistd.h>

namespace step {

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Frame: std::atomic<int> readers, and std::atomic<int> done[phases][parts]: 1 + the copy that counts, 0 before.
// Scratch: a thread's own memory. Work: work(frame, phase, part, copy, scratch).
template <class Frame, class Scratch, int PARTS> class Crew {
    using Clock = std::chrono::steady_clock;

 public:
    using Work = void (*)(Frame&, int phase, int part, int copy, Scratch&);

    Crew(int helpers, long patience_us, Work work)
        : work_(work), patience_(std::chrono::microseconds(patience_us)), owner_(getpid()) {
        sigset_t all, before;  // signals are the main thread's
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        try {
            for (int i = 0; i < helpers; ++i) helpers_.emplace_back([this] { help(); });
        } catch (const std::system_error&) {  // no more threads to be had: those that came, or the caller alone
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    ~Crew() {
        stopping_.store(true);
        {
            std::lock_guard<std::mutex> lock(mutex_);
            bell_.notify_all();
        }
        for (std::thread& helper : helpers_) helper.join();
    }

    // Whether this is a process forked later, which has none of the helpers to join.
    bool is_forked() const { return getpid() != owner_; }

    // A frame that nobody reads, for the phases that follow. One more than there are helpers suffice.
    Frame& next_frame(int batch) {
        for (auto& frame : frames_)
            if (frame->readers.load(std::memory_order_acquire) == 0) return begin(*frame);
        frames_.push_back(std::make_unique<Frame>(batch));
        return begin(*frames_.back());
    }

    // Do all parts of a phase; each once where what it changes would not bear twice.
    void run(int phase, bool once = false) {
        Frame& frame = *current_.load(std::memory_order_relaxed);
        uint64_t seen = ++turn_ << 16 | static_cast<uint64_t>(phase) << 8;
        counter_.store(seen);
        if (sleepers_.load() > 0) {
            std::lock_guard<std::mutex> lock(mutex_);
            bell_.notify_all();
        }
        for (; has_parts(seen); seen = counter_.load(std::memory_order_acquire))
            if (counter_.compare_exchange_strong(seen, seen + 1)) do_part(frame, seen, 0, scratch_);
        const auto waited_since = Clock::now();
        for (int part = 0; part < PARTS; ++part)
            while (frame.done[phase][part].load(std::memory_order_acquire) == 0) {
                relax();
                if (once || Clock::now() - waited_since < patience_) continue;
                do_part(frame, (seen & ~uint64_t{255}) | static_cast<uint64_t>(part), 1, scratch_);
                ++redone_;
            }
    }

    long redone() const { return redone_; }

 private:
    static bool has_parts(uint64_t seen) { return (seen & 255) < PARTS; }

    Frame& begin(Frame& frame) {
        for (auto& phase : frame.done)
            for (auto& part : phase) part.store(0, std::memory_order_relaxed);
        current_.store(&frame, std::memory_order_release);
        return frame;
    }

    void do_part(Frame& frame, uint64_t claimed, int copy, Scratch& scratch) {
        const int phase = claimed >> 8 & 255, part = claimed & 255;
        work_(frame, phase, part, copy, scratch);
        int none = 0;
        frame.done[phase][part].compare_exchange_strong(none, 1 + copy, std::memory_order_acq_rel);
    }

    // Whether a part was claimed and done. The frame is entered first: once a part is claimed it must not be used anew.
    bool help_once(Scratch& scratch) {
        uint64_t seen = counter_.load();
        if (!has_parts(seen)) return false;
        Frame& frame = *current_.load(std::memory_order_acquire);
        frame.readers.fetch_add(1);
        if (counter_.compare_exchange_strong(seen, seen + 1)) do_part(frame, seen, 0, scratch);
        frame.readers.fetch_sub(1, std::memory_order_release);
        return true;
    }

    void help() {
        const auto scratch = std::make_unique<Scratch>();
        while (!stopping_.load(std::memory_order_relaxed)) {
            const auto rest_at = Clock::now() + std::chrono::microseconds(5);
            bool worked = false;
            while (!(worked = help_once(*scratch)) && Clock::now() < rest_at)
                for (int i = 0; i < 20; ++i) relax();
            if (worked) continue;
            std::unique_lock<std::mutex> lock(mutex_);
            sleepers_.fetch_add(1);
            bell_.wait(lock, [this] { return has_parts(counter_.load()) || stopping_.load(); });
            sleepers_.fetch_sub(1);
        }
    }

    const Work work_;
    const Clock::duration patience_;
    const pid_t owner_;
    Scratch scratch_;
    std::vector<std::unique_ptr<Frame>> frames_;
    std::atomic<Frame*> current_{nullptr};
    uint64_t turn_ = 0;
    long redone_ = 0;
    alignas(64) std::atomic<uint64_t> counter_{PARTS};  // turn << 16 | phase << 8 | next part
    alignas(64) std::atomic<int> sleepers_{0};
    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::condition_variable bell_;
    std::vector<std::thread> helpers_;  // last: they use all the rest
};

}  // namespace step

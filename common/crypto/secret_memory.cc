#include "common/crypto/secret_memory.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include <sodium.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace tunneld::crypto {
namespace {

constexpr std::size_t kChunkSize = std::size_t{64} << 10;
constexpr std::size_t kAlignment = 64;

constexpr std::size_t round_up(std::size_t size, std::size_t unit) {
  return (size + unit - 1) / unit * unit;
}

/// Lets AddressSanitizer detect a worker that uses a key after the control thread has freed it.
void set_poisoned([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t size,
                  [[maybe_unused]] bool poisoned) {
#ifdef __SANITIZE_ADDRESS__
  if (poisoned) {
    ASAN_POISON_MEMORY_REGION(memory, size);
  } else {
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
  }
#endif
}

class Arena {
 public:
  void* take(std::size_t size) {
    const std::size_t block = round_up(size, kAlignment);
    const std::scoped_lock lock(mutex_);
    SizeClass& size_class = classes_[block];
    if (size_class.free.empty()) add_chunk(size_class, block);
    void* const memory = size_class.free.back();
    size_class.free.pop_back();
    set_poisoned(memory, block, false);
    return memory;
  }

  void give(void* memory, std::size_t size) noexcept {
    const std::size_t block = round_up(size, kAlignment);
    sodium_memzero(memory, block);
    set_poisoned(memory, block, true);
    const std::scoped_lock lock(mutex_);
    classes_.find(block)->second.free.push_back(memory);  // add_chunk() has reserved the room
  }

  [[nodiscard]] bool lock_failed() const { return lock_failed_.load(std::memory_order_relaxed); }

 private:
  struct SizeClass {
    std::vector<void*> free;
    std::size_t blocks = 0;  ///< the number ever made, free or not
  };

  void add_chunk(SizeClass& size_class, std::size_t block) {
    const std::size_t size = round_up(block, kChunkSize);
    const std::size_t count = size / block;
    size_class.free.reserve(size_class.blocks + count);
    auto* const chunk = map_between_guards(size);
    if (sodium_mlock(chunk, size) != 0) lock_failed_.store(true, std::memory_order_relaxed);
    size_class.blocks += count;
    // In reverse, so that blocks are handed out from the start of the chunk.
    for (std::size_t i = count; i-- > 0;) size_class.free.push_back(chunk + i * block);
    set_poisoned(chunk, size, true);
  }

  static std::byte* map_between_guards(std::size_t size) {
    const auto guard = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* const range = mmap(nullptr, guard + size + guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (range == MAP_FAILED) throw std::bad_alloc();
    auto* const chunk = static_cast<std::byte*>(range) + guard;
    if (mprotect(chunk, size, PROT_READ | PROT_WRITE) != 0) {
      munmap(range, guard + size + guard);
      throw std::bad_alloc();
    }
    // Optional: if the kernel lacks one of them (before 4.14 the second), keys are still locked and wiped.
    // sodium_mlock() sets the first one as well, but not in a libsodium that was built without mlock.
    madvise(chunk, size, MADV_DONTDUMP);
    madvise(chunk, size, MADV_WIPEONFORK);
    return chunk;
  }

  std::mutex mutex_;
  std::map<std::size_t, SizeClass> classes_;  ///< by block size
  std::atomic<bool> lock_failed_{false};
};

/// Never destroyed: static objects may free their keys later than any destructor here.
Arena& arena() {
  static Arena& instance = *new Arena;
  return instance;
}

}  // namespace

void* allocate_secret(std::size_t size) {
  return arena().take(size);
}

void free_secret(void* memory, std::size_t size) noexcept {
  if (memory != nullptr) arena().give(memory, size);
}

bool secret_lock_failed() {
  return arena().lock_failed();
}

}  // namespace tunneld::crypto

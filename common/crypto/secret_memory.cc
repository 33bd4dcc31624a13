#include "common/crypto/secret_memory.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include <sodium.h>
#include <sys/mman.h>

namespace tunneld::crypto {
namespace {

constexpr std::size_t kChunkSize = std::size_t{64} << 10;
constexpr std::size_t kAlignment = 64;

std::size_t block_size(std::size_t size) {
  return (size + kAlignment - 1) & ~(kAlignment - 1);
}

class Arena {
 public:
  void* take(std::size_t size) {
    const std::size_t block = block_size(size);
    const std::scoped_lock lock(mutex_);
    std::vector<void*>& free = free_[block];
    if (free.empty()) add_chunk(block, free);
    void* memory = free.back();
    free.pop_back();
    return memory;
  }

  void give(void* memory, std::size_t size) noexcept {
    const std::size_t block = block_size(size);
    sodium_memzero(memory, block);
    const std::scoped_lock lock(mutex_);
    free_[block].push_back(memory);  // reserved when its chunk was made: does not allocate
  }

  [[nodiscard]] bool lock_failed() const { return lock_failed_.load(); }

 private:
  void add_chunk(std::size_t block, std::vector<void*>& free) {
    const std::size_t size = (std::max(kChunkSize, block) + kChunkSize - 1) / kChunkSize * kChunkSize;
    const std::size_t count = size / block;
    std::size_t& total = blocks_[block];
    free.reserve(total + count);
    void* chunk = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED) throw std::bad_alloc();
    if (sodium_mlock(chunk, size) != 0) {
      lock_failed_.store(true);
      madvise(chunk, size, MADV_DONTDUMP);
    }
    madvise(chunk, size, MADV_WIPEONFORK);
    total += count;
    auto* bytes = static_cast<std::byte*>(chunk);
    for (std::size_t i = 0; i < count; ++i) free.push_back(bytes + i * block);
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;  ///< by block size
  std::map<std::size_t, std::size_t> blocks_;       ///< ever made, by block size
  std::atomic<bool> lock_failed_{false};
};

/// Never destroyed: keys may be freed by the last static destructors, and the process' end unmaps and wipes.
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

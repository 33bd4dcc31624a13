// Locked memory for session keys: never swapped, never in a core dump, wiped when freed, wiped in a forked
// child.
//
// libsodium's sodium_malloc() spends four pages and as many mappings on each key; ten thousand peers would
// exceed both vm.max_map_count and the memlock limit. Here keys share chunks of 64 KiB, cut into blocks of a
// few sizes; a freed block is wiped and used again. Where the memlock limit is too small the chunk is used
// unlocked (still kept out of dumps), and lock_failed() lets the daemon say so once.
//
// Control thread only in practice (keys are made and retired there); a mutex makes it safe anywhere.
#pragma once

#include <cstddef>

namespace tunneld::crypto {

/// `size` bytes, aligned to 64. Throws std::bad_alloc.
[[nodiscard]] void* allocate_secret(std::size_t size);
void free_secret(void* memory, std::size_t size) noexcept;
/// True once a chunk could not be locked (RLIMIT_MEMLOCK).
[[nodiscard]] bool secret_lock_failed();

/// Inherit to have `new` take an object's memory from there.
struct InSecretMemory {
  static void* operator new(std::size_t size) { return allocate_secret(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { free_secret(memory, size); }
};

}  // namespace tunneld::crypto

// Locked memory for session keys: never swapped, never in a core dump, wiped when freed, empty in a forked
// child.
//
// libsodium's sodium_malloc() needs four pages and as many mappings for each key: ten thousand peers would
// exceed vm.max_map_count and the memlock limit. Here keys share chunks of 64 KiB between two guard pages.
// Each chunk is divided into blocks of one size; a freed block is wiped and used again, a chunk stays. Two
// ChaCha20 keys for each of 10,000 peers take 1.3 MB, two AES-GCM keys 22 MB. If the memlock limit (8 MiB by
// default) is too small, the chunk is used without a lock but still kept out of dumps, and
// secret_lock_failed() lets the daemon report it.
//
// Safe from any thread: a mutex suffices, because keys are made and retired on the control thread, never on
// the packet path.
#pragma once

#include <cstddef>

namespace tunneld::crypto {

/// `size` zero bytes (at least 1), aligned to 64. Throws std::bad_alloc.
[[nodiscard]] void* allocate_secret(std::size_t size);
/// Wipes and takes back memory from allocate_secret(size); null is allowed.
void free_secret(void* memory, std::size_t size) noexcept;
/// True once a chunk could not be locked (RLIMIT_MEMLOCK).
[[nodiscard]] bool secret_lock_failed();

/// A class that inherits from it has its objects allocated there by `new`. Not for objects that need more
/// than 64-byte alignment.
struct InSecretMemory {
  // clang-tidy does not accept a sized operator delete as the matching one.
  static void* operator new(std::size_t size) { return allocate_secret(size); }  // NOLINT(cert-dcl54-cpp)
  static void operator delete(void* memory, std::size_t size) noexcept { free_secret(memory, size); }
};

}  // namespace tunneld::crypto

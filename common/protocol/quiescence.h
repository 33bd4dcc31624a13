// Tells when the control thread may free an object that a data worker may still be reading.
//
// Workers read shared objects (keypairs, endpoints, the routing table) through atomic pointers, without locks
// or reference counts. The control thread replaces a pointer, then passes the old object to retire(). The
// object is freed once every worker that was inside a batch at that moment has left that batch. A worker pays
// one store at each end of a batch; an idle worker (blocked in poll) is outside of any batch and delays
// nothing. This is epoch-based reclamation; reference counts would cost an atomic read-modify-write per
// packet on a cache line that all cores share.
//
// All published pointers are read and written sequentially consistent (plain loads on x86-64): a worker that
// enters after the control thread has looked cannot see the old pointer.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace tunneld::protocol {

class Quiescence {
 public:
  /// The view of one thread. Registered before the thread starts; outlives it.
  class Reader {
   public:
    void enter() { epoch_.store(owner_->epoch_.load()); }
    void leave() { epoch_.store(kOutside); }

   private:
    friend class Quiescence;
    explicit Reader(const Quiescence& owner) : owner_(&owner) {}
    const Quiescence* owner_;
    alignas(64) std::atomic<std::uint64_t> epoch_{kOutside};
  };

  Quiescence() = default;
  Quiescence(const Quiescence&) = delete;
  Quiescence& operator=(const Quiescence&) = delete;
  ~Quiescence() {
    for (auto& retired : retired_) retired.free();
  }

  /// Control thread, before the reader's thread starts. The reference stays valid for the life of this
  /// object.
  Reader& add_reader() {
    readers_.push_back(std::unique_ptr<Reader>(new Reader(*this)));
    return *readers_.back();
  }

  /// Control thread: `object` has been unpublished; frees it when no worker can be reading it any longer.
  template <typename T>
  void retire(std::unique_ptr<T> object) {
    if (!object) return;
    const std::uint64_t epoch = epoch_.fetch_add(1) + 1;
    retired_.push_back({epoch, [raw = object.release()] { delete raw; }});
    reclaim();
  }

  /// Control thread: frees all objects that can be freed. Also called by retire(), and periodically when
  /// idle.
  void reclaim() {
    if (retired_.empty()) return;
    std::uint64_t oldest = UINT64_MAX;
    for (const auto& reader : readers_) {
      const std::uint64_t epoch = reader->epoch_.load();
      if (epoch != kOutside && epoch < oldest) oldest = epoch;
    }
    std::erase_if(retired_, [oldest](Retired& retired) {
      if (retired.epoch > oldest) return false;
      retired.free();
      return true;
    });
  }

  [[nodiscard]] std::size_t waiting() const { return retired_.size(); }

 private:
  static constexpr std::uint64_t kOutside = 0;
  struct Retired {
    std::uint64_t epoch;
    std::function<void()> free;
  };
  std::atomic<std::uint64_t> epoch_{1};
  std::vector<std::unique_ptr<Reader>> readers_;
  std::vector<Retired> retired_;
};

/// An owning pointer that workers read with one load. Written by the control thread alone.
template <typename T>
class Published {
 public:
  Published() = default;
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;
  ~Published() { delete pointer_.load(); }

  [[nodiscard]] T* get() const { return pointer_.load(); }
  void replace(std::unique_ptr<T> value, Quiescence& quiescence) {
    quiescence.retire(std::unique_ptr<T>(pointer_.exchange(value.release())));
  }

 private:
  std::atomic<T*> pointer_{nullptr};
};

}  // namespace tunneld::protocol

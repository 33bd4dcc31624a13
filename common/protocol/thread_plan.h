// The threads that share a data plane, and the number of each, which selects its counters and its door: two
// threads for each worker (one for each direction), and the control thread.
#pragma once

#include <cstddef>

namespace tunneld::protocol {

/// A worker's thread.
struct DataThread {
  /// From 0, among all data threads: the index into everything that is kept per thread.
  std::size_t number;
  /// From 0: the worker that the thread belongs to.
  std::size_t worker;
};

class ThreadPlan {
 public:
  explicit constexpr ThreadPlan(std::size_t workers) : workers_(workers) {}

  [[nodiscard]] constexpr std::size_t workers() const { return workers_; }
  [[nodiscard]] constexpr DataThread outbound(std::size_t worker) const { return {2 * worker, worker}; }
  [[nodiscard]] constexpr DataThread inbound(std::size_t worker) const { return {2 * worker + 1, worker}; }
  [[nodiscard]] constexpr std::size_t data_threads() const { return 2 * workers_; }
  /// Its number comes after those of all data threads.
  [[nodiscard]] constexpr std::size_t control() const { return data_threads(); }
  [[nodiscard]] constexpr std::size_t count() const { return data_threads() + 1; }

 private:
  std::size_t workers_;
};

}  // namespace tunneld::protocol

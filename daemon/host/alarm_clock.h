// The time for what watches the host: it asks this clock, and is called by it later. A test has one that it sets itself
// (tests/unit/host/set_clock.h), so no test waits for a pause to pass.
#pragma once

#include <functional>
#include <memory>

#include <boost/asio/io_context.hpp>

#include "common/clock.h"

namespace tunneld::daemon {

/// One call in the future, at most. It is not made any more once this object is gone.
class Alarm {
 public:
  Alarm() = default;
  virtual ~Alarm() = default;
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  /// Replaces the call that is due. A time in the past: soon, but not from within this function.
  virtual void set(Instant at, std::function<void()> call) = 0;
  virtual void cancel() = 0;
};

class AlarmClock {
 public:
  AlarmClock() = default;
  virtual ~AlarmClock() = default;
  AlarmClock(const AlarmClock&) = delete;
  AlarmClock& operator=(const AlarmClock&) = delete;
  [[nodiscard]] virtual Instant now() const = 0;
  /// A clock that a test sets outlives it.
  [[nodiscard]] virtual std::unique_ptr<Alarm> alarm() = 0;
};

/// CLOCK_BOOTTIME, and calls out of the event loop.
class LoopClock : public AlarmClock {
 public:
  explicit LoopClock(boost::asio::io_context& io) : io_(io) {}
  [[nodiscard]] Instant now() const override;
  [[nodiscard]] std::unique_ptr<Alarm> alarm() override;

 private:
  boost::asio::io_context& io_;
};

}  // namespace tunneld::daemon

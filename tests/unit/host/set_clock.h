// A clock that stands still until a test sets it forward.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "common/net/system_clock.h"
#include "daemon/host/alarm_clock.h"

namespace tunneld::daemon {

class SetClock : public AlarmClock {
 public:
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] std::unique_ptr<Alarm> alarm() override { return std::make_unique<OneAlarm>(*this); }

  /// Makes the calls that are due by then, each at its time and in that order.
  void advance(Duration time) {
    const Instant end = now_ + time;
    for (;;) {
      const auto next = std::ranges::min_element(alarms_, {}, &OneAlarm::at);
      if (next == alarms_.end() || (*next)->at() > end) break;
      now_ = std::max(now_, (*next)->at());
      (*next)->ring();
    }
    now_ = end;
  }
  /// The same, in steps, until it is so: after each the loop reads what has come. False: not within `most`.
  template <typename Condition>
  [[nodiscard]] bool advance_until(boost::asio::io_context& io, Duration most, const Condition& holds) {
    for (const Instant end = now_ + most; !holds();) {
      if (now_ >= end) return false;
      advance(std::chrono::milliseconds(10));
      read_all(io);
    }
    return true;
  }
  /// What has come by now. Neither netlink nor inotify delays what it tells of a call that has returned.
  static void read_all(boost::asio::io_context& io) {
    io.restart();
    io.poll();
  }

 private:
  class OneAlarm : public Alarm {
   public:
    explicit OneAlarm(SetClock& clock) : clock_(clock) { clock_.alarms_.push_back(this); }
    ~OneAlarm() override { std::erase(clock_.alarms_, this); }
    void set(Instant at, std::function<void()> call) override {
      at_ = at;
      call_ = std::move(call);
    }
    void cancel() override { at_ = kNever; }
    [[nodiscard]] Instant at() const { return at_; }
    void ring() {
      at_ = kNever;
      std::exchange(call_, nullptr)();
    }

   private:
    SetClock& clock_;
    Instant at_ = kNever;
    std::function<void()> call_;
  };

  /// Other parts of the host's state are dated by the real one.
  Instant now_ = net::boot_now();
  std::vector<OneAlarm*> alarms_;
};

}  // namespace tunneld::daemon

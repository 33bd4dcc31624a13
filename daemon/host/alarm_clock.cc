#include "daemon/host/alarm_clock.h"

#include <algorithm>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "common/net/system_clock.h"

namespace tunneld::daemon {
namespace {

class LoopAlarm : public Alarm {
 public:
  explicit LoopAlarm(boost::asio::io_context& io) : timer_(io) {}

  void set(Instant at, std::function<void()> call) override {
    timer_.expires_after(std::max(Duration::zero(), at - net::boot_now()));
    timer_.async_wait([call = std::move(call)](const boost::system::error_code& error) {
      if (!error) call();
    });
  }
  void cancel() override { timer_.cancel(); }

 private:
  boost::asio::steady_timer timer_;
};

}  // namespace

Instant LoopClock::now() const {
  return net::boot_now();
}

std::unique_ptr<Alarm> LoopClock::alarm() {
  return std::make_unique<LoopAlarm>(io_);
}

}  // namespace tunneld::daemon

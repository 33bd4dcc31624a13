#include "daemon/stop_reason.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <system_error>

#include <unistd.h>

#include "common/log.h"
#include "daemon/host/system_bus.h"

namespace tunneld::daemon {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";
constexpr const char* kUnit = "org.freedesktop.systemd1.Unit";
constexpr const char* kJob = "org.freedesktop.systemd1.Job";
/// systemd's own socket, for root: it is there on machines without a system bus, and while the bus hangs.
constexpr const char* kPrivateAddress = "unix:path=/run/systemd/private";

struct Free {
  void operator()(char* text) const { std::free(text); }
};
using Text = std::unique_ptr<char, Free>;

class Systemd {
 public:
  /// All calls together take no longer than `patience`.
  explicit Systemd(std::chrono::milliseconds patience) : until_(Clock::now() + patience) {
    if (::geteuid() == 0) {
      try {
        connect_privately();
        return;
      } catch (const std::system_error&) {
        // A container may hide it.
      }
    }
    sd_bus* bus = nullptr;
    sd_checked(sd_bus_open_system(&bus), "the system bus");
    bus_.reset(bus);
    wait_until_ready(bus, until_, "the system bus");
  }

  [[nodiscard]] std::string system_state() { return string_of(kManagerPath, kManager, "SystemState"); }

  /// The type of our unit's job; empty if it has none.
  [[nodiscard]] std::string job_type() {
    const std::string unit = own_unit();
    limit_calls();
    sd_bus_message* property = nullptr;
    sd_checked(
        sd_bus_get_property(bus_.get(), kService, unit.c_str(), kUnit, "Job", nullptr, &property, "(uo)"),
        "Job");
    const Message job_owner(property);
    std::uint32_t id = 0;
    const char* job = nullptr;
    sd_checked(sd_bus_message_read(property, "(uo)", &id, &job), "Job");
    return id == 0 ? "" : string_of(job, kJob, "JobType");
  }

 private:
  [[nodiscard]] std::string own_unit() {
    limit_calls();
    sd_bus_message* answer = nullptr;
    sd_checked(sd_bus_call_method(bus_.get(), kService, kManagerPath, kManager, "GetUnitByPID", nullptr,
                                  &answer, "u", static_cast<std::uint32_t>(0)),
               "GetUnitByPID");
    const Message owner(answer);
    const char* unit = nullptr;
    sd_checked(sd_bus_message_read(answer, "o", &unit), "GetUnitByPID");
    return unit;
  }
  void connect_privately() {
    sd_bus* bus = nullptr;
    sd_checked(sd_bus_new(&bus), "systemd");
    bus_.reset(bus);
    sd_checked(sd_bus_set_address(bus, kPrivateAddress), "systemd");
    sd_checked(sd_bus_start(bus), "systemd");
    wait_until_ready(bus, until_, "systemd");
  }
  [[nodiscard]] std::string string_of(const char* path, const char* interface, const char* name) {
    limit_calls();
    char* value = nullptr;
    sd_checked(sd_bus_get_property_string(bus_.get(), kService, path, interface, name, nullptr, &value),
               name);
    return Text(value).get();
  }
  [[nodiscard]] std::uint64_t microseconds_left() const {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(until_ - Clock::now()).count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(left, 1));
  }
  void limit_calls() {
    sd_checked(sd_bus_set_method_call_timeout(bus_.get(), microseconds_left()), "timeout");
  }

  const Clock::time_point until_;
  Bus bus_;
};

}  // namespace

bool is_service() noexcept {
  // systemd sets it for every service, and for nothing else.
  return std::getenv("INVOCATION_ID") != nullptr;
}

StopReason stop_reason(std::chrono::milliseconds patience) noexcept {
  if (!is_service()) return StopReason::kAsked;
  try {
    Systemd systemd(patience);
    const std::string job = systemd.job_type();
    if (job == "restart") return StopReason::kRestart;
    if (systemd.system_state() == "stopping") return StopReason::kShutdown;
    return job == "stop" ? StopReason::kAsked : StopReason::kByItself;
  } catch (const std::exception& error) {
    log::warn("cannot ask systemd why this service is being stopped: {}", error.what());
    return StopReason::kUnknown;
  }
}

}  // namespace tunneld::daemon

// Notices what others take away of what this daemon has made on the host, and has it made again.
//
// The kernel tells of our link, addresses, routes, rules and nft table. What a notice says is not acted on:
// it only leads to a comparison of all that was made with the kernel (HostChanges::repair), which is silent
// where nothing is missing. So our own changes need no exception, and a lost notice costs nothing.
//
// A rule or table that is gone lets packets out in clear, so the comparison follows at once. After all else
// it waits for the end of the burst: `ip address flush` would go on for as long as it finds something.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/clock.h"
#include "common/net/netlink_monitor.h"
#include "common/net/nft_watch.h"
#include "daemon/host_changes.h"

namespace tunneld::daemon {

class HostWatch {
 public:
  /// `host` outlives it. `own_index`: our device. Throws std::system_error.
  HostWatch(boost::asio::io_context& io, HostChanges& host, const std::string& interface,
            std::uint32_t own_index);
  HostWatch(const HostWatch&) = delete;
  HostWatch& operator=(const HostWatch&) = delete;

  /// The same for the device that has the addresses, where it is a bridge.
  void watch_also(std::uint32_t index) { indices_.insert(index); }

  /// Compares and puts back now, whenever that was done last. What is missing still, in words; empty where
  /// nothing is. Never throws.
  std::string repair_now();

  struct History {
    std::uint64_t put_back = 0;  ///< things, in all
    /// The last of them.
    std::string what;
    std::string by;
    Instant when;
  };
  [[nodiscard]] const History& history() const { return history_; }
  /// As HostChanges::lacks().
  [[nodiscard]] std::vector<HostChanges::Lack> lacks() { return host_.lacks(); }

 private:
  enum class Urgency : std::uint8_t { kNone, kSoon, kNow };

  void wait_for_network();
  void wait_for_nft();
  [[nodiscard]] Urgency urgency(const net::NetworkEvent& event) const;
  void compare_after(Urgency urgency);
  void compare();
  /// Logs what came of it.
  void tell(const HostChanges::Repair& repair);

  HostChanges& host_;
  const std::string table_;
  std::set<std::uint32_t> indices_;
  net::NetlinkMonitor network_;
  net::NftMonitor nft_;
  boost::asio::posix::stream_descriptor network_notices_;
  boost::asio::posix::stream_descriptor nft_notices_;  ///< not open where there is nothing to watch
  boost::asio::steady_timer burst_;
  boost::asio::steady_timer pause_;
  std::vector<net::NetworkEvent> events_;
  std::optional<Instant> first_;  ///< of the burst
  bool at_once_ = false;
  /// Who has changed something since the last comparison; empty: nobody knows.
  std::string by_;
  std::string last_failure_;
  History history_;
};

}  // namespace tunneld::daemon

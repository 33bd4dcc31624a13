// Notices when others remove this daemon's changes on the host, and has them made again.
//
// The kernel reports changes of our link, addresses, routes, rules and nft table. The content of a notice is not
// used: it only triggers a comparison of all our changes with the kernel (HostChanges::repair), which is silent if
// nothing is missing. So our own changes need no exception, and a lost notice costs nothing.
//
// The host's name servers are in files (/etc/resolv.conf, or files that resolvconf or systemd-resolved write).
// While name servers of ours are set, these files are watched in the same way
// (daemon/host/dns/resolv_conf_watch.h) and compared separately.
//
// Without our rule or table, packets may leave unencrypted, so the comparison follows at once. In all other cases
// it waits for the end of the burst, because `ip address flush` goes on for as long as it finds an address.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "common/burst.h"
#include "common/clock.h"
#include "common/net/netlink_monitor.h"
#include "common/net/nft_watch.h"
#include "daemon/host/alarm_clock.h"
#include "daemon/host/dns/resolv_conf_watch.h"
#include "daemon/host/host_changes.h"

namespace tunneld::daemon {

class HostWatch {
 public:
  /// `clock` and `host` outlive it. `own_index`: our device. Throws std::system_error.
  HostWatch(boost::asio::io_context& io, AlarmClock& clock, HostChanges& host, const std::string& interface,
            std::uint32_t own_index);
  HostWatch(const HostWatch&) = delete;
  HostWatch& operator=(const HostWatch&) = delete;

  /// The same for the bridge, if a bridge has the addresses.
  void watch_also(std::uint32_t index) { indices_.insert(index); }

  /// Call it after each change of `host`: name servers may have been added or removed, or could not be set.
  void follow_names();

  /// Compares and repairs now, without a pause. Returns what is still missing, in words; empty if nothing is. Never
  /// throws.
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
  void wait_for_names();
  [[nodiscard]] Urgency urgency(const net::NetworkEvent& event) const;
  void compare_after(Urgency urgency);
  void compare();
  /// Whether name servers of ours are set, or a failed try has left something.
  bool has_names() noexcept;
  /// False: changes by others cannot be noticed, so the caller has to poll.
  bool watch_names();
  void compare_names_after(Duration rest);
  void compare_names();
  /// Puts back what is missing, and logs it. Returns when to look again.
  std::optional<Instant> repair(HostChanges::Part part, HostChanges::Pauses pauses);
  /// The same, and never throws: a failure is logged once.
  std::optional<Instant> try_repair(HostChanges::Part part);
  void look_again(Alarm& pause, const std::optional<Instant>& at, void (HostWatch::*look)());
  /// Logs the result, and which program has made the repair necessary.
  void tell(const HostChanges::Repair& repair, const std::string& by, HostChanges::Part part);
  static void tell_out_of_reach(const std::vector<HostChanges::Lack>& lacks, const std::string& by);

  AlarmClock& clock_;
  HostChanges& host_;
  const std::string table_;
  std::set<std::uint32_t> indices_;
  net::NetlinkMonitor network_;
  net::NftMonitor nft_;
  boost::asio::posix::stream_descriptor network_notices_;
  boost::asio::posix::stream_descriptor nft_notices_;  ///< not open where there is nothing to watch
  const std::unique_ptr<Alarm> quiet_;
  const std::unique_ptr<Alarm> pause_;
  std::optional<ResolvConfWatch> names_;
  boost::asio::posix::stream_descriptor names_notices_;  ///< not open where there is nothing to watch
  const std::unique_ptr<Alarm> names_burst_;
  const std::unique_ptr<Alarm> names_pause_;
  std::vector<net::NetworkEvent> events_;
  Burst burst_{std::chrono::milliseconds(10), std::chrono::milliseconds(100)};
  bool at_once_ = false;
  /// The program that has changed something since the last comparison; empty: not known.
  std::string by_;
  std::map<HostChanges::Part, std::string> last_failure_;
  /// Why the files are not watched; empty if they are.
  std::string unwatched_;
  History history_;
};

}  // namespace tunneld::daemon

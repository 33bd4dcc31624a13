// A running interface. Its members are everything that is opened, made and started, in this order.
//
// A stop is the reverse: workers stop first, then device and sockets close, then the host's changes are
// undone. The order of the members alone ensures this, so it holds however the daemon ends, a failed start
// included.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/crypto/aead_engine.h"
#include "common/json.h"
#include "common/net/tun_device.h"
#include "common/net/udp_socket.h"
#include "common/protocol/data_plane.h"
#include "common/protocol/tunnel.h"
#include "config/config.h"
#include "config/load_keys.h"
#include "daemon/accepted_sources.h"
#include "daemon/clock_mark.h"
#include "daemon/control_socket.h"
#include "daemon/damped_mtu.h"
#include "daemon/data_worker.h"
#include "daemon/desired_state.h"
#include "daemon/exit_code.h"
#include "daemon/handover.h"
#include "daemon/host/alarm_clock.h"
#include "daemon/host/bridge_guard.h"
#include "daemon/host/connected_networks.h"
#include "daemon/host/host_changes.h"
#include "daemon/host/host_plan.h"
#include "daemon/host/host_stations.h"
#include "daemon/host/host_watch.h"
#include "daemon/host/network_watch.h"
#include "daemon/host/state_directory.h"
#include "daemon/path_watch.h"
#include "daemon/push_edge.h"
#include "daemon/service_watch.h"
#include "daemon/stop_reason.h"
#include "daemon/switch_loops.h"
#include "daemon/tunnel_driver.h"

namespace tunneld::daemon {

class Daemon {
 public:
  /// Opens and makes everything. Precondition: the interface's lock is held. `config_path` is read again by a
  /// reload. Throws JournalError, net::TunError, net::NetlinkError, std::system_error.
  Daemon(std::string config_path, config::Config configuration, config::Keys keys);

  /// Returns after a signal, `tunneld down`, or when the device has been deleted.
  ExitCode run();

 private:
  // --- The start
  void open_push();
  /// Registers handlers for what the tunnel and the host's network report.
  void follow_tunnel();
  /// Connects to the peers that the last run had sessions with, and keeps the configuration that it had from its
  /// server.
  void take_handover();
  /// Updates the handover file for the next run.
  void keep_handover();
  void keep_handover_soon();
  /// Whether the next run, with the present configuration file, can take over this run's device.
  [[nodiscard]] bool goes_on_with_this_device() const;
  void start_workers();

  // --- Signals and requests
  void obey_signals();
  void answer_requests();
  [[nodiscard]] Json status();
  /// SIGTERM may be the first half of a restart, during which a kill switch stays closed.
  void stop_by_signal(int signal);
  void stop(ExitCode code, const std::string& why, StopReason reason = StopReason::kAsked);

  // --- What is wanted (daemon_become.cc)
  struct Became {
    TunnelDriver::PeersChanged peers;
    /// What did not take effect, one line each.
    std::vector<std::string> notes{};
  };
  /// Applies `next` to the host, then to the tunnel. If the host refuses a change, both keep their last state.
  /// Throws as HostChanges::become does.
  Became become(Inputs next);
  /// As become(), but returns a refusal instead of throwing.
  [[nodiscard]] std::optional<ClientPush::Refusal> try_become(Inputs next, Became* became = nullptr);
  /// try_become() with inputs_now() after `change`.
  [[nodiscard]] std::optional<ClientPush::Refusal> try_change(const std::function<void(Inputs&)>& change);
  /// The current inputs, with the surroundings as they are now. Throws net::NetlinkError.
  [[nodiscard]] Inputs inputs_now() const;
  [[nodiscard]] Inputs::Surroundings surroundings(const config::Config& next) const;
  void change_host(const DesiredState& wanted);
  Became change_tunnel(const DesiredState& wanted);
  void go_back();
  /// The first become(). Where something is not permitted, the error names the commands that root has to run.
  void become_at_start();
  /// Reads the configuration again and applies it; sessions of peers that stay go on. If it cannot be
  /// applied, nothing changes, and the reply says why. Never throws.
  [[nodiscard]] Json reload();
  /// The server's leases have changed. Throws as become() does.
  void take_leases(const Leases& leases);
  /// The client accepts another configuration from its server.
  [[nodiscard]] std::optional<ClientPush::Refusal> take_accepted(const AcceptedConfig& accepted);
  /// An endpoint's address was found, so a full tunnel or name servers that were on hold may take effect.
  void leave_hold();
  /// The networks of other interfaces have changed.
  void follow_connected_networks();
  /// With a single peer, the device's MTU follows what the path to it carries.
  void follow_path_mtu(protocol::PeerId peer);
  void set_path_mtu(std::optional<std::uint32_t> mtu);
  /// Unless the configuration sets the port, moves all sockets to another one. False: the port stays.
  [[nodiscard]] bool take_new_port();
  [[nodiscard]] std::vector<std::uint16_t> outer_ports(const std::vector<net::UdpSocket>& sockets) const;
  /// One line for each address or network of the tunnel that another interface has as well. Throws
  /// std::system_error.
  [[nodiscard]] std::vector<std::string> addresses_elsewhere() const;
  /// Logs a warning for those that are new.
  void tell_addresses_elsewhere();

  // --- A tap
  /// Keeps the tunnel's own packets off the bridge that the device is a port of.
  void guard_bridge();
  /// Keeps peers of a tap from using an Ethernet address of this host.
  void follow_stations();
  /// The name of a switch port, for people.
  [[nodiscard]] std::string name_of_port(net::MacTable::Port port) const;
  void tell_loops();

  [[nodiscard]] const config::Config& config() const { return *inputs_.config; }

  const std::string config_path_;
  /// state_ was computed from these.
  Inputs inputs_;
  const Instant started_;
  std::optional<DampedMtu> damped_mtu_;
  ClockMark clock_mark_{clock_path(config().interface.name.value)};
  ExitCode result_ = ExitCode::kFine;

  boost::asio::io_context io_{1};
  boost::asio::signal_set signals_;
  LoopClock clock_{io_};
  const std::unique_ptr<Alarm> mtu_alarm_ = clock_.alarm();
  boost::asio::steady_timer handover_timer_{io_};
  HandoverFile handover_{config().interface.name.value};
  /// From the last run.
  const std::optional<Handover> before_ = handover_.load();
  bool handover_is_due_ = false;
  /// The device's queues, if we take over the last run's device.
  std::vector<net::FileDescriptor> kept_queues_;
  const bool is_taken_over_;
  HostChanges host_;
  /// The current state of host and tunnel.
  DesiredState state_;
  /// The change that the host refused when become() threw the last time.
  std::optional<HostChange> refused_;
  /// The last result of addresses_elsewhere().
  std::vector<std::string> told_elsewhere_;
  /// The mark of all sockets; nullopt if it could not be set on one of them.
  std::optional<std::uint32_t> mark_;
  LoopLog loop_log_;
  const std::unique_ptr<crypto::AeadEngine> engine_;
  net::TunDevice device_;
  /// One for each queue of the device; a device that somebody else made may have only one.
  const std::size_t worker_count_;
  /// False without CAP_NET_ADMIN: then the device keeps the settings that the configuration leaves open.
  const bool may_configure_;
  std::vector<net::UdpSocket> sockets_;
  std::vector<net::UdpSocket> lane_sockets_;  ///< one for each worker; none where there is one worker
  protocol::DataPlane plane_;
  protocol::Tunnel tunnel_;
  TunnelDriver driver_;
  std::optional<AcceptedSources> accepted_sources_;  ///< not at a tap, which has no allowed IPs
  std::unique_ptr<BridgeGuard> bridge_guard_;        ///< with a bridge only
  std::unique_ptr<ServerPushEdge> server_;           ///< on a server only
  std::unique_ptr<ClientPushEdge> client_;           ///< on a client only
  PathWatch path_watch_;
  NetworkWatch network_watch_;
  HostWatch host_watch_;
  std::unique_ptr<HostStations> stations_;  ///< at a tap only
  ConnectedNetworks connected_;
  ControlSocket control_;
  std::vector<std::unique_ptr<DataWorker>> workers_;
  std::optional<ServiceWatch> service_watch_;
};

}  // namespace tunneld::daemon

#include "daemon/daemon.h"

#include <algorithm>
#include <csignal>
#include <thread>
#include <utility>

#include <boost/asio/post.hpp>

#include "common/json.h"
#include "common/log.h"
#include "common/net/interface_name.h"
#include "common/net/system_clock.h"
#include "common/protocol/ethernet_message.h"
#include "config/parse.h"
#include "daemon/access_status.h"
#include "daemon/host/address_elsewhere.h"
#include "daemon/host/host_plan.h"
#include "daemon/host/privilege.h"
#include "daemon/host_status.h"
#include "daemon/log.h"
#include "daemon/service_notify.h"
#include "daemon/status.h"
#include "daemon/stop_reason.h"

namespace tunneld::daemon {
namespace {

/// Jumbo frames are as far as the search goes; the loopback device would allow more.
constexpr std::uint32_t kLargestFound = 9216;

std::size_t worker_count(const config::Config& config) {
  return config.workers.value_or(std::max(1U, std::thread::hardware_concurrency()));
}

/// Of a device that is made to stay, the user says how many; any other has one for each worker.
unsigned queue_count(const config::Config& config) {
  const auto& persist = config.interface.persist;
  const auto workers = static_cast<unsigned>(worker_count(config));
  return persist && persist->queues ? std::min(*persist->queues, workers) : workers;
}

/// A device that is made to stay is for other programs, too, most of which ask for one queue.
std::optional<bool> multi_queue(const config::Config& config) {
  const auto& persist = config.interface.persist;
  return persist ? std::optional(persist->queues.value_or(1) > 1) : std::nullopt;
}

bool is_tap(const config::Config& config) {
  return config.interface.type == config::DeviceType::kTap;
}

protocol::SwitchSettings switch_settings(const config::Config& config) {
  const config::SwitchConfig& section = config.ethernet_switch;
  return {.ageing = section.ageing,
          .stations = section.addresses,
          .stations_per_peer = section.addresses_per_peer,
          .client_to_client = section.client_to_client,
          .floods_per_second = section.flood_limit};
}

/// What stands before and around the packets of the device in a plaintext, bytes.
std::uint32_t frame_room(const config::Config& config) {
  return is_tap(config) ? std::uint32_t{protocol::kEthernetRoom} : 0;
}

void log_start(const net::TunDevice& device, const net::UdpSocket& socket, std::string_view engine,
               std::size_t workers) {
  const net::TunFeatures& features = device.features();
  log::info("{} is up: udp port {}, {} worker{}, {}, offloads: tcp {}, udp {}, udp segmentation {}",
            device.name(), socket.port(), workers, workers == 1 ? "" : "s", engine,
            features.tcp ? "on" : "off", features.udp ? "on" : "off", socket.segments() ? "on" : "off");
  if (!socket.has_ipv6()) log::warn("this host has no IPv6: peers at IPv6 addresses cannot be reached");
}

/// Where a device that stays has fewer queues than there would be workers.
void log_queues(const net::TunDevice& device, const config::Config& config) {
  const std::size_t queues = device.queue_count();
  const std::size_t wanted = worker_count(config);
  const auto& persist = config.interface.persist;
  if (!persist || queues >= wanted) return;
  if (queues > 1) {
    log::info("{}: 'persist' says {} queues, so there are {} workers and not {}", device.name(), queues,
              queues, wanted);
    return;
  }
  const std::string more = persist->queues == 1u ? std::string()
                           : device.attached()
                               ? ": more take a device made anew, with `ip tuntap add … multi_queue`"
                               : ": 'persist: { queues: " + std::to_string(wanted) +
                                     " }' makes a device for more, which programs that ask for one queue "
                                     "cannot open";
  log::info("{} has one queue, so there is one worker and not {}{}", device.name(), wanted, more);
}

/// Which of the two it is: made now, or there before.
void log_device(const net::TunDevice& device, const config::Config& config) {
  if (device.attached()) {
    log::info("{} was there already: taken over, and it stays when this ends", device.name());
  } else if (config.interface.persist) {
    log::info("{} was made now, and stays when this ends (`ip link del {}` removes it)", device.name(),
              device.name());
  } else {
    log::debug("{} was made now, and goes when this ends", device.name());
  }
  log_queues(device, config);
}

/// Where the configuration is silent, a device that was there before us keeps its settings.
void keep_as_found(const config::Config& config, std::uint32_t interface_index, HostPlan& plan) {
  const net::Link present = net::Netlink().link(interface_index);
  if (!config.interface.mtu) plan.mtu = present.mtu;
  if (!config.interface.mac_address) plan.mac_address.reset();
  plan.link_local_stays = true;
  plan.no_routers = plan.isolates_peers = false;
}

}  // namespace

Daemon::Daemon(std::string config_path, config::Config config, config::Keys keys)
    : config_path_(std::move(config_path)),
      config_(std::move(config)),
      public_key_(keys.private_key.public_key()),
      started_(net::boot_now()),
      // From here on a signal waits until the start is complete, and is then obeyed: nothing is left half
      // done.
      signals_(io_, SIGTERM, SIGINT, SIGHUP),
      host_(config_.interface.name.value, HostChanges::LeftClosed::kStays),
      engine_(crypto::select_engine(config_.crypto.engine)),
      device_({.name = config_.interface.name.value,
               .kind = is_tap(config_) ? net::DeviceKind::kTap : net::DeviceKind::kTun,
               .queues = queue_count(config_),
               .multi_queue = multi_queue(config_),
               .offload = config_.interface.offload == config::AutoOff::kAuto,
               .may_attach = config_.interface.persist.has_value(),
               .before_change =
                   [this](const std::string& name, const net::TunState& found) {
                     // Any other device goes, with all that was changed of it.
                     if (config_.interface.persist)
                       host_.entrust(DeviceOpened{.interface = {name}, .before = found});
                   }}),
      worker_count_(device_.queues().size()),
      may_configure_(may_change_network()),
      sockets_(net::open_udp_sockets({.port = config_.interface.listen_port.value_or(0),
                                      .sockets = static_cast<unsigned>(worker_count_),
                                      .mark = fwmark_of(config_),
                                      .offload = config_.interface.offload == config::AutoOff::kAuto})),
      lane_sockets_(
          worker_count_ == 1
              ? std::vector<net::UdpSocket>()
              : net::open_lane_sockets({.sockets = static_cast<unsigned>(worker_count_),
                                        .mark = fwmark_of(config_),
                                        .offload = config_.interface.offload == config::AutoOff::kAuto})),
      plane_(config_.peers.size(), 2 * worker_count_ + 1, crypto::random_bytes,
             is_tap(config_) ? std::make_unique<protocol::EthernetSwitch>(
                                   switch_settings(config_), protocol::random_number(crypto::random_bytes))
                             : nullptr),
      tunnel_(std::move(keys.private_key), *engine_, crypto::random_bytes, plane_,
              {.extension = config_.interface.extension == config::AutoOff::kAuto,
               .fast_cipher = config_.crypto.fast_cipher == config::AutoOff::kAuto,
               .capabilities = {.config = config_.server.has_value(),
                                .tap = is_tap(config_),
                                .lanes = static_cast<unsigned>(worker_count_),
                                .probe = true},
               .path = {}}),
      driver_(io_, tunnel_, plane_, sockets_, lane_sockets_,
              [this] { stop(ExitCode::kRuntimeFailure, "somebody deleted " + device_.name()); }),
      path_watch_(io_, tunnel_, driver_),
      network_watch_(io_, device_.interface_index(),
                     [this](const std::string& what) {
                       driver_.retry_lookups();
                       path_watch_.routes_changed(what);
                     }),
      host_watch_(io_, host_, device_.name(), device_.interface_index()),
      connected_(io_, config_.interface.bridge ? config_.interface.bridge->name.value : device_.name(),
                 [this] { follow_connected_networks(); }),
      control_(io_, device_.name()) {
  obey_signals();
  answer_requests();
  if (config_.server) {
    server_ = std::make_unique<ServerPushEdge>(io_, config_, tunnel_, driver_, [this] {
      if (!wanted_plan().access.is_empty()) become(wanted_changes());
    });
  }
  if (config_.client)
    client_ = std::make_unique<ClientPushEdge>(io_, config_, tunnel_, driver_, [this] { apply_accepted(); });
  driver_.on_endpoint_found([this] { leave_hold(); });
  driver_.on_port_useless([this] { return take_new_port(); });
  tunnel_.timestamps().keep(
      clock_mark_.load().value_or(WallTime()),
      [this](WallTime timestamp, WallTime clock) { return clock_mark_.reserve(timestamp, clock); });
  network_watch_.on_sleep([this] { driver_.network_changed(); });
  set_up_host();
  tell_addresses_elsewhere();
  guard_bridge();
  set_packet_sizes();
  set_switch();
  follow_stations();
  driver_.on_event([this](const protocol::Event& event) {
    if (event.kind == protocol::Event::Kind::kPathMtu) follow_path_mtu(event.peer);
    if (event.kind == protocol::Event::Kind::kLoop) tell_loops();
  });
  driver_.isolate_clients(config_.server && !config_.server->value.client_to_client);
  driver_.set_peers(wanted_peers(), std::move(keys.preshared_keys));
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    workers_.push_back(std::make_unique<DataWorker>(i, plane_, device_.queues(), sockets_[i], lane_sockets_,
                                                    device_.features(), driver_.signals()));
  }
  // From here on, whatever ends us without being asked to leaves the kill switch closed.
  host_.stay_closed(true);
  if (const auto& persist = config_.interface.persist; persist && !device_.attached())
    device_.persist(persist->owner, persist->group);
  log_device(device_, config_);
  if (const HostPlan all = host_plan(config_); !may_configure_ && (all.no_routers || all.isolates_peers)) {
    log::warn(
        "without CAP_NET_ADMIN, this host believes router advertisements of {}'s peers, and may pass "
        "packets from one to another",
        device_.name());
  }
  log_start(device_, sockets_.front(), engine_->name(), workers_.size());
}

ExitCode Daemon::run() {
  notify_ready(device_.name() + ": " + std::to_string(config_.peers.size()) +
               (config_.peers.size() == 1 ? " peer" : " peers"));
  io_.run();
  return result_;
}

void Daemon::obey_signals() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    if (signal != SIGHUP) return stop_by_signal(signal);
    if (const Json reply = reload(); reply.contains("error")) {
      log::error("reload: {}", reply["error"].get<std::string>());
    }
    obey_signals();
  });
}

void Daemon::answer_requests() {
  control_.on("status", [this] {
    Json status = make_status({config_, tunnel_, plane_, driver_, device_, sockets_.front(),
                               std::string(engine_->name()), workers_.size(), started_});
    if (plane_.ethernet) {
      status["interface"]["switch"]["loops"] = loops_status(
          plane_.ethernet->loops(), [this](net::MacTable::Port port) { return name_of_port(port); },
          net::boot_now());
    }
    if (server_) status["server"] = server_->status();
    if (client_) status["client"] = client_->status();
    status["host"] = host_status(host_watch_);
    if (config_.server && config_.server->value.forwarding.enabled) status["forwarding"] = true;
    if (auto access = access_status(device_.name(), access_plan(config_.groups, config_.peers));
        !access.empty()) {
      status["access"] = std::move(access);
    }
    return status;
  });
  control_.on("down", [this] {
    boost::asio::post(io_, [this] { stop(ExitCode::kFine, "asked by tunneld down"); });
    return Json{{"stopping", device_.name()}};
  });
  control_.on("reload", [this] { return reload(); });
}

void Daemon::stop_by_signal(int signal) {
  StopReason reason = StopReason::kAsked;
  if (signal == SIGTERM && wanted_plan().kill_switch) reason = stop_reason();
  const bool stays_closed = reason != StopReason::kAsked;
  std::string why = signal == SIGINT ? "SIGINT" : "SIGTERM";
  if (stays_closed) {
    why += reason == StopReason::kRestart ? ", for a restart" : ", for a shutdown";
    why += ": the kill switch stays closed";
  }
  stop(ExitCode::kFine, why, stays_closed);
}

void Daemon::stop(ExitCode code, const std::string& why, bool stays_closed) {
  log::info("stopping: {}", why);
  notify_stopping();
  driver_.say_goodbye();
  clock_mark_.settle(tunnel_.timestamps().greatest());
  host_.stay_closed(code != ExitCode::kFine || stays_closed);
  result_ = code;
  io_.stop();
}

// --- Changing while running

std::vector<config::PeerConfig> Daemon::wanted_peers() const {
  return server_ ? server_->peers() : client_ ? client_->peers() : config_.peers;
}

HostPlan Daemon::wanted_plan() const {
  HostPlan plan = host_plan(config_, client_ ? client_->accepted() : AcceptedConfig(), public_key_);
  // Whose an address is, a server knows better than its configuration.
  if (server_) plan.access = access_plan(config_.groups, server_->peers());
  if (found_mtu_ && follows_path()) plan.mtu = *found_mtu_;
  plan.connected_networks = connected_.now();
  plan.outer_ports.clear();
  for (const auto* sockets : {&sockets_, &lane_sockets_}) {
    for (const net::UdpSocket& socket : *sockets) plan.outer_ports.push_back(socket.port());
  }
  // Those that share a port.
  const auto repeated = std::ranges::unique(plan.outer_ports);
  plan.outer_ports.erase(repeated.begin(), repeated.end());
  if (!may_configure_) keep_as_found(config_, device_.interface_index(), plan);
  return plan;
}

void Daemon::tell_addresses_elsewhere() const {
  const HostPlan plan = wanted_plan();
  try {
    const auto others = interface_addresses(plan.place(), device_.name());
    for (const std::string& line : found_elsewhere(plan.addresses, others)) log::warn("{}", line);
  } catch (const std::system_error& error) {
    log::warn("whether the tunnel's addresses are another interface's, too: {}", error.what());
  }
}

void Daemon::apply_accepted() {
  become_as_far_as_pushed();
  tell_addresses_elsewhere();
  // What the configuration itself leaves out is said when it is read.
  const bool was_told = std::exchange(told_of_uncovered_, wanted_plan().uncovered_family().has_value());
  if (told_of_uncovered_ && !was_told && !host_plan(config_).uncovered_family())
    log::warn("the server gives a full tunnel of one family only: the other one passes by it");
  set_packet_sizes();
  for (const config::PeerConfig& peer : wanted_peers()) driver_.update_peer(peer);
}

bool Daemon::mtu_is_set() const {
  return config_.interface.mtu || (client_ && client_->accepted().mtu);
}

bool Daemon::follows_path() const {
  // A tap's frames have headers of their own, and its MTU is a matter of everybody on the bridge.
  return may_configure_ && config_.interface.type == config::DeviceType::kTun && !mtu_is_set() &&
         config_.peers.size() == 1;
}

void Daemon::set_packet_sizes() {
  const std::uint32_t mtu = wanted_plan().mtu;
  plane_.mtu.store(mtu);
  plane_.mss_clamp.store(config_.interface.mss_clamp);
  // Several peers share one device, whose MTU bounds them all; an MTU that somebody has set is not
  // questioned.
  // At a tap, what is larger is fragmented outside in any case, and better where the path is known.
  tunnel_.set_path_policy({.hold = !mtu_is_set() || is_tap(config_),
                           .most = follows_path() ? kLargestFound : mtu + frame_room(config_)});
  path_watch_.set_mark(fwmark_of(config_));
  if (bridge_guard_) bridge_guard_->set_mark(fwmark_of(config_));
}

void Daemon::guard_bridge() {
  const auto& bridge = config_.interface.bridge;
  if (!bridge) return;
  host_watch_.watch_also(net::interface_index(bridge->name.value).value_or(0));
  bridge_guard_ = std::make_unique<BridgeGuard>(device_.name(), bridge->name.value, bridge->member_names());
  driver_.guard_ways([this](const net::Endpoint& endpoint) { return bridge_guard_->refuses(endpoint); });
  network_watch_.on_ways([this] {
    bridge_guard_->forget();
    driver_.ways_changed();
  });
}

bool Daemon::take_new_port() {
  if (config_.interface.listen_port || workers_.size() != sockets_.size()) return false;
  try {
    const auto fresh =
        net::open_udp_sockets({.sockets = static_cast<unsigned>(sockets_.size()),
                               .mark = fwmark_of(config_),
                               .offload = config_.interface.offload == config::AutoOff::kAuto});
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      if (const auto error = sockets_[i].become(fresh[i])) throw std::system_error(error);
      workers_[i]->socket_is_another();
    }
    // A kill switch lets out these ports only.
    become(wanted_changes());
    log::info("nobody answers: sending from udp port {} from now on", sockets_.front().port());
    return true;
  } catch (const std::exception& error) {
    log::warn("the UDP port stays: {}", error.what());
    return false;
  }
}

void Daemon::set_switch() {
  if (!plane_.ethernet) return;
  plane_.ethernet->change(switch_settings(config_));
  if (const auto address = wanted_plan().mac_address) plane_.ethernet->set_own_address(*address);
}

void Daemon::follow_stations() {
  if (!plane_.ethernet) return;
  stations_ = std::make_unique<HostStations>(io_, device_.interface_index(), [this](const auto& stations) {
    plane_.ethernet->set_host_addresses(stations, plane_.quiescence);
  });
}

std::string Daemon::name_of_port(net::MacTable::Port port) const {
  if (port != protocol::EthernetSwitch::kDevice) return "peer " + driver_.info(port).name;
  const auto& bridge = config_.interface.bridge;
  return bridge ? "the bridge " + bridge->name.value : "this host's " + device_.name();
}

void Daemon::tell_loops() {
  for (const protocol::Loop& loop : loop_log_.worth_telling(plane_.ethernet->loops(), net::boot_now()))
    log::warn("{}", in_words(loop, [this](net::MacTable::Port port) { return name_of_port(port); }));
}

void Daemon::follow_path_mtu(protocol::PeerId peer) {
  if (!follows_path()) return;
  // Down at once, up when it is certain: a search takes several steps.
  const protocol::PathMtu& path = tunnel_.peer(peer).path().mtu();
  if (path.limit() > plane_.mtu.load() && path.phase() == protocol::PathMtu::Phase::kSearching) return;
  // Below 1280 the kernel would take IPv6 off the device; the limit of the peer does the rest.
  const std::uint32_t mtu = std::max<std::uint32_t>(path.limit(), net::kIpv6LeastMtu);
  if (!damped_mtu_) damped_mtu_.emplace(plane_.mtu.load());
  set_path_mtu(damped_mtu_->follow(mtu, net::boot_now()));
}

void Daemon::set_path_mtu(std::optional<std::uint32_t> mtu) {
  if (mtu && *mtu != plane_.mtu.load() && follows_path()) {
    const auto found_before = std::exchange(found_mtu_, mtu);
    try {
      become(wanted_changes());
      plane_.mtu.store(*mtu);
      log::info("{} has an MTU of {} now: that is what the path carries", device_.name(), *mtu);
    } catch (const std::exception& error) {
      found_mtu_ = found_before;
      log::warn("the MTU of {} stays {}: {}", device_.name(), plane_.mtu.load(), error.what());
    }
  }
  if (damped_mtu_->deadline() == kNever) {
    mtu_timer_.cancel();
    return;
  }
  mtu_timer_.expires_after(std::max(damped_mtu_->deadline() - net::boot_now(), Duration::zero()));
  mtu_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) set_path_mtu(damped_mtu_->due(net::boot_now()));
  });
}

void Daemon::follow_connected_networks() {
  if (!wanted_plan().is_full_tunnel()) return;
  try {
    become(wanted_changes());
  } catch (const std::exception& error) {
    log::warn("what stays outside of the full tunnel is as before: {}", error.what());
  }
}

}  // namespace tunneld::daemon

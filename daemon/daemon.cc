#include "daemon/daemon.h"

#include <chrono>
#include <csignal>
#include <utility>

#include <boost/asio/post.hpp>

#include "common/json.h"
#include "common/log.h"
#include "common/log_about.h"
#include "common/net/interface_name.h"
#include "common/net/system_clock.h"
#include "config/parse.h"
#include "daemon/access_status.h"
#include "daemon/descriptor_store.h"
#include "daemon/host/privilege.h"
#include "daemon/host_status.h"
#include "daemon/opening.h"
#include "daemon/service_notify.h"
#include "daemon/status.h"
#include "daemon/stop_reason.h"

namespace tunneld::daemon {
namespace {

/// The pause between two writes. After a kill, the file lacks the moves of peers since the last one.
constexpr std::chrono::seconds kHandoverPause{5};

bool stays_closed_after(StopReason reason) {
  return reason != StopReason::kAsked && reason != StopReason::kByItself;
}

Inputs first_inputs(config::Config config, config::Keys& keys) {
  Inputs inputs;
  inputs.preshared_keys =
      std::make_shared<const config::PresharedKeys>(std::exchange(keys.preshared_keys, {}));
  inputs.public_key = keys.private_key.public_key();
  inputs.config = std::make_shared<const config::Config>(std::move(config));
  return inputs;
}

}  // namespace

Daemon::Daemon(std::string config_path, config::Config configuration, config::Keys keys)
    : config_path_(std::move(config_path)),
      inputs_(first_inputs(std::move(configuration), keys)),
      started_(net::boot_now()),
      // From here on a signal is handled when the start is complete, so that nothing is left half done.
      signals_(io_, SIGTERM, SIGINT, SIGHUP),
      kept_queues_(take_kept_queues(config())),
      is_taken_over_(!kept_queues_.empty()),
      host_(config().interface.name.value,
            is_taken_over_ ? HostChanges::LeftClosed::kIsTakenOver : HostChanges::LeftClosed::kStays),
      mark_(fwmark_of(config())),
      engine_(crypto::select_engine(config().crypto.engine)),
      device_(device_options(config(),
                             [this](const std::string& name, const net::TunState& found) {
                               // Any other device disappears, and its settings with it.
                               if (config().interface.persist)
                                 host_.entrust(DeviceOpened{.interface = {name}, .before = found});
                             }),
              std::move(kept_queues_)),
      worker_count_(device_.queues().size()),
      may_configure_(may_change_network()),
      sockets_(open_sockets(config(), worker_count_, before_ ? before_->port : std::uint16_t{0})),
      lane_sockets_(open_lanes(config(), worker_count_)),
      plane_(config().peers.size(), protocol::ThreadPlan(worker_count_), crypto::random_bytes,
             make_switch(config())),
      tunnel_(std::move(keys.private_key), *engine_, crypto::random_bytes, plane_,
              tunnel_options(config(), worker_count_)),
      driver_(io_, tunnel_, plane_, sockets_, lane_sockets_,
              [this] { stop(ExitCode::kRuntimeFailure, "somebody deleted " + device_.name()); }),
      path_watch_(io_, tunnel_, driver_),
      network_watch_(io_, clock_, device_.interface_index(),
                     [this](const std::string& what) {
                       driver_.retry_lookups();
                       path_watch_.routes_changed(what);
                     }),
      host_watch_(io_, clock_, host_, device_.name(), device_.interface_index()),
      connected_(io_, clock_,
                 config().interface.bridge ? config().interface.bridge->name.value : device_.name(),
                 [this] { follow_connected_networks(); }),
      control_(io_, device_.name()) {
  obey_signals();
  answer_requests();
  open_push();
  follow_tunnel();
  guard_bridge();
  take_handover();
  become_at_start();
  follow_stations();
  start_workers();
  log_start(config(), device_, sockets_.front(), engine_->name(), workers_.size(), may_configure_);
}

void Daemon::open_push() {
  if (config().server) {
    server_ = std::make_unique<ServerPushEdge>(io_, inputs_.config, tunnel_, driver_,
                                               [this](const Leases& leases) { take_leases(leases); });
    inputs_.leases = server_->leases();
  }
  if (config().client) {
    client_ = std::make_unique<ClientPushEdge>(
        io_, inputs_.config, tunnel_, driver_,
        [this](const AcceptedConfig& accepted) { return take_accepted(accepted); });
  }
}

void Daemon::follow_tunnel() {
  if (!plane_.ethernet) accepted_sources_.emplace(tunnel_, driver_);
  // Posted, because it may be found while the tunnel is being changed.
  driver_.on_endpoint_found([this] { boost::asio::post(io_, [this] { leave_hold(); }); });
  driver_.on_port_useless([this] { return take_new_port(); });
  driver_.on_event([this](const protocol::Event& event) {
    if (event.is<protocol::Event::PathMtu>()) follow_path_mtu(event.peer);
    if (event.is<protocol::Event::Loop>()) tell_loops();
    if (event.is<protocol::Event::SessionUp, protocol::Event::EndpointMoved>()) keep_handover_soon();
  });
  tunnel_.timestamps().keep(
      clock_mark_.load().value_or(WallTime()),
      [this](WallTime timestamp, WallTime clock) { return clock_mark_.reserve(timestamp, clock); });
  network_watch_.on_sleep([this] { driver_.network_changed(); });
  if (client_) network_watch_.on_neighbours([this] { client_->host_changed(); });
}

void Daemon::take_handover() {
  if (!before_) return;
  // Peers before the host, because what the host keeps depends on their endpoints. They can answer while the
  // host is being set up, unless a kill switch does not permit our port yet.
  driver_.set_peers(desired_state(inputs_).peers);
  for (const auto& [peer, address, session] : before_->places) driver_.remember_place(peer, address, session);
  if (sockets_.front().port() == before_->port) driver_.send_now();
  // Without a known address of the server, its configuration would lead every search for it into its own tunnel.
  const auto& given = before_->configuration;
  if (client_ && given && is_taken_over_ && driver_.has_endpoint(given->server)) client_->resume(*given);
}

void Daemon::keep_handover() {
  Handover now;
  tunnel_.for_each_peer([&](protocol::PeerId, const protocol::Peer& peer) {
    const protocol::PeerStatus status = peer.status(net::boot_now());
    if (status.endpoint)
      now.places.push_back({peer.options().public_key, status.endpoint->remote, status.session_live});
  });
  if (client_) now.configuration = client_->configuration();
  if (!config().interface.listen_port) now.port = sockets_.front().port();
  handover_.save(now);
}

bool Daemon::goes_on_with_this_device() const {
  const config::ParseResult next = config::parse_file(config_path_);
  return next.config && next.config->interface.name.value == config().interface.name.value &&
         is_tap(*next.config) == is_tap(config());
}

void Daemon::keep_handover_soon() {
  if (!has_descriptor_store() || std::exchange(handover_is_due_, true)) return;
  handover_timer_.expires_after(kHandoverPause);
  handover_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    handover_is_due_ = false;
    keep_handover();
  });
}

void Daemon::start_workers() {
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    workers_.push_back(std::make_unique<DataWorker>(i, plane_, device_.queues(), sockets_[i], lane_sockets_,
                                                    device_.features(), driver_.signals()));
  }
  // From here on, every end that nobody has asked for leaves the kill switch closed.
  host_.stay_closed(true);
  keep_queues(device_);
  if (const auto& persist = config().interface.persist; persist && !device_.attached())
    device_.persist(persist->owner, persist->group);
}

ExitCode Daemon::run() {
  service_watch_.emplace(io_, device_.name(), workers_, tunnel_, driver_);
  io_.run();
  return result_;
}

void Daemon::obey_signals() {
  signals_.async_wait([this](const boost::system::error_code& error, int signal) {
    if (error) return;
    if (signal != SIGHUP) return stop_by_signal(signal);
    if (const Json reply = reload(); reply.contains("error")) {
      const log::About about("reload refused");
      log::error("reload: {}", reply["error"].get<std::string>());
    }
    obey_signals();
  });
}

void Daemon::answer_requests() {
  control_.on("status", ControlSocket::Effect::kReads, [this] { return status(); });
  control_.on("down", ControlSocket::Effect::kChanges, [this] {
    boost::asio::post(io_, [this] { stop(ExitCode::kFine, "asked by tunneld down"); });
    return Json{{"stopping", device_.name()}};
  });
  control_.on("reload", ControlSocket::Effect::kChanges, [this] { return reload(); });
  control_.set_readers(config().interface.status_group);
}

Json Daemon::status() {
  Json status = make_status({config(), tunnel_, plane_, driver_, device_, sockets_.front(),
                             std::string(engine_->name()), workers_.size(), started_,
                             accepted_sources_ ? &*accepted_sources_ : nullptr});
  if (plane_.ethernet) {
    status["interface"]["switch"]["loops"] = loops_status(
        plane_.ethernet->loops(), [this](net::MacTable::Port port) { return name_of_port(port); },
        net::boot_now());
  }
  if (server_) status["server"] = server_->status();
  if (client_) status["client"] = client_->status();
  status["host"] = host_status(host_watch_);
  status["elsewhere"] = Json::array();
  try {
    status["elsewhere"] = Json(addresses_elsewhere());
  } catch (const std::system_error& error) {
    log::debug("{}", error.what());
  }
  if (config().server && config().server->value.forwarding.enabled) status["forwarding"] = true;
  // Doctor's own datagrams need it to be routed as the daemon's are.
  if (state_.plan.fwmark != 0) status["fwmark"] = state_.plan.fwmark;
  if (state_.plan.kill_switch) status["kill_switch"] = true;
  if (auto access = access_status(device_.name(), state_.plan.access); !access.empty())
    status["access"] = std::move(access);
  return status;
}

void Daemon::stop_by_signal(int signal) {
  StopReason reason = StopReason::kAsked;
  if (signal == SIGTERM && (state_.plan.kill_switch || has_descriptor_store())) reason = stop_reason();
  std::string why = signal == SIGINT ? "SIGINT" : "SIGTERM";
  const bool stays_closed = stays_closed_after(reason) && state_.plan.kill_switch;
  if (reason == StopReason::kRestart) why += ", for a restart";
  if (reason == StopReason::kShutdown) why += ", for a shutdown";
  if (stays_closed) why += ": the kill switch stays closed";
  if (stays_closed && reason == StopReason::kUnknown)
    why += "; to open it, use `tunneld cleanup " + device_.name() + "`";
  stop(ExitCode::kFine, why, reason);
}

void Daemon::stop(ExitCode code, const std::string& why, StopReason reason) {
  log::info("stopping: {}", why);
  notify_stopping();
  const bool is_handed_over = code == ExitCode::kFine && reason == StopReason::kRestart &&
                              has_descriptor_store() && goes_on_with_this_device();
  if (is_handed_over) {
    keep_handover();
    host_.leave_to_next();
  } else {
    handover_.remove();
    drop_kept_queues();
  }
  driver_.say_goodbye();
  clock_mark_.settle(tunnel_.timestamps().greatest());
  host_.stay_closed(code != ExitCode::kFine || stays_closed_after(reason));
  result_ = code;
  io_.stop();
}

// --- A tap

void Daemon::guard_bridge() {
  const auto& bridge = config().interface.bridge;
  if (!bridge) return;
  bridge_guard_ = std::make_unique<BridgeGuard>(device_.name(), bridge->name.value, bridge->member_names());
  driver_.guard_endpoints([this](const net::Endpoint& endpoint) { return bridge_guard_->refuses(endpoint); });
  network_watch_.on_routes([this] {
    bridge_guard_->forget();
    driver_.recheck_endpoints();
  });
}

void Daemon::follow_stations() {
  if (const auto& bridge = config().interface.bridge)
    host_watch_.watch_also(net::interface_index(bridge->name.value).value_or(0));
  if (!plane_.ethernet) return;
  stations_ = std::make_unique<HostStations>(io_, device_.interface_index(), [this](const auto& stations) {
    plane_.ethernet->set_host_addresses(stations, plane_.quiescence);
  });
}

std::string Daemon::name_of_port(net::MacTable::Port port) const {
  if (port != protocol::EthernetSwitch::kDevice) return "peer " + std::string(driver_.name(port));
  const auto& bridge = config().interface.bridge;
  return bridge ? "the bridge " + bridge->name.value : "this host's " + device_.name();
}

void Daemon::tell_loops() {
  for (const protocol::Loop& loop : loop_log_.worth_telling(plane_.ethernet->loops(), net::boot_now()))
    log::warn("{}", in_words(loop, [this](net::MacTable::Port port) { return name_of_port(port); }));
}

}  // namespace tunneld::daemon

// The daemon's life: read the configuration, take the lock, open device and sockets, change the host, run,
// undo.
//
// Everything is held by objects in run_locked(), so that whatever way it ends, the reverse order of their
// destruction is the clean-up: workers stop, changes are undone, sockets and device close, and the lock goes
// last.
#include "daemon/run.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <thread>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common/net/system_clock.h"
#include "config/load_keys.h"
#include "config/parse.h"
#include "daemon/control_socket.h"
#include "daemon/data_worker.h"
#include "daemon/host_changes.h"
#include "daemon/host_plan.h"
#include "daemon/interface_lock.h"
#include "daemon/log.h"
#include "daemon/run_directory.h"
#include "daemon/service_notify.h"
#include "daemon/status.h"
#include "daemon/tunnel_driver.h"

namespace tunneld::daemon {
namespace {

std::vector<protocol::PeerOptions> peer_options(const config::Config& config, config::Keys& keys) {
  std::vector<protocol::PeerOptions> peers;
  for (std::size_t i = 0; i < config.peers.size(); ++i) {
    const config::PeerConfig& peer = config.peers[i];
    protocol::PeerOptions options;
    options.public_key = peer.public_key.value;
    options.preshared_key = std::move(keys.preshared_keys[i]);
    options.persistent_keepalive = peer.persistent_keepalive.value_or(Duration::zero());
    for (const auto& prefix : peer.allowed_ips) options.allowed_ips.push_back(prefix.value);
    peers.push_back(std::move(options));
  }
  return peers;
}

void log_start(const net::TunDevice& device, const net::UdpSocket& socket, const std::string& engine,
               std::size_t workers) {
  const net::TunFeatures& features = device.features();
  spdlog::info("{} is up: udp port {}, {} worker{}, {}, offloads: tcp {}, udp {}, udp segmentation {}",
               device.name(), socket.port(), workers, workers == 1 ? "" : "s", engine,
               features.tcp ? "on" : "off", features.udp ? "on" : "off", socket.segments() ? "on" : "off");
  if (!socket.has_ipv6()) spdlog::warn("this host has no IPv6: peers at IPv6 addresses cannot be reached");
}

ExitCode run_locked(const config::Config& config, config::Keys keys) {
  const std::string& name = config.interface.name.value;
  const std::size_t workers = config.workers.value_or(std::max(1U, std::thread::hardware_concurrency()));
  const bool offload = config.interface.offload == config::AutoOff::kAuto;

  // From here on a signal waits until the start is complete, and is then obeyed: nothing is left half done.
  boost::asio::io_context io(1);
  ExitCode result = ExitCode::kFine;
  const auto stop = [&](ExitCode code, const std::string& why) {
    spdlog::info("stopping: {}", why);
    notify_stopping();
    result = code;
    io.stop();
  };

  boost::asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int signal) {
    if (!error) stop(ExitCode::kFine, signal == SIGINT ? "SIGINT" : "SIGTERM");
  });

  const HostPlan plan = host_plan(config);
  const std::vector<HostChange> changes = changes_of(plan);
  HostChanges host(name);
  const std::unique_ptr<crypto::AeadEngine> engine = crypto::select_engine(config.crypto.engine);
  std::vector<net::UdpSocket> sockets =
      net::open_udp_sockets({.port = config.interface.listen_port.value_or(0),
                             .sockets = static_cast<unsigned>(workers),
                             .mark = config.interface.fwmark,
                             .offload = offload});
  net::TunDevice device({.name = name, .queues = static_cast<unsigned>(workers), .offload = offload});
  for (const HostChange& change : changes) host.make(change);

  protocol::DataPlane plane(config.peers.size(), 2 * workers + 1, crypto::random_bytes);
  plane.mtu.store(plan.mtu);
  protocol::Tunnel tunnel(std::move(keys.private_key), *engine, crypto::random_bytes, plane,
                          config.crypto.fast_cipher == config::AutoOff::kAuto);
  const Now started = net::now();
  const auto ids = tunnel.add_peers(peer_options(config, keys), started);

  TunnelDriver driver(io, tunnel, plane, sockets.front(),
                      [&] { stop(ExitCode::kRuntimeFailure, "somebody deleted " + name); });
  ControlSocket control(io, name);
  control.on("status", [&] {
    return make_status({config, tunnel, plane, driver, device, sockets.front(), std::string(engine->name()),
                        workers, started.boot});
  });
  control.on("down", [&] {
    boost::asio::post(io, [&] { stop(ExitCode::kFine, "asked by tunneld down"); });
    return nlohmann::json{{"stopping", name}};
  });

  std::vector<std::unique_ptr<DataWorker>> data_workers;
  for (std::size_t i = 0; i < workers; ++i) {
    data_workers.push_back(std::make_unique<DataWorker>(i, plane, device.queues()[i], sockets[i],
                                                        device.features(), driver.signals()));
  }
  driver.add_peers(config.peers, ids);
  log_start(device, sockets.front(), std::string(engine->name()), workers);
  notify_ready(name + ": " + std::to_string(config.peers.size()) + " peers");
  io.run();
  return result;
}

}  // namespace

ExitCode run_daemon(const RunOptions& options) {
  config::ParseResult parsed = config::parse_file(options.config);
  if (!parsed.diagnostics.empty()) std::fputs(to_string(parsed.diagnostics).c_str(), stderr);
  if (!parsed.config) return ExitCode::kBadUsage;
  start_logging(parsed.config->log.level);
  if (options.log_level && !set_log_level(*options.log_level)) return ExitCode::kBadUsage;
  config::KeysResult keys = config::load_keys(*parsed.config, config::NotPermitted::kIsError);
  if (!keys.diagnostics.empty()) std::fputs(to_string(keys.diagnostics).c_str(), stderr);
  if (!keys.keys) return ExitCode::kBadUsage;

  try {
    make_run_directory();
    const auto lock = InterfaceLock::take(parsed.config->interface.name.value);
    if (!lock) {
      spdlog::error("another tunneld runs on {0} ({1}): stop it first (tunneld down {0})",
                    parsed.config->interface.name.value,
                    InterfaceLock::holder(parsed.config->interface.name.value));
      return ExitCode::kRuntimeFailure;
    }
    return run_locked(*parsed.config, std::move(*keys.keys));
  } catch (const PlanError& error) {
    spdlog::error("{}: {}", options.config, error.what());
    return ExitCode::kBadUsage;
  } catch (const net::TunError& error) {
    spdlog::error("{}", error.what());
    return error.reason() == net::TunError::Reason::kNotPermitted ? ExitCode::kNotPermitted
                                                                  : ExitCode::kRuntimeFailure;
  } catch (const net::NetlinkError& error) {
    spdlog::error("{}", error.what());
    return error.reason() == net::NetlinkError::Reason::kNotPermitted ? ExitCode::kNotPermitted
                                                                      : ExitCode::kRuntimeFailure;
  } catch (const std::system_error& error) {
    spdlog::error("{}", error.what());
    const bool permission =
        error.code() == std::errc::permission_denied || error.code() == std::errc::operation_not_permitted;
    return permission ? ExitCode::kNotPermitted : ExitCode::kRuntimeFailure;
  } catch (const std::exception& error) {
    spdlog::error("{}", error.what());
    return ExitCode::kRuntimeFailure;
  }
}

}  // namespace tunneld::daemon

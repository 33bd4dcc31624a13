#include "daemon/opening.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "common/counted.h"
#include "common/crypto/keys.h"
#include "common/log.h"
#include "daemon/descriptor_store.h"
#include "daemon/desired_state.h"
#include "daemon/host/host_plan.h"

namespace tunneld::daemon {
namespace {

/// The queues' name in systemd's descriptor store.
constexpr const char* kQueues = "tun";

std::size_t wanted_workers(const config::Config& config) {
  return config.workers.value_or(std::max(1U, std::thread::hardware_concurrency()));
}

/// The user sets the number for a persistent device; any other has one for each worker.
unsigned queue_count(const config::Config& config) {
  const auto& persist = config.interface.persist;
  const auto workers = static_cast<unsigned>(wanted_workers(config));
  return persist && persist->queues ? std::min(*persist->queues, workers) : workers;
}

/// Other programs use a persistent device, too, and most of them ask for one queue.
std::optional<bool> multi_queue(const config::Config& config) {
  const auto& persist = config.interface.persist;
  return persist ? std::optional(persist->queues.value_or(1) > 1) : std::nullopt;
}

bool offloads(const config::Config& config) {
  return config.interface.offload == config::AutoOff::kAuto;
}

net::UdpOptions socket_options(const config::Config& config, std::uint16_t port, std::size_t sockets) {
  return {.port = port,
          .sockets = static_cast<unsigned>(sockets),
          .mark = fwmark_of(config),
          .offload = offloads(config)};
}

/// For a persistent device that has fewer queues than there would be workers.
void log_queues(const net::TunDevice& device, const config::Config& config) {
  const std::size_t queues = device.queue_count();
  const std::size_t wanted = wanted_workers(config);
  const auto& persist = config.interface.persist;
  if (!persist || queues >= wanted) return;
  if (queues > 1) {
    log::info("{}: 'persist' says {} queues, so there are {} workers and not {}", device.name(), queues,
              queues, wanted);
    return;
  }
  const std::string more = persist->queues == 1u ? std::string()
                           : device.attached()
                               ? ": for more, create the device again, with `ip tuntap add … multi_queue`"
                               : ": 'persist: { queues: " + std::to_string(wanted) +
                                     " }' makes a device for more, which programs that ask for one queue "
                                     "cannot open";
  log::info("{} has one queue, so there is one worker and not {}{}", device.name(), wanted, more);
}

/// Says whether the device was created now or existed before.
void log_device(const net::TunDevice& device, const config::Config& config) {
  if (device.attached()) {
    log::info("{} existed already: taken over, and it stays when tunneld ends", device.name());
  } else if (config.interface.persist) {
    log::info("{} was created, and stays when tunneld ends (`ip link del {}` removes it)", device.name(),
              device.name());
  } else {
    log::debug("{} was created, and disappears when tunneld ends", device.name());
  }
  log_queues(device, config);
}

}  // namespace

net::TunOptions device_options(
    const config::Config& config,
    std::function<void(const std::string& device, const net::TunState& found)> before_change) {
  return {.name = config.interface.name.value,
          .kind = is_tap(config) ? net::DeviceKind::kTap : net::DeviceKind::kTun,
          .queues = queue_count(config),
          .multi_queue = multi_queue(config),
          .offload = offloads(config),
          .may_attach = config.interface.persist.has_value(),
          .before_change = std::move(before_change)};
}

std::vector<net::FileDescriptor> take_kept_queues(const config::Config& config) {
  std::vector<net::FileDescriptor> kept = take_stored(kQueues);
  if (kept.empty() || net::TunDevice::are_queues_of(device_options(config, nullptr), kept)) {
    // Packets in a queue that nobody reads would be lost.
    if (kept.size() > queue_count(config)) drop_kept_queues();
    return kept;
  }
  log::info("creating {} again: the last run's device has other settings, or was renamed or moved",
            config.interface.name.value);
  kept.clear();
  drop_kept_queues();
  return kept;
}

void keep_queues(net::TunDevice& device) {
  std::vector<int> queues;
  for (const net::TunQueue& queue : device.queues()) queues.push_back(queue.fd());
  store_descriptors(kQueues, queues);
}

void drop_kept_queues() {
  drop_stored(kQueues);
}

std::vector<net::UdpSocket> open_sockets(const config::Config& config, std::size_t workers,
                                         std::uint16_t before) {
  if (config.interface.listen_port)
    return net::open_udp_sockets(socket_options(config, *config.interface.listen_port, workers));
  try {
    return net::open_udp_sockets(socket_options(config, before, workers));
  } catch (const std::system_error&) {
    if (before == 0) throw;
    return open_sockets_elsewhere(config, workers);
  }
}

std::vector<net::UdpSocket> open_sockets_elsewhere(const config::Config& config, std::size_t workers) {
  return net::open_udp_sockets(socket_options(config, 0, workers));
}

std::vector<net::UdpSocket> open_lanes(const config::Config& config, std::size_t workers) {
  if (workers == 1) return {};
  return net::open_lane_sockets(socket_options(config, 0, workers));
}

std::unique_ptr<protocol::EthernetSwitch> make_switch(const config::Config& config) {
  if (!is_tap(config)) return nullptr;
  return std::make_unique<protocol::EthernetSwitch>(switch_settings(config),
                                                    protocol::random_number(crypto::random_bytes));
}

protocol::TunnelOptions tunnel_options(const config::Config& config, std::size_t workers) {
  return {.extension = config.interface.extension == config::AutoOff::kAuto,
          .fast_cipher = config.crypto.fast_cipher == config::AutoOff::kAuto,
          .capabilities = {.config = config.server.has_value(),
                           .tap = is_tap(config),
                           .lanes = static_cast<unsigned>(workers),
                           .probe = true},
          .path = {}};
}

void log_start(const config::Config& config, const net::TunDevice& device, const net::UdpSocket& socket,
               std::string_view engine, std::size_t workers, bool may_configure) {
  log_device(device, config);
  if (const HostPlan all = host_plan(config); !may_configure && (all.no_routers || all.isolates_peers)) {
    log::warn(
        "without CAP_NET_ADMIN, tunneld cannot keep this host from accepting router advertisements of {}'s "
        "peers, or from passing packets between them",
        device.name());
  }
  const net::TunFeatures& features = device.features();
  log::info("{} is up: udp port {}, {}, {}, offloads: tcp {}, udp {}, udp segmentation {}", device.name(),
            socket.port(), counted(workers, "worker"), engine, features.tcp ? "on" : "off",
            features.udp ? "on" : "off", socket.segments() ? "on" : "off");
  if (!socket.has_ipv6()) log::warn("this host has no IPv6: peers at IPv6 addresses cannot be reached");
}

}  // namespace tunneld::daemon

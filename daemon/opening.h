// Opens device, sockets and tunnel with options from the configuration, and logs the start.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/tun_device.h"
#include "common/net/udp_socket.h"
#include "common/protocol/ethernet_switch.h"
#include "common/protocol/tunnel.h"
#include "config/config.h"

namespace tunneld::daemon {

/// `before_change`: see net::TunOptions.
[[nodiscard]] net::TunOptions device_options(
    const config::Config& config,
    std::function<void(const std::string& device, const net::TunState& found)> before_change);

/// The queues of the last run's device, which systemd has kept over a restart, if the device fits the
/// configuration. Otherwise drops them and returns none.
[[nodiscard]] std::vector<net::FileDescriptor> take_kept_queues(const config::Config& config);
/// Asks systemd to keep them for the next run.
void keep_queues(net::TunDevice& device);
void drop_kept_queues();

/// One for each worker, on the configured port. If that is `auto`: on port `before`, if it is free, otherwise on
/// any. Throws std::system_error.
[[nodiscard]] std::vector<net::UdpSocket> open_sockets(const config::Config& config, std::size_t workers,
                                                       std::uint16_t before = 0);
/// The same, always on a new port.
[[nodiscard]] std::vector<net::UdpSocket> open_sockets_elsewhere(const config::Config& config,
                                                                 std::size_t workers);
/// None if there is only one worker.
[[nodiscard]] std::vector<net::UdpSocket> open_lanes(const config::Config& config, std::size_t workers);

/// nullptr for a tun.
[[nodiscard]] std::unique_ptr<protocol::EthernetSwitch> make_switch(const config::Config& config);
[[nodiscard]] protocol::TunnelOptions tunnel_options(const config::Config& config, std::size_t workers);

/// `may_configure`: whether we have CAP_NET_ADMIN.
void log_start(const config::Config& config, const net::TunDevice& device, const net::UdpSocket& socket,
               std::string_view engine, std::size_t workers, bool may_configure);

}  // namespace tunneld::daemon

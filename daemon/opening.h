// How device, sockets and tunnel are opened: their options, from the configuration, and the log lines of a
// start.
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

/// The queues of the device that the run before had, if it is such a device as is wanted now: kept by systemd
/// over a restart. Otherwise none is kept any more.
[[nodiscard]] std::vector<net::FileDescriptor> take_kept_queues(const config::Config& config);
/// Has systemd keep them for the next run.
void keep_queues(net::TunDevice& device);
void drop_kept_queues();

/// One for each worker, on the configured port; if that is `auto`, on the one `before`, if it is free. Throws
/// std::system_error.
[[nodiscard]] std::vector<net::UdpSocket> open_sockets(const config::Config& config, std::size_t workers,
                                                       std::uint16_t before = 0);
/// The same on any port.
[[nodiscard]] std::vector<net::UdpSocket> open_sockets_elsewhere(const config::Config& config,
                                                                 std::size_t workers);
/// None where there is one worker.
[[nodiscard]] std::vector<net::UdpSocket> open_lanes(const config::Config& config, std::size_t workers);

/// nullptr for a tun.
[[nodiscard]] std::unique_ptr<protocol::EthernetSwitch> make_switch(const config::Config& config);
[[nodiscard]] protocol::TunnelOptions tunnel_options(const config::Config& config, std::size_t workers);

/// What was opened. `may_configure`: with CAP_NET_ADMIN.
void log_start(const config::Config& config, const net::TunDevice& device, const net::UdpSocket& socket,
               std::string_view engine, std::size_t workers, bool may_configure);

}  // namespace tunneld::daemon

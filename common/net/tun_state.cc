#include "common/net/tun_state.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/net/interface_name.h"
#include "common/net/netlink.h"
#include "common/net/tun_device.h"
#include "common/net/tun_driver.h"

namespace tunneld::net {
namespace {

/// set_offload() of drivers/net/tun.c, with the names of net/ethtool/common.c. The last two are younger
/// than Debian 12's linux/if_tun.h (Linux 6.17).
struct Offload {
  std::string_view feature;
  unsigned flags;
};
constexpr std::array kOffloads = {
    Offload{"tx-checksum-ip-generic", TUN_F_CSUM},
    Offload{"tx-tcp-segmentation", TUN_F_TSO4},
    Offload{"tx-tcp6-segmentation", TUN_F_TSO6},
    Offload{"tx-tcp-ecn-segmentation", TUN_F_TSO_ECN},
    Offload{"tx-udp-segmentation", kUdpSuperpackets},
    Offload{"tx-udp_tnl-segmentation", 0x80},        // TUN_F_UDP_TUNNEL_GSO
    Offload{"tx-udp_tnl-csum-segmentation", 0x100},  // TUN_F_UDP_TUNNEL_GSO_CSUM
};

/// The features of one device, as ethtool(8) shows and sets them.
class Features {
 public:
  explicit Features(const std::string& device)
      : control_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), device_(device) {
    std::vector<std::uint32_t> info((sizeof(ethtool_sset_info) + sizeof(std::uint32_t)) / 4);
    auto& sets = *reinterpret_cast<ethtool_sset_info*>(info.data());
    sets.cmd = ETHTOOL_GSSET_INFO;
    sets.sset_mask = std::uint64_t{1} << ETH_SS_FEATURES;
    if (!ask(info.data()) || sets.sset_mask == 0) return;
    const std::uint32_t count = info[offsetof(ethtool_sset_info, data) / 4];
    names_.resize((sizeof(ethtool_gstrings) + std::size_t{count} * ETH_GSTRING_LEN + 3) / 4);
    auto& names = *reinterpret_cast<ethtool_gstrings*>(names_.data());
    names.cmd = ETHTOOL_GSTRINGS;
    names.string_set = ETH_SS_FEATURES;
    names.len = count;
    if (ask(names_.data())) count_ = names.len;
  }

  /// Those of kOffloads that are on, and those that are wanted.
  void read(unsigned& on, unsigned& wanted) {
    std::vector<std::uint32_t> buffer(
        (sizeof(ethtool_gfeatures) + blocks() * sizeof(ethtool_get_features_block)) / 4);
    auto& features = *reinterpret_cast<ethtool_gfeatures*>(buffer.data());
    features.cmd = ETHTOOL_GFEATURES;
    features.size = blocks();
    if (count_ == 0 || !ask(buffer.data())) return;
    for (const Offload& offload : kOffloads) {
      const auto bit = bit_of(offload.feature);
      if (!bit || *bit / 32 >= features.size) continue;
      const auto* block =
          reinterpret_cast<const ethtool_get_features_block*>(buffer.data() + sizeof(ethtool_gfeatures) / 4) +
          *bit / 32;
      const std::uint32_t mask = 1U << *bit % 32;
      if ((block->active & mask) != 0) on |= offload.flags;
      if ((block->requested & mask) != 0) wanted |= offload.flags;
    }
  }

  /// Optional: an unprivileged owner may not.
  void want(unsigned wanted) {
    std::vector<std::uint32_t> buffer(
        (sizeof(ethtool_sfeatures) + blocks() * sizeof(ethtool_set_features_block)) / 4);
    auto& features = *reinterpret_cast<ethtool_sfeatures*>(buffer.data());
    features.cmd = ETHTOOL_SFEATURES;
    features.size = blocks();
    auto* first =
        reinterpret_cast<ethtool_set_features_block*>(buffer.data() + sizeof(ethtool_sfeatures) / 4);
    for (const Offload& offload : kOffloads) {
      const auto bit = bit_of(offload.feature);
      if (!bit) continue;
      first[*bit / 32].valid |= 1U << *bit % 32;
      if ((wanted & offload.flags) != 0) first[*bit / 32].requested |= 1U << *bit % 32;
    }
    if (count_ != 0) (void)ask(buffer.data());
  }

 private:
  bool ask(std::uint32_t* command) {
    ifreq request = request_for(device_);
    request.ifr_data = reinterpret_cast<char*>(command);
    return ::ioctl(control_.get(), SIOCETHTOOL, &request) >= 0;
  }

  [[nodiscard]] std::uint32_t blocks() const { return (count_ + 31) / 32; }

  [[nodiscard]] std::optional<std::uint32_t> bit_of(std::string_view feature) const {
    const auto* names = reinterpret_cast<const char*>(names_.data()) + sizeof(ethtool_gstrings);
    for (std::uint32_t i = 0; i < count_; ++i) {
      const char* name = names + std::size_t{i} * ETH_GSTRING_LEN;
      if (std::string_view(name, ::strnlen(name, ETH_GSTRING_LEN)) == feature) return i;
    }
    return std::nullopt;
  }

  const FileDescriptor control_;
  const std::string device_;
  std::vector<std::uint32_t> names_;
  std::uint32_t count_ = 0;
};

}  // namespace

TunState flags_of_tun(const std::string& device, DeviceKind kind) {
  TunState state{.kind = kind};
  try {
    if (const auto tun = Netlink().link(interface_index(device).value_or(0)).tun) {
      state.multi_queue = tun->multi_queue;
      state.packet_info = tun->packet_info;
      state.has_header = tun->has_header;
    }
  } catch (const NetlinkError&) {
    // There is none.
  }
  return state;
}

void read_settings(const FileDescriptor& fd, const std::string& device, TunState& state) {
  (void)::ioctl(fd.get(), TUNGETVNETHDRSZ, &state.header_size);
  state.offloads = state.wanted = 0;
  Features(device).read(state.offloads, state.wanted);
}

bool restore(const std::string& device, const TunState& state) {
  const int flags = (state.kind == DeviceKind::kTun ? IFF_TUN : IFF_TAP) |
                    (state.packet_info ? 0 : IFF_NO_PI) | (state.has_header ? IFF_VNET_HDR : 0) |
                    (state.multi_queue ? IFF_MULTI_QUEUE : 0);
  FileDescriptor fd = open_tun_driver();
  std::string name = device;
  const int error = attach_patiently(fd, name, flags);
  if (error == EBUSY || error == EINVAL) return false;
  if (error != 0) throw TunError(TunError::Reason::kOther, error, "cannot open device " + device);
  int header_size = state.header_size;
  if (::ioctl(fd.get(), TUNSETVNETHDRSZ, &header_size) != 0 ||
      ::ioctl(fd.get(), TUNSETOFFLOAD, static_cast<unsigned long>(state.offloads)) != 0) {
    throw TunError(TunError::Reason::kOther, errno, "cannot put back the offloads of " + device);
  }
  Features(device).want(state.wanted);
  return true;
}

}  // namespace tunneld::net

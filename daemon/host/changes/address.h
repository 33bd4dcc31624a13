// An address of an interface.
#pragma once

#include "daemon/host/changes/kind.h"

namespace tunneld::daemon {

struct AddressAdded {
  Interface interface;
  net::IpPrefix address;
  bool operator==(const AddressAdded&) const = default;

  static constexpr std::string_view kName = "address";
  [[nodiscard]] std::string in_words() const;
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static std::optional<AddressAdded> from_json(const Json& json);
  [[nodiscard]] Preparation prepare(net::Netlink& netlink);
  void apply(net::Netlink& netlink) const;
  [[nodiscard]] Undone undo(net::Netlink& netlink) const;
  [[nodiscard]] Standing standing(HostState& now) const;
  [[nodiscard]] std::string command() const;
};

}  // namespace tunneld::daemon

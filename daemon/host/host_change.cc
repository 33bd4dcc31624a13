#include "daemon/host/host_change.h"

#include <cstddef>
#include <type_traits>
#include <utility>

namespace tunneld::daemon {
namespace {

constexpr const char* kKindKey = "kind";

template <std::size_t kIndex = 0>
std::optional<HostChange> kind_from_json(const std::string& name, const Json& json) {
  if constexpr (kIndex == std::variant_size_v<HostChange>) {
    return std::nullopt;
  } else {
    using Kind = std::variant_alternative_t<kIndex, HostChange>;
    return name == Kind::kName ? Kind::from_json(json) : kind_from_json<kIndex + 1>(name, json);
  }
}

}  // namespace

bool can_do_without(const HostChange& change) {
  return std::visit(
      [](const auto& kind) {
        if constexpr (requires { kind.can_do_without(); }) {
          return kind.can_do_without();
        } else {
          return false;
        }
      },
      change);
}

const Interface* interface_of(const HostChange& change) {
  return std::visit(
      [](const auto& kind) -> const Interface* {
        if constexpr (requires { kind.interface; }) {
          return &kind.interface;
        } else {
          return nullptr;
        }
      },
      change);
}

Interface* interface_of(HostChange& change) {
  return const_cast<Interface*>(interface_of(std::as_const(change)));
}

bool takes_place_of(HostChange& wanted, const HostChange& made) {
  return std::visit(
      [&made](auto& kind) {
        using Kind = std::remove_reference_t<decltype(kind)>;
        if constexpr (requires(const Kind& other) { kind.takes_place_of(other); }) {
          const auto* same_kind = std::get_if<Kind>(&made);
          return same_kind != nullptr && kind.takes_place_of(*same_kind);
        } else {
          return false;  // it is made anew when the old one is undone
        }
      },
      wanted);
}

std::string in_words(const HostChange& change) {
  return std::visit([](const auto& kind) { return kind.in_words(); }, change);
}

std::string command_of(const HostChange& change) {
  return std::visit(
      [](const auto& kind) {
        if constexpr (requires { kind.command(); }) {
          return kind.command();
        } else {
          return std::string();
        }
      },
      change);
}

Json to_json(const HostChange& change) {
  return std::visit(
      [](const auto& kind) {
        Json object = kind.to_json();
        object[kKindKey] = kind.kName;
        return object;
      },
      change);
}

std::optional<HostChange> from_json(const Json& json) {
  try {
    return kind_from_json(json.at(kKindKey), json);
  } catch (const Json::Error&) {
    return std::nullopt;  // not a change as this version writes it; the caller says so
  }
}

Preparation prepare(HostChange& change, net::Netlink& netlink) {
  return std::visit([&netlink](auto& kind) { return kind.prepare(netlink); }, change);
}

bool is_as_wished(const HostChange& change, net::Netlink& netlink) {
  return std::visit(
      [&netlink](auto wish) {
        if (wish.prepare(netlink) == Preparation::kAlreadyThere) return true;
        if constexpr (requires { wish.is_there(netlink); }) {
          return wish.is_there(netlink);
        } else {
          return false;
        }
      },
      change);
}

void apply_change(const HostChange& change, net::Netlink& netlink) {
  std::visit([&netlink](const auto& kind) { kind.apply(netlink); }, change);
}

std::optional<net::NftTableState> table_of(const HostChange& change) {
  return std::visit(
      [](const auto& kind) -> std::optional<net::NftTableState> {
        if constexpr (requires { kind.table_now(); }) {
          return kind.table_now();
        } else {
          return std::nullopt;
        }
      },
      change);
}

Standing standing_of(const HostChange& made, HostState& now, const std::optional<net::NftTableState>& table) {
  return std::visit(
      [&](const auto& kind) {
        if constexpr (requires { kind.standing(now); }) {
          return kind.standing(now);
        } else {
          return kind.standing(table);
        }
      },
      made);
}

Undone undo(const HostChange& change, net::Netlink& netlink) {
  return std::visit([&netlink](const auto& kind) { return kind.undo(netlink); }, change);
}

}  // namespace tunneld::daemon

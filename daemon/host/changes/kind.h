// The interface of all kinds of host changes, and what several of them share.
//
// Each kind is a struct in its own file beside this one. The file contains everything about the kind: its
// words, its JSON, and how it is made, undone and compared with the kernel. daemon/host/host_change.h lists
// the kinds.
//
// A plan contains changes as wishes. Right before a change is made, prepare() adds what could not be known
// earlier: the interface's index, and what was there before. The change is then complete: it is journaled,
// and undo() needs nothing else. Equality compares only the wish, so plans can be compared with each other
// and with what was made.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/json.h"
#include "common/net/netlink.h"
#include "common/net/nft_watch.h"

namespace tunneld::daemon {

class HostState;

enum class Preparation : std::uint8_t {
  kReady,
  kAlreadyThere,  // somebody else has made exactly this: it is theirs, and must not be undone
};

enum class Undone : std::uint8_t {
  kDone,
  kDeviceGone,  // it has disappeared together with its device
  kNotOurs,     // somebody else has removed or changed it meanwhile, so it was left alone
  kIsShared,    // another tunneld needs it, too (shared_settings.h)
};

/// What has become of a change that was made.
enum class Standing : std::uint8_t {
  kStands,      // it is as it was made, or of a kind that is not compared (settings)
  kMissing,     // somebody has removed or changed it
  kTaken,       // its interface is a port of somebody else's bridge now
  kNoDevice,    // its device is gone, was renamed, or is in another network namespace
  kOthersKeep,  // name servers: another program manages /etc/resolv.conf now
  kNoAnswer,    // name servers: the program that manages them does not run, or its file cannot be read
};

/// Is appended to the words of a change: " (…)", or empty if there is nothing to add.
[[nodiscard]] const char* in_words(Standing standing);
[[nodiscard]] Standing standing_if(bool stands);

/// standing() throws NetlinkError or std::system_error. `made` is complete: see prepare().
template <typename Kind>
concept ComparesWithState = requires(const Kind made, HostState& now) {
  { made.standing(now) } -> std::same_as<Standing>;
};
/// The same for an nft table: its content is compared with the content that it had when it was made.
template <typename Kind>
concept ComparesNftTable = requires(const Kind made, const std::optional<net::NftTableState>& as_made) {
  /// The table that the kernel has now; nullopt if it cannot be read.
  { made.table_now() } -> std::same_as<std::optional<net::NftTableState>>;
  /// `as_made` is nullopt if the earlier content is not known.
  { made.standing(as_made) } -> std::same_as<Standing>;
};

template <typename Kind>
concept IsCompared = ComparesWithState<Kind> || ComparesNftTable<Kind>;

/// A kind may also have:
///   Interface interface                  the device that is changed
///   bool can_do_without() const          whether the tunnel is useful without it: failure is only a warning
///   bool takes_place_of(const Kind&)     whether this wish is the same thing as one that was made, with
///                                        other content; if so, takes over what was there before both
///   bool is_there(net::Netlink&) const   whether somebody has made it already, if prepare() does not check
///   std::string command() const          by which root can do it before tunneld starts
///   void take_before(const Kind& other)  it is a setting of the whole host, which another tunneld may have made
///                                        already: takes over what was there before (shared_settings.h)
template <typename Kind>
concept ChangeKind = std::equality_comparable<Kind> && IsCompared<Kind> &&
    requires(Kind wish, const Kind change, const Json json, net::Netlink& netlink) {
  /// The kind's name in JSON.
  { Kind::kName } -> std::convertible_to<std::string_view>;
  /// One line for `check --plan` and the log.
  { change.in_words() } -> std::same_as<std::string>;
  { change.to_json() } -> std::same_as<Json>;
  /// nullopt if this version does not know a value. Throws Json::Error if a member is missing or has another
  /// type.
  { Kind::from_json(json) } -> std::same_as<std::optional<Kind>>;
  // The functions below throw NetlinkError or std::system_error.
  { wish.prepare(netlink) } -> std::same_as<Preparation>;
  /// An error with the reason kExists means: something of somebody else is in the way, and nothing was
  /// changed.
  { change.apply(netlink) } -> std::same_as<void>;
  /// Undoes only what is still ours. So a second call does nothing.
  { change.undo(netlink) } -> std::same_as<Undone>;
};

/// Checks each kind separately, so that the compiler names what a kind lacks.
template <ChangeKind Kind>
using Complete = Kind;
template <typename... Kinds>
using OneOf = std::variant<Complete<Kinds>...>;

/// A device is identified by name and index: after a kill, somebody else's device may have the name.
struct Interface {
  std::string name;
  /// 0 until prepare().
  std::uint32_t index = 0;
  bool operator==(const Interface& other) const { return name == other.name; }

  /// Fills in the index. Throws NetlinkError, with kNotFound if no interface has this name.
  void look_up();
  /// Throws NetlinkError if the kernel cannot be asked.
  [[nodiscard]] bool is_there() const;
  /// An object with name and index, to which a kind adds its own members.
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static Interface from_json(const Json& json);
};

/// For a request that matches nothing but what is ours, so that "not found" means that others have removed
/// it.
template <typename Remove>
Undone remove_ours(const Remove& remove) {
  try {
    remove();
    return Undone::kDone;
  } catch (const net::NetlinkError& error) {
    if (error.reason() != net::NetlinkError::Reason::kNotFound) throw;
    return Undone::kNotOurs;
  }
}

template <typename Value>
void put_optional(Json& object, std::string_view key, const std::optional<Value>& value) {
  if (value) object[key] = *value;
}

template <typename Value>
std::optional<Value> get_optional(const Json& object, std::string_view key) {
  const Json* const found = object.find(key);
  return found == nullptr ? std::nullopt : std::optional<Value>(found->get<Value>());
}

}  // namespace tunneld::daemon

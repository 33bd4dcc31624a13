// What every kind of change to the host has, and what several of them share.
//
// A kind is a struct in a file of its own beside this one, with all that is to know of it: its words, its
// JSON, how it is made, undone, and compared with the kernel. daemon/host/host_change.h lists the kinds.
//
// A change is first what a plan wishes for. prepare() then adds what only the moment before can tell: the
// interface's index and what was there before. With that it is complete: it is journaled, and undo() needs
// nothing else. Equality asks only for the wish, so that two plans can be compared with each other and with
// what was made.
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
  kAlreadyThere,  // exactly this, by somebody else: theirs, not to be undone
};

enum class Undone : std::uint8_t {
  kDone,
  kDeviceGone,  // together with the device
  kNotOurs,     // removed or changed by somebody else meanwhile: left alone
};

/// What was made, compared with what there is now.
enum class Standing : std::uint8_t {
  kStands,      // as it was made; or of a kind that is not compared (settings)
  kMissing,     // somebody has taken it away, or changed it
  kTaken,       // a port of somebody else's bridge now
  kNoDevice,    // its device is gone, has another name, or is in another network namespace
  kOthersKeep,  // name servers: /etc/resolv.conf is another program's work now
  kNoAnswer,    // name servers: who keeps them does not run, or its file cannot be read
};

/// To follow the words of a change: " (…)"; empty where there is nothing to add.
[[nodiscard]] const char* in_words(Standing standing);
[[nodiscard]] Standing standing_if(bool stands);

/// Throws NetlinkError or std::system_error. What was made is complete: see prepare().
template <typename Kind>
concept ComparesWithState = requires(const Kind made, HostState& now) {
  { made.standing(now) } -> std::same_as<Standing>;
};
/// As above, for an nft table: its content is compared with what it was when it was made.
template <typename Kind>
concept ComparesNftTable = requires(const Kind made, const std::optional<net::NftTableState>& as_made) {
  /// As the kernel has it now; nullopt where that cannot be told.
  { made.table_now() } -> std::same_as<std::optional<net::NftTableState>>;
  /// `as_made` nullopt: not known.
  { made.standing(as_made) } -> std::same_as<Standing>;
};

template <typename Kind>
concept IsCompared = ComparesWithState<Kind> || ComparesNftTable<Kind>;

/// A kind may also have:
///   Interface interface                  the device that it is about
///   bool can_do_without() const          the tunnel is worth having without it: a failure is a warning
///   bool takes_place_of(const Kind&)     whether this wish is the same thing as one that was made, with
///                                        other content; if so, takes over what was there before both
///   bool is_there(net::Netlink&) const   whether somebody has it already, where prepare() does not look
///   std::string command() const          by which root can do it before tunneld starts
///   void take_before(const Kind& other)  it is a setting of the whole host, which another tunneld may have made
///                                        already: takes over what was there before (shared_settings.h)
template <typename Kind>
concept ChangeKind = std::equality_comparable<Kind> && IsCompared<Kind> &&
    requires(Kind wish, const Kind change, const Json json, net::Netlink& netlink) {
  /// Of its JSON.
  { Kind::kName } -> std::convertible_to<std::string_view>;
  /// One line for `check --plan` and the log.
  { change.in_words() } -> std::same_as<std::string>;
  { change.to_json() } -> std::same_as<Json>;
  /// nullopt for a value that this version does not know. Throws Json::Error for what is missing or of
  /// another type.
  { Kind::from_json(json) } -> std::same_as<std::optional<Kind>>;
  // The rest throws NetlinkError or std::system_error.
  { wish.prepare(netlink) } -> std::same_as<Preparation>;
  /// kExists: somebody else's is in the way, and nothing was changed.
  { change.apply(netlink) } -> std::same_as<void>;
  /// Only what is still ours, so that a second time does nothing.
  { change.undo(netlink) } -> std::same_as<Undone>;
};

/// One by one, so that the compiler names what a kind lacks.
template <ChangeKind Kind>
using Complete = Kind;
template <typename... Kinds>
using OneOf = std::variant<Complete<Kinds>...>;

/// The same one only with the same name and index: after a kill the name may belong to somebody else's.
struct Interface {
  std::string name;
  /// 0 until prepare().
  std::uint32_t index = 0;
  bool operator==(const Interface& other) const { return name == other.name; }

  /// Fills in the index. Throws NetlinkError; kNotFound: there is none of this name.
  void look_up();
  /// Throws NetlinkError where it cannot be asked.
  [[nodiscard]] bool is_there() const;
  /// An object with both, for a kind to add the rest.
  [[nodiscard]] Json to_json() const;
  [[nodiscard]] static Interface from_json(const Json& json);
};

/// For requests that name exactly what is ours: the kernel finds it or does not.
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

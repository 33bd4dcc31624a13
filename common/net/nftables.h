// nftables through libnftables: commands in the language of nft(8), run as one transaction.
//
// Each call costs a process (common/net/nft_process.h), some milliseconds. The language is used rather than
// netlink messages, for two reasons: what runs is exactly what `check --plan` prints and `nft list ruleset`
// shows, and the library encodes sets, maps and intervals as the running kernel expects them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/file_descriptor.h"
#include "common/net/netlink.h"

namespace tunneld::net {

/// The library's process ended before it could report: either everything was done or nothing.
class NftProcessDied : public NetlinkError {
 public:
  using NetlinkError::NetlinkError;
};

/// Runs all commands or none. They must consist of our own text: see nft_name() for text from elsewhere.
/// Throws NetlinkError with the library's message, NftProcessDied, std::system_error.
void run_nft(const std::string& commands);

/// The same. Nobody else can change, flush or delete tables with `flags owner` that the commands make; the
/// kernel removes them when what is returned is closed. Throws also where the kernel has none (before 5.12).
[[nodiscard]] FileDescriptor run_nft_as_owner(const std::string& commands);

/// `text` as part of an nft identifier, unique for each text: characters that identifiers cannot contain
/// become /XX. Precondition: `text` has no '/'. The whole identifier has to start with a letter.
[[nodiscard]] std::string nft_name(std::string_view text);

/// The comment of a table, empty where it has none; nullopt: there is no such table. Throws NetlinkError.
[[nodiscard]] std::optional<std::string> nft_table_comment(const std::string& table,
                                                           const std::string& family = "inet");

/// The names of all tables of a family. Throws NetlinkError.
[[nodiscard]] std::vector<std::string> nft_tables(const std::string& family = "inet");

/// All tables of all families in the language of nft(8), without counters and the elements of sets. Throws
/// NetlinkError.
[[nodiscard]] std::string nft_ruleset();

struct NftCounter {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  bool operator==(const NftCounter&) const = default;
};
/// The named counters of a table of the inet family; empty if there is no such table. Throws NetlinkError.
[[nodiscard]] std::map<std::string, NftCounter> nft_counters(const std::string& table);

}  // namespace tunneld::net

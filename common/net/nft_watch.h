// Detects whether an nft table has changed, by the handles that the kernel gives to it and its rules, and
// reports the kernel's notices of changes.
//
// It speaks netlink itself: nft's language needs a parser and a listing, and this is queried after every
// notice. The kernel never uses a handle twice (nf_tables_api.c): a table that was deleted and made again has
// another handle, and so has each rule of a chain that was flushed and filled again. The contents of named
// sets and counters are not compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/file_descriptor.h"

namespace tunneld::net {

enum class NftFamily : std::uint8_t { kInet, kNetdev };

/// The state of a table at one moment: only numbers, to be compared with a later state.
struct NftTableState {
  std::uint64_t handle = 0;
  std::uint32_t flags = 0;  ///< NFT_TABLE_F_*: a dormant one does nothing
  std::uint32_t uses = 0;   ///< its chains, sets and named counters
  std::vector<std::uint64_t> rules;
  bool operator==(const NftTableState&) const = default;
};

/// nullopt: there is no such table. Throws NetlinkError.
[[nodiscard]] std::optional<NftTableState> nft_table_state(const std::string& table,
                                                           NftFamily family = NftFamily::kInet);

/// Reports that a process has changed a table of the inet family. Needs CAP_NET_ADMIN.
class NftMonitor {
 public:
  /// Has no descriptor (fd() < 0) if the kernel has no nftables or we have no permission. Throws
  /// std::bad_alloc.
  NftMonitor();
  [[nodiscard]] int fd() const { return socket_.get(); }

  struct Notice {
    /// The netlink port of the process that made the change, mostly its number; 0: the kernel.
    std::uint32_t requester = 0;
  };
  /// Reads all pending notices. Returns the last one that concerns `table`, or that notices were lost. Never
  /// blocks.
  [[nodiscard]] std::optional<Notice> read(std::string_view table);

 private:
  FileDescriptor socket_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace tunneld::net

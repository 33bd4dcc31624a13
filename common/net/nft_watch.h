// Whether an nft table is still what it was: what the kernel numbers in it, and notices that it has changed.
//
// Straight over netlink, because nft's language costs a parser and a listing, and this is asked after every
// notice. The kernel numbers tables and rules once (nf_tables_api.c): a table that was deleted and made again
// has another number, and so has each rule of a chain that was emptied and filled again. What is in named
// sets and counters is not looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/file_descriptor.h"

namespace tunneld::net {

enum class NftFamily : std::uint8_t { kInet, kBridge };

/// One moment of a table. Numbers only: to be compared with another.
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

/// Tells that somebody has changed a table of the inet family. Needs CAP_NET_ADMIN.
class NftMonitor {
 public:
  /// Without a descriptor (fd() < 0) where the kernel has no nftables, or we may not listen. Throws
  /// std::bad_alloc.
  NftMonitor();
  [[nodiscard]] int fd() const { return socket_.get(); }

  struct Notice {
    /// The netlink port of who did it, mostly its process number; 0: the kernel.
    std::uint32_t requester = 0;
  };
  /// Reads all there is. The last notice that concerns `table`, or that notices were lost. Never blocks.
  [[nodiscard]] std::optional<Notice> read(std::string_view table);

 private:
  FileDescriptor socket_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace tunneld::net

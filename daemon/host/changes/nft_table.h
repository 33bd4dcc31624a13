// Our nft table: told from others' by its comment, replaced in one transaction.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "common/net/nft_watch.h"
#include "daemon/host/host_change.h"

namespace tunneld::daemon {

/// The name of an interface's table.
[[nodiscard]] std::string nft_table_name(const std::string& interface);
/// As nft(8) reads it.
[[nodiscard]] std::string nft_text(const NftTable& table);

/// Makes it, or puts it in the place of ours with the same name: no packet meets neither. Counters of the
/// same name go on counting. Throws net::NetlinkError; kExists: a table of this name is not ours.
void make_nft_table(const NftTable& table);
/// False: there is none, or it is not ours. Throws net::NetlinkError.
bool remove_nft_table(const std::string& name, const std::string& family = "inet");

/// The same of the bridge family, and of a filter: made, or put in the place of ours.
[[nodiscard]] std::string nft_text(const BridgeFilter& filter);
void make_bridge_filter(const BridgeFilter& filter);

/// The table as the kernel has it now, to be compared later; nullopt where that cannot be told. Never throws
/// NetlinkError.
[[nodiscard]] std::optional<net::NftTableState> nft_table_as_made(
    const std::string& name, net::NftFamily family = net::NftFamily::kInet);
/// Whether nobody has deleted it or emptied it since. `made` nullopt: whether there is one. Throws
/// net::NetlinkError.
[[nodiscard]] bool nft_table_stands(const std::string& name, const std::optional<net::NftTableState>& made,
                                    net::NftFamily family = net::NftFamily::kInet);

/// All of ours, for the case that no journal names them. Returns how many. Throws net::NetlinkError.
std::size_t remove_all_nft_tables();

}  // namespace tunneld::daemon

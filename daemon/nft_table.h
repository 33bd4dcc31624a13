// Our nft table: told from others' by its comment, replaced in one transaction.
#pragma once

#include <cstddef>
#include <string>

#include "daemon/host_change.h"

namespace tunneld::daemon {

/// The name of an interface's table.
[[nodiscard]] std::string nft_table_name(const std::string& interface);
/// As nft(8) reads it.
[[nodiscard]] std::string nft_text(const NftTable& table);

/// Makes it, or puts it in the place of ours with the same name: no packet meets neither. Counters of the
/// same name go on counting. Throws net::NetlinkError; kExists: a table of this name is not ours.
void make_nft_table(const NftTable& table);
/// False: there is none, or it is not ours. Throws net::NetlinkError.
bool remove_nft_table(const std::string& name);

/// All of ours, for the case that no journal names them. Returns how many. Throws net::NetlinkError.
std::size_t remove_all_nft_tables();

}  // namespace tunneld::daemon

#include "daemon/lease_store.h"

#include <cerrno>
#include <ctime>
#include <optional>
#include <string_view>
#include <system_error>

#include <fmt/core.h>

#include "common/crypto/blake2s.h"
#include "common/json.h"
#include "common/log.h"
#include "common/net/file_descriptor.h"
#include "common/system_error.h"
#include "daemon/host/state_file.h"

namespace tunneld::daemon {
namespace {

constexpr const char* kFormat = "tunneld leases";
constexpr unsigned kVersion = 1;
/// 10,000 leases are 2 MB.
constexpr off_t kLargest = 256 << 20;

std::string checksum(std::string_view leases) {
  const crypto::Digest digest =
      crypto::blake2s({ByteView(reinterpret_cast<const std::uint8_t*>(leases.data()), leases.size())});
  std::string hex;
  for (const std::uint8_t byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

/// As Json::dump() would write it, at a quarter of the cost: each new lease rewrites the whole file.
void append(std::string& text, const Lease& lease) {
  text += R"({"addresses":[)";
  for (const net::IpAddress& address : lease.addresses) {
    if (&address != &lease.addresses.front()) text += ',';
    text.append(1, '"').append(address.to_string()) += '"';
  }
  const auto seen = std::chrono::duration_cast<std::chrono::seconds>(lease.seen.time_since_epoch());
  text.append(R"(],"public_key":")").append(lease.key.to_base64()).append(R"(","seen":)");
  text.append(std::to_string(seen.count())) += '}';
}

/// nullopt if it is not what save() writes. Throws Json::Error for wrong types.
std::optional<Lease> lease_from(const Json& json) {
  const auto key = crypto::PublicKey::from_base64(json.at("public_key").get<std::string>());
  if (!key) return std::nullopt;
  Lease lease{.key = *key,
              .addresses = {},
              .seen = WallTime(std::chrono::seconds(json.at("seen").get<std::int64_t>()))};
  for (const Json& text : json.at("addresses")) {
    const auto address = net::IpAddress::parse(text.get<std::string>());
    if (!address) return std::nullopt;
    lease.addresses.push_back(*address);
  }
  return lease;
}

/// nullopt: damaged. Throws LeaseStoreError.
std::optional<std::vector<Lease>> parse(const std::string& text, const std::filesystem::path& path) {
  try {
    const auto whole = Json::parse(text);
    if (!whole || whole->at("format") != kFormat) return std::nullopt;
    const Json& file = *whole;
    if (file.at("version") != kVersion) {
      throw LeaseStoreError(
          path.string() + " is of version " + file.at("version").dump() + ", and this tunneld " +
          "knows version 1: run the version that wrote it, or move the file away to start " +
          "without leases");
    }
    const Json& list = file.at("leases");
    if (file.at("checksum") != checksum(list.dump())) return std::nullopt;
    std::vector<Lease> leases;
    for (const Json& json : list) {
      auto lease = lease_from(json);
      if (!lease) return std::nullopt;
      leases.push_back(std::move(*lease));
    }
    return leases;
  } catch (const Json::Error&) {
    return std::nullopt;
  }
}

}  // namespace

std::vector<Lease> LeaseStore::load() const {
  const net::FileDescriptor file = open_state_file(path_);
  if (!file.is_open()) {
    if (errno == ENOENT) return {};
    fail(errno, path_);
  }
  const auto size = size_if_trusted(file, path_);
  if (!size || *size > kLargest) {
    throw LeaseStoreError(
        path_.string() +
        " could have been written by others: look at it, and chown and chmod it, or move it "
        "away to start without leases");
  }
  const std::string text = read_up_to(file, *size, path_);
  if (auto leases = parse(text, path_)) return std::move(*leases);

  const std::filesystem::path aside = path_.string() + ".damaged-" + std::to_string(std::time(nullptr));
  std::error_code error;
  std::filesystem::rename(path_, aside, error);
  if (error)
    throw LeaseStoreError(path_.string() + " is damaged and cannot be moved aside: " + error.message());
  log::warn("{} is damaged: moved to {}, starting without the leases in it", path_.string(), aside.string());
  return {};
}

void LeaseStore::save(const Leases& leases) const {
  std::string list = "[";
  std::string lines;
  for (const auto& [key, lease] : leases) {
    const std::size_t begin = list.size();
    append(list, lease);
    lines.append(std::string_view(list).substr(begin)) += ",\n";
    list += ',';
  }
  if (!leases.empty()) {
    list.pop_back();
    lines.erase(lines.size() - 2, 1);
  }
  list += ']';
  const Json head{{"format", kFormat}, {"version", kVersion}, {"checksum", checksum(list)}};
  std::string text = head.dump();
  text.pop_back();
  write_state_file(path_, text + ",\"leases\":[\n" + lines + "]}\n");
}

}  // namespace tunneld::daemon

#include "daemon/host_status.h"

#include <chrono>
#include <cstdint>
#include <exception>

#include "common/json.h"
#include "common/net/system_clock.h"
#include "daemon/host/host_watch.h"

namespace tunneld::daemon {
namespace {

/// A flushed table may have had 10,000 routes.
constexpr std::size_t kListed = 20;

/// "a, b and 3 more".
std::string missing_in_words(const Json& host) {
  std::string words;
  const Json& missing = host.at("missing");
  for (const Json& one : missing) words += (words.empty() ? "" : ", ") + one.get<std::string>();
  const auto count = host.at("missing_count").get<std::size_t>();
  if (count > missing.size()) words += " and " + std::to_string(count - missing.size()) + " more";
  return words;
}

}  // namespace

Json host_status(HostWatch& watch) {
  Json host{{"missing", Json::array()}, {"missing_count", 0}, {"error", nullptr}};
  try {
    const auto lacks = watch.lacks();
    for (const HostChanges::Lack& lack : lacks) {
      if (host["missing"].size() < kListed) host["missing"].push_back(lack.in_words());
    }
    host["missing_count"] = lacks.size();
  } catch (const std::exception& error) {
    host["error"] = error.what();
  }
  const HostWatch::History& history = watch.history();
  host["put_back"] = history.put_back;
  host["last"] = nullptr;
  if (history.put_back != 0) {
    const Duration age = net::boot_now() - history.when;
    host["last"] = {{"what", history.what},
                    {"by", history.by},
                    {"seconds_ago", std::chrono::duration_cast<std::chrono::seconds>(age).count()}};
  }
  return host;
}

std::string render_host(const Json& status) {
  const auto host = status.find("host");
  if (host == nullptr) return "";
  if (host->at("missing_count") != 0) return "MISSING on this host: " + missing_in_words(*host) + "\n";
  if (host->at("last").is_null()) return "";
  const Json& last = host->at("last");
  return last.at("by").get<std::string>() + " took away " + last.at("what").get<std::string>() + ", " +
         std::to_string(last.at("seconds_ago").get<std::int64_t>()) + " s ago; put back\n";
}

std::vector<Finding> diagnose_host(const Json& before, const Json& after) {
  std::vector<Finding> findings;
  const auto host = after.find("host");
  if (host == nullptr) return findings;
  if (!host->at("error").is_null()) {
    findings.push_back({Health::kUnclear, "",
                        "cannot check device, addresses, routes, rules and nft table: " +
                            host->at("error").get<std::string>()});
  }
  if (host->at("missing_count") != 0) {
    findings.push_back({Health::kBad, "",
                        "missing on this host: " + missing_in_words(*host) +
                            "; where somebody else has taken it away, the log says by whom, and `tunneld "
                            "reload` puts back what it can"});
  }
  const auto old = before.find("host");
  const auto then = old == nullptr ? 0 : old->at("put_back").get<std::uint64_t>();
  if (host->at("put_back").get<std::uint64_t>() > then && !host->at("last").is_null()) {
    const Json& last = host->at("last");
    findings.push_back({Health::kBad, "",
                        last.at("by").get<std::string>() +
                            " takes away what the tunnel needs: " + last.at("what").get<std::string>() +
                            "; it was put back, and packets sent in between may have bypassed the tunnel"});
  }
  return findings;
}

}  // namespace tunneld::daemon

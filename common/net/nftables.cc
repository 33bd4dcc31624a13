#include "common/net/nftables.h"

#include <cctype>
#include <cerrno>
#include <sstream>
#include <system_error>

#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>

#include "common/net/file_descriptor.h"
#include "common/net/netlink.h"
#include "common/net/nft_process.h"

namespace tunneld::net {
namespace {

using Reason = NetlinkError::Reason;

/// Tested here, because the library's message does not distinguish this case.
void check_socket() {
  const FileDescriptor socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
  if (socket.is_open()) return;
  if (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT) {
    throw NetlinkError(Reason::kNotSupported, "nftables: this kernel has none");
  }
  throw std::system_error(errno, std::generic_category(), "nftables: socket");
}

Reason reason_of(std::string_view words) {
  const auto has = [words](std::string_view part) { return words.find(part) != std::string_view::npos; };
  if (has("File exists")) return Reason::kExists;
  if (has("No such file or directory")) return Reason::kNotFound;
  if (has("Operation not permitted") || has("Permission denied")) return Reason::kNotPermitted;
  if (has("not supported")) return Reason::kNotSupported;
  return Reason::kOther;
}

/// Without the quoted command, which may be long; the first error is enough.
std::string first_line(std::string_view words) {
  const std::size_t error = words.find("Error: ");
  if (error != std::string_view::npos) words.remove_prefix(error + 7);
  return std::string(words.substr(0, words.find('\n')));
}

NftReport report_on(const std::string& commands, unsigned flags, NftSocket socket) {
  check_socket();
  NftReport report = run_nft_process(commands, flags, kNftPatience, socket);
  if (report.end == NftReport::End::kDone) return report;
  const std::string words = "nftables: " + first_line(report.text);
  if (report.end == NftReport::End::kUnknown) throw NftProcessDied(reason_of(report.text), words);
  throw NetlinkError(reason_of(report.text), words);
}

/// What the commands print. `flags`: NFT_CTX_OUTPUT_*.
std::string output_of(const std::string& commands, unsigned flags) {
  return report_on(commands, flags, NftSocket::kClosed).text;
}

/// The same for commands that only read, which may run twice: one message on which the library ends its
/// process must not make them fail.
std::string answer_to(const std::string& question, unsigned flags) {
  try {
    return output_of(question, flags);
  } catch (const NftProcessDied&) {
    return output_of(question, flags);
  }
}

/// Empty where there is no such table.
std::string listed(const std::string& what, const std::string& table, const std::string& family = "inet") {
  try {
    return answer_to("list " + what + " " + family + " " + table,
                     NFT_CTX_OUTPUT_TERSE | NFT_CTX_OUTPUT_STATELESS * (what == "table"));
  } catch (const NetlinkError& error) {
    if (error.reason() != Reason::kNotFound) throw;
    return {};
  }
}

}  // namespace

void run_nft(const std::string& commands) {
  static_cast<void>(output_of(commands, 0));
}

FileDescriptor run_nft_as_owner(const std::string& commands) {
  FileDescriptor socket = report_on(commands, 0, NftSocket::kKept).socket;
  if (!socket.is_open())
    throw NetlinkError(Reason::kNotSupported, "nftables: the library's socket was not found");
  return socket;
}

std::string nft_name(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string name;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80 && (std::isalnum(byte) != 0 || c == '_' || c == '-' || c == '.')) {
      name += c;
    } else {
      name.append({'/', kDigits[byte >> 4U], kDigits[byte & 15U]});
    }
  }
  return name;
}

std::optional<std::string> nft_table_comment(const std::string& table, const std::string& family) {
  const std::string text = listed("table", table, family);
  if (text.empty()) return std::nullopt;
  // table FAMILY NAME {
  //         comment "WORDS"
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  std::getline(lines, line);
  // Present if somebody has made the table dormant.
  if (line.starts_with("\tflags ")) std::getline(lines, line);
  constexpr std::string_view kComment = "\tcomment \"";
  if (!line.starts_with(kComment) || !line.ends_with('"')) return "";
  return line.substr(kComment.size(), line.size() - kComment.size() - 1);
}

std::vector<std::string> nft_tables(const std::string& family) {
  std::vector<std::string> tables;
  std::istringstream words(answer_to("list tables " + family, 0));
  std::string name;
  while (words >> name >> name >> name) tables.push_back(name);
  return tables;
}

std::string nft_ruleset() {
  return answer_to("list ruleset", NFT_CTX_OUTPUT_TERSE | NFT_CTX_OUTPUT_STATELESS);
}

std::map<std::string, NftCounter> nft_counters(const std::string& table) {
  // table inet NAME {
  //         counter NAME {
  //                 packets 0 bytes 0
  std::map<std::string, NftCounter> counters;
  std::istringstream words(listed("counters table", table));
  std::string word;
  std::string name;
  while (words >> word) {
    if (word == "counter") {
      words >> name;
    } else if (word == "packets") {
      NftCounter& counter = counters[name];
      words >> counter.packets >> word >> counter.bytes;
    }
  }
  return counters;
}

}  // namespace tunneld::net

// Lines are split as by parse_line() in OpenVPN's options_parse.c. Differences that cannot matter here are
// left out, such as backslashes in quotes.

#include "config/openvpn_profile.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "common/net/ip_address.h"
#include "config/openvpn_option.h"
#include "config/wg_quick/wg_quick_text.h"

namespace tunneld::config {
namespace {

/// OpenVPN refuses lines of more than 256 bytes.
constexpr std::size_t kLongestLine = 1024;
/// So many different directives are no chance.
constexpr std::size_t kEnough = 2;
constexpr std::size_t kMostNamed = 3;

struct Directive {
  std::string_view name;
  std::size_t fewest;  ///< words behind it
  std::size_t most;
};

/// Those that are in nearly every file. A word of any text, like "key", counts only with others.
constexpr std::array kDirectives = {
    Directive{"client", 0, 0},
    Directive{"remote", 1, 3},
    Directive{"dev", 1, 1},
    Directive{"server", 2, 3},
    Directive{"server-ipv6", 1, 1},
    Directive{"server-bridge", 0, 4},
    Directive{"redirect-gateway", 0, 8},
    Directive{"dhcp-option", 2, 2},
    Directive{"route", 1, 4},
    Directive{"route-ipv6", 1, 3},
    Directive{"push", 1, 1},
    Directive{"client-to-client", 0, 0},
    Directive{"proto", 1, 1},
    Directive{"port", 1, 1},
    Directive{"lport", 1, 1},
    Directive{"ca", 1, 1},
    Directive{"cert", 1, 1},
    Directive{"key", 1, 1},
    Directive{"dh", 1, 1},
    Directive{"pkcs12", 1, 1},
    Directive{"secret", 1, 2},
    Directive{"tls-auth", 1, 2},
    Directive{"tls-crypt", 1, 1},
    Directive{"tls-crypt-v2", 1, 2},
    Directive{"tls-client", 0, 0},
    Directive{"tls-server", 0, 0},
    Directive{"remote-cert-tls", 1, 1},
    Directive{"auth-user-pass", 0, 1},
    Directive{"cipher", 1, 1},
    Directive{"data-ciphers", 1, 1},
    Directive{"auth", 1, 1},
    Directive{"resolv-retry", 1, 1},
    Directive{"nobind", 0, 0},
    Directive{"persist-key", 0, 0},
    Directive{"persist-tun", 0, 0},
    Directive{"pull", 0, 0},
    Directive{"route-nopull", 0, 0},
    Directive{"keepalive", 2, 2},
    Directive{"topology", 1, 1},
    Directive{"ifconfig", 2, 2},
    Directive{"comp-lzo", 0, 1},
    Directive{"verb", 1, 1},
    Directive{"dns", 2, 8},
    Directive{"client-config-dir", 1, 1},
    Directive{"ifconfig-pool-persist", 1, 2},
};

/// Files within the file. One of them is proof.
constexpr std::array<std::string_view, 15> kBlocks = {"<ca>",
                                                      "<cert>",
                                                      "<key>",
                                                      "<dh>",
                                                      "<pkcs12>",
                                                      "<secret>",
                                                      "<tls-auth>",
                                                      "<tls-crypt>",
                                                      "<tls-crypt-v2>",
                                                      "<extra-certs>",
                                                      "<crl-verify>",
                                                      "<auth-user-pass>",
                                                      "<http-proxy-user-pass>",
                                                      "<peer-fingerprint>",
                                                      "<connection>"};

bool starts_comment(char c) {
  return c == '#' || c == ';';
}

/// The words of a line, without quotes and comments.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!(line = trimmed(line)).empty() && !starts_comment(line.front())) {
    const char quote = line.front();
    const bool is_quoted = quote == '"' || quote == '\'';
    if (is_quoted) line.remove_prefix(1);
    const std::size_t end = std::min(is_quoted ? line.find(quote) : line.find_first_of(kSpaces), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

/// "remote" of "--remote" and of "setenv opt remote".
void strip_prefix(std::vector<std::string_view>& words) {
  if (words.size() > 2 && words[0] == "setenv" && words[1] == "opt")
    words.erase(words.begin(), words.begin() + 2);
  if (!words.empty() && words[0].starts_with("--")) words[0].remove_prefix(2);
}

const Directive* find_directive(const std::vector<std::string_view>& words) {
  const auto found = std::ranges::find(kDirectives, words[0], &Directive::name);
  if (found == kDirectives.end()) return nullptr;
  const std::size_t behind = words.size() - 1;
  if (behind < found->fewest || behind > found->most) return nullptr;
  // "remote = office" is of another kind of file.
  if (behind > 0 && words[1].starts_with('=')) return nullptr;
  if (words[0] == "dev" && !words[1].starts_with("tun") && !words[1].starts_with("tap")) return nullptr;
  if (words[0] == "server" && !net::IpAddress::parse(words[1])) return nullptr;
  return found;
}

bool starts_with_header(std::string_view text, std::string_view header) {
  return std::ranges::equal(text.substr(0, header.size()), header, [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

class Recogniser {
 public:
  explicit Recogniser(const std::string& path) : file_(std::make_shared<const std::string>(path)) {}

  std::optional<OpenvpnProfile> run(std::string_view text) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    while (!text.empty() && !is_wg_quick_) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      ++line_;
      read_line(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    const std::size_t enough = file_->ends_with(".ovpn") ? 1 : kEnough;
    if (is_wg_quick_ || (!has_block_ && seen_.size() < enough)) return std::nullopt;
    return OpenvpnProfile{error(), std::move(options_)};
  }

 private:
  void read_line(std::string_view line) {
    if (line.size() > kLongestLine || line.find('\0') != std::string_view::npos) return;
    const std::string_view content = trimmed(line);
    if (!inside_.empty()) {
      if (content == inside_) inside_ = {};
      return;
    }
    is_wg_quick_ = starts_with_header(content, "[interface]") || starts_with_header(content, "[peer]");
    const auto column = static_cast<std::uint32_t>(content.data() - line.data() + 1);
    if (content.starts_with('<') && content.ends_with('>')) {
      read_block(content, column);
    } else {
      std::vector<std::string_view> words = words_of(content);
      strip_prefix(words);
      if (!words.empty()) read_directive(words, column);
    }
  }

  void read_block(std::string_view opening, std::uint32_t column) {
    if (opening.starts_with("</")) return;
    const auto known = std::ranges::find(kBlocks, opening);
    if (known != kBlocks.end()) {
      has_block_ = true;
      see(*known, column);
    }
    // It holds directives.
    if (opening == "<connection>") return;
    inside_ = "</";
    inside_ += opening.substr(1);
  }

  void read_directive(const std::vector<std::string_view>& words, std::uint32_t column) {
    const Directive* const directive = find_directive(words);
    if (directive == nullptr) return;
    see(directive->name, column);
    is_server_ = is_server_ || directive->name.starts_with("server") || directive->name == "tls-server" ||
                 directive->name == "push";
    const bool is_pushed = directive->name == "push";
    const std::vector<std::string_view> inner = is_pushed ? words_of(words[1]) : words;
    const std::string becomes = openvpn_option(inner, is_pushed);
    if (becomes.empty()) return;
    if (options_.size() == OpenvpnProfile::kMostOptions) {
      options_.emplace_back("and more");
    } else if (options_.size() < OpenvpnProfile::kMostOptions) {
      options_.push_back("line " + std::to_string(line_) + ": '" + std::string(directive->name) +
                         "' becomes " + becomes);
    }
  }

  void see(std::string_view name, std::uint32_t column) {
    if (!seen_.try_emplace(name, line_).second) return;
    if (seen_.size() == 1) first_ = {file_, line_, column};
    if (seen_.size() <= kMostNamed) {
      named_ += named_.empty() ? "'" : ", '";
      named_ += name;
      named_ += "' in line " + std::to_string(line_);
    }
  }

  [[nodiscard]] Diagnostic error() const {
    const std::string instead =
        is_server_ ? "`tunneld init server` and, for each client, `tunneld client add NAME` make new ones"
                   : "`tunneld client add NAME`, on a server that runs tunneld, makes new ones and the "
                     "client's file";
    return {Severity::kError, first_,
            "this is an OpenVPN profile (" + named_ +
                "), not a file for wg-quick. tunneld does not speak OpenVPN's protocol, and keys, "
                "certificates and "
                "passwords cannot be taken over",
            instead + ": see docs/from_openvpn.md"};
  }

  std::shared_ptr<const std::string> file_;
  std::uint32_t line_ = 0;
  /// The line that ends the block that we are in.
  std::string inside_;
  bool is_wg_quick_ = false;
  bool is_server_ = false;
  bool has_block_ = false;
  std::map<std::string_view, std::uint32_t> seen_;
  Location first_;
  std::string named_;
  std::vector<std::string> options_;
};

}  // namespace

std::optional<OpenvpnProfile> find_openvpn_profile(std::string_view text, const std::string& path) {
  return Recogniser(path).run(text);
}

}  // namespace tunneld::config

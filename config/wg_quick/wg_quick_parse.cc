// Follows config.c of wireguard-tools and parse_options() of wg-quick where they are clear, and is stricter
// where they guess: they take half a line, the last of two keys, or any word for a port's name.

#include <algorithm>
#include <array>
#include <cctype>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "common/net/dns_name.h"
#include "config/cross_checks.h"
#include "config/names.h"
#include "config/scalars.h"
#include "config/sections.h"
#include "config/suggestion.h"
#include "config/table_names.h"
#include "config/wg_quick/wg_quick.h"
#include "config/wg_quick/wg_quick_comment.h"
#include "config/wg_quick/wg_quick_text.h"

namespace tunneld::config {
namespace {

/// Longer words are not keys of wg-quick, and may be a secret on a line of its own: never repeat them.
constexpr std::size_t kLongestKey = 24;
/// Leaves room for a number that tells it from others.
constexpr std::size_t kLongestUsedName = 56;

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

/// The pieces between separators, without empty ones.
std::vector<std::string_view> pieces(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (const std::string_view piece = trimmed(text.substr(0, end)); !piece.empty()) out.push_back(piece);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

enum class Section : std::uint8_t { kNone, kInterface, kPeer };

class Parser {
 public:
  Parser(const std::string& path, const std::string& interface)
      : file_(std::make_shared<const std::string>(path)), interface_(interface) {
    config().interface.name = {interface, {file_, 1, 1}};
  }

  WgQuickResult run(std::string_view text) {
    // Editors on Windows write a byte order mark.
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    if (text.find('\0') != std::string_view::npos) {
      error({file_, 1, 1}, "the file holds NUL bytes", "it should be text, as wg-quick reads it");
      text = {};
    }
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      ++line_;
      read_line(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    finish();
    WgQuickResult result;
    if (!diagnostics_.has_errors()) result.file = WgQuick{std::move(config_), std::move(keys_)};
    result.diagnostics = diagnostics_.take();
    return result;
  }

 private:
  struct Key {
    const char* name;
    Section section;
    void (Parser::*read)(std::string_view value);
    /// May occur again; each occurrence adds values.
    bool is_list;
  };
  static const std::array<Key, 17> kKeys;

  Config& config() { return config_; }
  PeerConfig& peer() { return config_.peers.back(); }
  [[nodiscard]] Location at(std::string_view part) const {
    return {file_, line_, static_cast<std::uint32_t>(part.data() - whole_line_.data() + 1)};
  }
  void error(const Location& where, std::string message, std::string hint = {}) {
    diagnostics_.error(where, std::move(message), std::move(hint));
  }
  void error_value(std::string_view value, const std::string& expected) {
    error(at(value), "'" + key_ + "' must be " + expected + ", not " + in_quotes(value));
  }

  // --- Lines --------------------------------------------------------------------------------------------------------------

  void read_line(std::string_view line) {
    whole_line_ = line;
    const std::size_t comment = line.find('#');
    const std::string_view content = trimmed(line.substr(0, comment));
    const bool follows_header = std::exchange(follows_header_, false);
    if (content.empty()) {
      if (comment != std::string_view::npos) {
        read_comment(line.substr(comment), follows_header);
      } else {
        name_before_ = {};
      }
    } else if (content.front() == '[') {
      read_section(content);
    } else {
      name_before_ = {};
      read_setting(content);
    }
  }

  /// Inside of a [Peer] section, a comment that says "name" counts; without one, a word right below the
  /// header. A comment right above a header belongs to that header.
  void read_comment(std::string_view comment, bool follows_header) {
    const CommentedName found = name_in_comment(comment);
    if (found.name.empty()) {
      name_before_ = {};
      return;
    }
    const Located<std::string> name{found.name, at(comment)};
    const bool is_named = section_ == Section::kPeer && !peer().name.value.empty();
    if (section_ == Section::kPeer && (found.is_setting || (follows_header && !is_named))) {
      peer().name = name;
      name_before_ = {};
    } else {
      name_before_ = name;
    }
  }

  void read_section(std::string_view header) {
    const std::string name = lower(header);
    finish_peer();
    seen_.clear();
    const Located<std::string> name_before = std::exchange(name_before_, {});
    if (name == "[interface]") {
      if (has_interface_) {
        error(at(header), "a second [Interface] section", "a file describes one interface: merge the two");
      }
      section_ = Section::kInterface;
      has_interface_ = true;
    } else if (name == "[peer]") {
      section_ = Section::kPeer;
      config_.peers.emplace_back();
      peer().name = name_before;
      allowed_.clear();
      follows_header_ = true;
      preshared_key_.reset();
      peer_at_ = at(header);
    } else {
      section_ = Section::kNone;
      in_unknown_section_ = true;
      error(at(header), "unknown section " + in_quotes(header), "known are [Interface] and [Peer]");
      return;
    }
    in_unknown_section_ = false;
  }

  void read_setting(std::string_view content) {
    if (in_unknown_section_) return;
    const std::size_t equals = content.find('=');
    const std::string_view name = trimmed(content.substr(0, equals));
    if (equals == std::string_view::npos) {
      return error(at(content), "neither a section nor 'Key = value'", "lines of text start with '#'");
    }
    const auto key = std::find_if(kKeys.begin(), kKeys.end(),
                                  [wanted = lower(name)](const Key& k) { return lower(k.name) == wanted; });
    if (key == kKeys.end()) return report_unknown(name);
    key_ = key->name;
    if (section_ == Section::kNone) {
      return error(at(name), "'" + key_ + "' stands before any section", "start with a line '[Interface]'");
    }
    if (key->section != section_) {
      return error(at(name), "'" + key_ + "' does not belong here",
                   key->section == Section::kPeer ? "it belongs to a [Peer]" : "it belongs to [Interface]");
    }
    const auto [first, is_new] = seen_.try_emplace(key_, line_);
    if (!is_new && !key->is_list) {
      return error(at(name),
                   "'" + key_ + "' is given twice, the first time in line " + std::to_string(first->second),
                   "remove one");
    }
    std::string_view value = trimmed(content.substr(equals + 1));
    if (value.empty()) value = content.substr(content.size());
    if (value.empty() && !key->is_list) return error(at(name), "'" + key_ + "' has no value");
    (this->*key->read)(value);
  }

  void report_unknown(std::string_view name) {
    const bool is_word = !name.empty() && name.size() <= kLongestKey &&
                         std::all_of(name.begin(), name.end(),
                                     [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; });
    if (!is_word) {
      return error(at(name.empty() ? whole_line_ : name), "what stands here is no key that wg-quick knows");
    }
    std::vector<std::string> known;
    for (const Key& key : kKeys) known.emplace_back(key.name);
    const auto nearest = suggest(name, known);
    error(at(name), "unknown key " + in_quotes(name), nearest ? "did you mean '" + *nearest + "'?" : "");
  }

  // --- [Interface] --------------------------------------------------------------------------------------------------------

  void read_private_key(std::string_view value) {
    auto key = crypto::PrivateKey::from_base64(value);
    if (!key) return error(at(value), "'PrivateKey' must be 44 characters of base64");
    keys_.private_key = std::move(*key);
    config().interface.private_key_file = {{interface_ + ".key", false}, at(value)};
  }

  void read_address(std::string_view value) {
    for (const std::string_view piece : pieces(value, ", \t")) {
      const auto prefix = net::IpPrefix::parse(piece);
      if (!prefix) {
        error_value(piece, "an address like 10.0.0.1/24");
      } else if (!addresses_.insert(prefix->address).second) {
        error(at(piece), "the address " + prefix->address.to_string() + " is listed twice", "remove one");
      } else {
        config().interface.addresses.push_back({*prefix, at(piece)});
      }
    }
  }

  void read_dns(std::string_view value) {
    for (const std::string_view piece : pieces(value, ", \t")) {
      if (const auto address = net::IpAddress::parse(piece)) {
        config().interface.dns.servers.push_back({*address, at(piece)});
      } else if (net::is_dns_name(piece)) {
        const std::string_view without_dot = piece.substr(0, piece.size() - (piece.ends_with('.') ? 1 : 0));
        config().interface.dns.search.push_back({std::string(without_dot), at(piece)});
      } else {
        error_value(piece, "the address of a server or a search domain");
      }
    }
    if (const std::string excess = excess_of(config().interface.dns); !excess.empty())
      error(at(value), excess, "name fewer");
  }

  void read_mtu(std::string_view value) {
    const auto mtu = parse_number(value);
    if (!mtu || *mtu < 576 || *mtu > 65475) return error_value(value, "a size from 576 to 65475");
    config().interface.mtu = static_cast<std::uint16_t>(*mtu);
  }

  void read_table(std::string_view value) {
    const std::string word = lower(value);
    if (word == "auto") return;
    if (word == "off") {
      config().routes.table = std::nullopt;
      return;
    }
    std::optional<std::uint64_t> number = parse_number(value);
    if (value.find_first_not_of("0123456789") != std::string_view::npos) {
      try {
        number = find_routing_table(value, routing_table_files());
      } catch (const std::system_error& failure) {
        return error(at(value), std::string("cannot look up the routing table: ") + failure.what(),
                     "make it readable, or write the table's number");
      }
    }
    if (!number || *number == 0 || *number > std::numeric_limits<std::uint32_t>::max() ||
        *number == kLocalTable) {
      return error_value(value, "auto, off, or the number or name of a routing table");
    }
    config().routes.table = static_cast<std::uint32_t>(*number);
  }

  void read_listen_port(std::string_view value) {
    const auto port = parse_number(value);
    if (!port || *port > 65535) return error_value(value, "a port from 0 to 65535");
    if (*port != 0) config().interface.listen_port = static_cast<std::uint16_t>(*port);
  }

  void read_fwmark(std::string_view value) {
    if (lower(value) == "off") return;
    const auto mark = parse_mark(value);
    if (!mark || *mark > std::numeric_limits<std::uint32_t>::max()) {
      return error_value(value, "off or a mark from 0 to 0xffffffff");
    }
    config().interface.fwmark = static_cast<std::uint32_t>(*mark);
  }

  void read_hook(std::string_view value) {
    diagnostics_.warning(at(value), "'" + key_ + "' is not supported: tunneld runs no commands",
                         "what it does may be an option of tunneld; else do it outside, e.g. in the unit of "
                         "systemd");
  }

  void read_save_config(std::string_view value) {
    const std::string word = lower(value);
    if (word != "true" && word != "false") return error_value(value, "true or false");
    if (word == "false") return;
    diagnostics_.warning(at(value), "'SaveConfig' is not supported: tunneld never writes its configuration",
                         "change the file and run: tunneld reload");
  }

  // --- [Peer] -------------------------------------------------------------------------------------------------------------

  void read_public_key(std::string_view value) {
    const auto key = crypto::PublicKey::from_base64(value);
    if (!key || *key == crypto::PublicKey()) {
      return error(at(value), "'PublicKey' must be 44 characters of base64, and not only zeros");
    }
    peer().public_key = {*key, at(value)};
  }

  void read_preshared_key(std::string_view value) {
    auto key = crypto::PresharedKey::from_base64(value);
    if (!key) return error(at(value), "'PresharedKey' must be 44 characters of base64");
    // For wg, a key of zeros means "no key".
    if (key->secret().is_zero()) return;
    preshared_key_ = std::move(key);
    peer().preshared_key_file = {{}, at(value)};
  }

  void read_allowed_ips(std::string_view value) {
    for (const std::string_view piece : pieces(value, ",")) {
      const auto prefix = net::IpPrefix::parse(piece);
      if (!prefix) {
        error_value(piece, "a network like 10.0.0.0/24");
        continue;
      }
      const Located<net::IpPrefix> network{prefix->network(), at(piece)};
      auto& networks = peer().allowed_ips;
      // For wg the second time changes nothing.
      if (allowed_.emplace(network.value.address, network.value.length).second) networks.push_back(network);
    }
  }

  void read_endpoint(std::string_view value) {
    const auto parsed = parse_endpoint(value);
    if (const auto* problem = std::get_if<EndpointProblem>(&parsed)) {
      return error(at(value), "endpoint " + in_quotes(value) + ' ' + problem->message, problem->hint);
    }
    peer().endpoints.push_back({std::get<PeerEndpoint>(parsed), at(value)});
  }

  void read_keepalive(std::string_view value) {
    if (lower(value) == "off") return;
    const auto seconds = parse_number(value);
    if (!seconds || *seconds > 65535) return error_value(value, "off or a number of seconds from 0 to 65535");
    if (*seconds != 0) peer().persistent_keepalive = std::chrono::seconds(*seconds);
  }

  // --- The whole ----------------------------------------------------------------------------------------------------------

  void finish_peer() {
    if (section_ != Section::kPeer) return;
    PeerConfig& last = peer();
    if (!last.name.at.file) last.name.at = peer_at_;
    if (!last.public_key.at.file && seen_.count("PublicKey") == 0) {
      error(peer_at_, "a [Peer] without a PublicKey", "ask the peer for it");
    }
    if (preshared_key_)
      keys_.preshared_keys.insert_or_assign(last.public_key.value, *std::exchange(preshared_key_, {}));
  }

  /// Comments may give two peers one name, or give a peer the default name of another.
  void name_peers() {
    std::set<std::string> taken;
    for (PeerConfig& each : config_.peers) {
      if (each.name.value.empty()) continue;
      const std::string wanted = each.name.value.substr(0, kLongestUsedName);
      for (int n = 2; !taken.insert(each.name.value).second; ++n)
        each.name.value = wanted + '-' + std::to_string(n);
    }
    for (std::size_t i = 0; i < config_.peers.size(); ++i) {
      PeerConfig& each = config_.peers[i];
      const std::string wanted = "peer-" + std::to_string(i + 1);
      if (each.name.value.empty()) {
        each.name.value = wanted;
        for (int n = 2; !taken.insert(each.name.value).second; ++n)
          each.name.value = wanted + '-' + std::to_string(n);
      }
      if (each.preshared_key_file)
        each.preshared_key_file->value.name = interface_ + '-' + each.name.value + ".psk";
    }
  }

  void finish() {
    finish_peer();
    name_peers();
    if (!has_interface_) {
      error({file_, 1, 1}, "there is no [Interface] section");
    } else if (!config().interface.private_key_file.at.file && !diagnostics_.has_errors()) {
      error({file_, 1, 1}, "[Interface] has no PrivateKey",
            "add it; on the host that has none yet, `tunneld genkey` makes one");
    }
    if (!is_interface_name(interface_)) {
      error({file_, 1, 1}, in_quotes(interface_) + " can be no interface's name",
            "call the file INTERFACE.conf, with 1 to 15 letters, digits or _=+.-");
    }
    check_across(config_, diagnostics_);
  }

  std::shared_ptr<const std::string> file_;
  const std::string& interface_;
  Config config_;
  Keys keys_{crypto::PrivateKey::from_bytes(std::array<std::uint8_t, crypto::kKeySize>{})};
  std::set<net::IpAddress> addresses_;
  // Of the last peer.
  std::optional<crypto::PresharedKey> preshared_key_;
  std::set<std::pair<net::IpAddress, std::uint8_t>> allowed_;
  Diagnostics diagnostics_;

  std::uint32_t line_ = 0;
  std::string_view whole_line_;
  std::string key_;
  Section section_ = Section::kNone;
  bool in_unknown_section_ = false;
  /// From a comment right above this line.
  Located<std::string> name_before_;
  bool follows_header_ = false;
  bool has_interface_ = false;
  Location peer_at_;
  /// Keys of this section, and their lines.
  std::map<std::string, std::uint32_t> seen_;
};

const std::array<Parser::Key, 17> Parser::kKeys{{
    {"PrivateKey", Section::kInterface, &Parser::read_private_key, false},
    {"Address", Section::kInterface, &Parser::read_address, true},
    {"DNS", Section::kInterface, &Parser::read_dns, true},
    {"MTU", Section::kInterface, &Parser::read_mtu, false},
    {"Table", Section::kInterface, &Parser::read_table, false},
    {"ListenPort", Section::kInterface, &Parser::read_listen_port, false},
    {"FwMark", Section::kInterface, &Parser::read_fwmark, false},
    {"PreUp", Section::kInterface, &Parser::read_hook, true},
    {"PostUp", Section::kInterface, &Parser::read_hook, true},
    {"PreDown", Section::kInterface, &Parser::read_hook, true},
    {"PostDown", Section::kInterface, &Parser::read_hook, true},
    {"SaveConfig", Section::kInterface, &Parser::read_save_config, false},
    {"PublicKey", Section::kPeer, &Parser::read_public_key, false},
    {"PresharedKey", Section::kPeer, &Parser::read_preshared_key, false},
    {"AllowedIPs", Section::kPeer, &Parser::read_allowed_ips, true},
    {"Endpoint", Section::kPeer, &Parser::read_endpoint, false},
    {"PersistentKeepalive", Section::kPeer, &Parser::read_keepalive, false},
}};

}  // namespace

WgQuickResult parse_wg_quick(std::string_view text, const std::string& path, const std::string& interface) {
  return Parser(path, interface).run(text);
}

}  // namespace tunneld::config

#include "daemon/host/dns/resolv_conf_text.h"

#include <algorithm>

namespace tunneld::daemon {
namespace {

constexpr std::string_view kMark = "# tunneld ";
constexpr std::string_view kBegin = ": begin";
constexpr std::string_view kEnd = ": end";
constexpr std::string_view kComment = "#tunneld:";

std::string begin_of(std::string_view interface) {
  return std::string(kMark).append(interface).append(kBegin);
}
std::string end_of(std::string_view interface) {
  return std::string(kMark).append(interface).append(kEnd);
}
/// The prefix of a line that `interface` has turned into a comment.
std::string comment_of(std::string_view interface) {
  return std::string(kComment).append(interface).append("# ");
}

/// Each line keeps its newline, so that the lines can be joined to the same text again.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::size_t length = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return lines;
}

/// As glibc's resolver reads it: the word at the start of the line, followed by a space or tab.
bool is_directive(std::string_view line, std::string_view word) {
  return line.starts_with(word) && line.size() > word.size() &&
         (line[word.size()] == ' ' || line[word.size()] == '\t');
}

/// The interface whose block begins with this line; empty if none does.
std::string_view whose_block(std::string_view line) {
  if (!line.starts_with(kMark)) return {};
  line.remove_prefix(kMark.size());
  const std::size_t end = line.find(kBegin);
  return end == std::string_view::npos ? std::string_view() : line.substr(0, end);
}

std::string block_of(std::string_view interface, const std::vector<net::IpAddress>& servers,
                     const std::vector<std::string>& search) {
  std::string out = begin_of(interface) + " (these lines go when the tunnel does)\n";
  return out + resolver_lines(servers, search) + end_of(interface) + '\n';
}

/// Whether the block that begins at `lines[begin]` still has its last line, which somebody may have removed.
bool has_end(const std::vector<std::string_view>& lines, std::size_t begin, std::string_view end) {
  for (std::size_t i = begin + 1; i < lines.size() && whose_block(lines[i]).empty(); ++i) {
    if (lines[i].starts_with(end)) return true;
  }
  return false;
}

/// Whether a line of others conflicts with ours.
bool is_replaced(std::string_view line, const std::vector<net::IpAddress>& servers) {
  return (!servers.empty() && is_directive(line, "nameserver")) || is_directive(line, "search") ||
         is_directive(line, "domain");
}

/// Without the prefixes of all interfaces that have turned it into a comment.
std::string_view uncommented(std::string_view line) {
  while (line.starts_with(kComment)) {
    const std::size_t end = line.find("# ");
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 2);
  }
  return line;
}

/// Whether a line can be part of one of our blocks. `own_comment`: an interface never turns a line of its own
/// block into a comment.
bool is_of_block(std::string_view line, std::string_view own_comment) {
  const std::string_view words = uncommented(line);
  return (is_directive(words, "nameserver") || is_directive(words, "search")) &&
         line.find(own_comment) == std::string_view::npos;
}

/// Without punctuation and the like at the end of a sentence.
std::string trimmed(std::string_view words) {
  constexpr std::string_view kEdge = " \t\r\n.!,;:#*'\"";
  const std::size_t first = words.find_first_not_of(kEdge);
  if (first == std::string_view::npos) return {};
  return std::string(words.substr(first, words.find_last_not_of(kEdge) - first + 1));
}

}  // namespace

std::string resolver_lines(const std::vector<net::IpAddress>& servers,
                           const std::vector<std::string>& search) {
  std::string lines;
  for (const net::IpAddress& server : servers) lines += "nameserver " + server.to_string() + '\n';
  if (!search.empty()) {
    lines += "search";
    for (const std::string& domain : search) lines += ' ' + domain;
    lines += '\n';
  }
  return lines;
}

std::string with_dns_lines(std::string_view text, std::string_view interface,
                           const std::vector<net::IpAddress>& servers,
                           const std::vector<std::string>& search) {
  std::string out = block_of(interface, servers, search);
  const std::string others = without_dns_lines(text, interface);
  for (const std::string_view line : lines_of(others)) {
    if (is_replaced(line, servers)) out += comment_of(interface);
    out += line;
  }
  return out;
}

std::string without_dns_lines(std::string_view text, std::string_view interface) {
  const std::vector<std::string_view> lines = lines_of(text);
  // Lines that this interface has turned into comments stay comments while another interface has lines in the
  // file: they become that one's.
  std::string_view heir;
  for (const std::string_view line : lines) {
    const std::string_view whose = whose_block(line);
    if (heir.empty() && whose != interface) heir = whose;
  }

  const std::string begin = begin_of(interface);
  const std::string end = end_of(interface);
  const std::string comment = comment_of(interface);
  std::string out;
  bool in_ours = false;
  bool is_whole = false;
  bool in_others = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = lines[i];
    if (in_ours) {
      in_ours = is_whole ? !line.starts_with(end) : is_of_block(line, comment);
      if (is_whole || in_ours) continue;
    }
    if (line.starts_with(begin)) {
      in_ours = true;
      is_whole = has_end(lines, i, end);
      continue;
    }
    const bool was_ours = line.starts_with(comment);
    while (line.starts_with(comment)) line.remove_prefix(comment.size());
    if (was_ours && !in_others && !heir.empty()) out += comment_of(heir);
    out += line;
    if (!whose_block(line).empty()) in_others = true;
    if (line.starts_with(kMark) && line.find(kEnd) != std::string_view::npos) in_others = false;
  }
  return out;
}

bool dns_lines_stand(std::string_view text, std::string_view interface,
                     const std::vector<net::IpAddress>& servers, const std::vector<std::string>& search) {
  std::string ours;
  std::string_view whose;
  for (const std::string_view line : lines_of(text)) {
    if (whose.empty()) whose = whose_block(line);
    if (whose.empty() && is_replaced(line, servers)) return false;
    // An interface that came later has turned some of our lines into comments.
    if (whose == interface) ours += uncommented(line);
    if (line.starts_with(kMark) && line.find(kEnd) != std::string_view::npos) whose = {};
  }
  return ours == block_of(interface, servers, search);
}

bool has_dns_lines(std::string_view text, std::string_view interface) {
  const std::string begin = begin_of(interface);
  const std::string comment = comment_of(interface);
  return std::ranges::any_of(lines_of(text), [&](std::string_view line) {
    return line.starts_with(begin) || line.starts_with(comment);
  });
}

std::vector<std::string> interfaces_with_dns_lines(std::string_view text) {
  std::vector<std::string> interfaces;
  for (const std::string_view line : lines_of(text)) {
    const std::string_view whose = whose_block(line);
    if (!whose.empty() && std::ranges::find(interfaces, whose) == interfaces.end())
      interfaces.emplace_back(whose);
  }
  return interfaces;
}

std::string author_of(std::string_view text) {
  constexpr std::size_t kLongest = 48;
  for (const std::string_view line : lines_of(text)) {
    if (!line.starts_with('#') && !line.starts_with(';')) continue;
    for (const std::string_view phrase : {"enerated by ", "anaged by ", "reated by ", "ritten by "}) {
      const std::size_t found = line.find(phrase);
      if (found == std::string_view::npos || line.starts_with(kMark)) continue;
      std::string_view words = line.substr(found + phrase.size());
      words = words.substr(0, words.find(". "));
      if (words.starts_with("man:")) words.remove_prefix(4);
      // Only the name of a program that is given by its path, without its arguments.
      const std::size_t slash = words.substr(0, words.find(' ')).rfind('/');
      if (slash != std::string_view::npos) words.remove_prefix(slash + 1);
      std::string author = trimmed(words.substr(0, kLongest));
      std::ranges::replace_if(
          author, [](char c) { return c < ' ' || c > '~'; }, '?');
      if (!author.empty()) return author;
    }
  }
  return {};
}

std::vector<std::string> name_servers_in(std::string_view text) {
  constexpr std::string_view kWord = "nameserver";
  std::vector<std::string> servers;
  for (std::string_view line : lines_of(text)) {
    if (!is_directive(line, kWord)) continue;
    line.remove_prefix(kWord.size());
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    line.remove_prefix(first);
    servers.emplace_back(line.substr(0, line.find_first_of(" \t\r\n")));
  }
  return servers;
}

}  // namespace tunneld::daemon

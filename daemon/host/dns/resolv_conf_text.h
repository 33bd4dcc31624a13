// Inserts our lines into the text of a resolv.conf(5), and removes them again.
//
// The file outlives a crash and a reboot, and dhclient, NetworkManager or a person may change it while we run.
// So nothing is stored elsewhere: the text itself says which lines are ours, and which ones we have turned into
// comments. Our lines can be removed from any later version of the text, and the changes of others stay:
//
//     # tunneld tun0: begin (these lines go when the tunnel does)
//     nameserver 10.8.0.1
//     search corp.example
//     # tunneld tun0: end
//     #tunneld:tun0# nameserver 192.168.1.1
//     options edns0
//
// Several interfaces may have lines in one file and remove them in any order. Those of the last one count.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::daemon {

/// The `nameserver` and `search` lines (resolv.conf(5)), for a file or for the input of a program.
[[nodiscard]] std::string resolver_lines(const std::vector<net::IpAddress>& servers,
                                         const std::vector<std::string>& search);

/// `text` with `interface`'s lines first, and with the name servers and search domains of others as comments.
/// Earlier lines of `interface` are replaced.
[[nodiscard]] std::string with_dns_lines(std::string_view text, std::string_view interface,
                                         const std::vector<net::IpAddress>& servers,
                                         const std::vector<std::string>& search);

/// `text` as it would be had `interface` never written to it.
[[nodiscard]] std::string without_dns_lines(std::string_view text, std::string_view interface);

/// Whether programs that read `text` use `interface`'s servers, or those of a later interface of ours: all our
/// lines are there, and no name server or search domain of others is in effect.
[[nodiscard]] bool dns_lines_stand(std::string_view text, std::string_view interface,
                                   const std::vector<net::IpAddress>& servers,
                                   const std::vector<std::string>& search);

[[nodiscard]] bool has_dns_lines(std::string_view text, std::string_view interface);

/// The interfaces that have lines in `text`; each once.
[[nodiscard]] std::vector<std::string> interfaces_with_dns_lines(std::string_view text);

/// The program that has written `text`, according to its comments ("NetworkManager"); printable. Empty if no
/// comment says so.
[[nodiscard]] std::string author_of(std::string_view text);

/// The addresses of all `nameserver` lines, ours and others', as written.
[[nodiscard]] std::vector<std::string> name_servers_in(std::string_view text);

}  // namespace tunneld::daemon

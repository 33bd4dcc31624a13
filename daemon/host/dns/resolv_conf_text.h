// Our lines in the text of a resolv.conf(5), put in and taken out again.
//
// The file outlives a crash and a reboot, and dhclient, NetworkManager or a person may write it while we run.
// So nothing is kept elsewhere: the text itself says which lines are ours, and which we have only turned into
// comments. Taking ours out of whatever the text has become is then the three-way compare that is wanted:
//
//     # tunneld tun0: begin (these lines go when the tunnel does)
//     nameserver 10.8.0.1
//     search corp.example
//     # tunneld tun0: end
//     #tunneld:tun0# nameserver 192.168.1.1
//     options edns0
//
// Several interfaces may have lines in one file, and go in any order: the last that came answers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/net/ip_address.h"

namespace tunneld::daemon {

/// The lines that say this (resolv.conf(5)), for a file or for a program that keeps one.
[[nodiscard]] std::string resolver_lines(const std::vector<net::IpAddress>& servers,
                                         const std::vector<std::string>& search);

/// `text` with `interface`'s lines first, and with the name servers and search domains of others as comments.
/// Lines that `interface` had in it are replaced.
[[nodiscard]] std::string with_dns_lines(std::string_view text, std::string_view interface,
                                         const std::vector<net::IpAddress>& servers,
                                         const std::vector<std::string>& search);

/// `text` as it would be had `interface` never written to it.
[[nodiscard]] std::string without_dns_lines(std::string_view text, std::string_view interface);

/// Whether programs that read `text` ask `interface`'s servers, or those of another interface of ours that
/// came later: our lines are all there, and no name server or search domain of others is in effect.
[[nodiscard]] bool dns_lines_stand(std::string_view text, std::string_view interface,
                                   const std::vector<net::IpAddress>& servers,
                                   const std::vector<std::string>& search);

[[nodiscard]] bool has_dns_lines(std::string_view text, std::string_view interface);

/// Whose lines there are; each once.
[[nodiscard]] std::vector<std::string> interfaces_with_dns_lines(std::string_view text);

/// Which program says in a comment that it has written `text` ("NetworkManager"); printable, and empty where
/// none does.
[[nodiscard]] std::string author_of(std::string_view text);

/// The addresses of its `nameserver` lines, ours and others', as they stand there.
[[nodiscard]] std::vector<std::string> name_servers_in(std::string_view text);

}  // namespace tunneld::daemon

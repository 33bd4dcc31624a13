// Broken configurations: the line and column at which each must be reported, and a piece of the message that says
// what is wrong or how to fix it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>

#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {

struct Broken {
  const char* name;
  /// '^' marks where the mistake must be reported and is no part of the file. $I is a line with a valid
  /// interface section, $A and $B are public keys in quotes, $0 is a NUL byte.
  const char* text;
  const char* message;
};

inline void PrintTo(const Broken& broken, std::ostream* out) {
  *out << broken.text;
}

inline const Broken kBroken[] = {
    // The text as such.
    {"empty_file", "^", "the file is empty"},
    {"only_comments", "^# nothing\n\n", "the file is empty"},
    {"nul_byte", "workers: 1\nlog: ^$0", "a NUL byte"},
    {"invalid_utf8", "workers: 1\nlog: ^\xff\n", "not valid UTF-8"},
    {"overlong_utf8", "log: ^\xc0\xaf\n", "not valid UTF-8"},
    {"control_character", "log: a^\x1b[2J\n", "a control character"},
    {"old_mac_line_ends", "workers: 1^\rlog: 2\r", "Unix line ends"},
    {"utf16", "^\xff\xfei", "save the file as UTF-8"},
    {"tab_in_indentation", "interface:\n^\tname: tun0\n", "a tab in the indentation; indent with spaces"},
    {"unclosed_quote", "interface: { name: ^\"tun0 }\n\n", "this quote is never closed"},
    {"unclosed_bracket", "$I\npeers: ^[ { name: a }\n", "this bracket is never closed"},
    {"mismatched_brackets", "$I\npeers: [ { name: a ^] }\n", "does not match an opening one"},
    {"missing_comma", "interface: { name: tun0 type^: tun }\n", "a comma or a closing bracket is missing"},
    {"closing_bracket_alone", "^]\n", "does not match an opening one"},
    {"wrong_indentation", "interface:\n  name: tun0\n   type^: tun\n", "check the indentation"},
    {"value_starts_with_at", "interface: { name: ^@tun0 }\n", "quote the value"},
    {"two_documents", "$I\n^---\nworkers: 2\n", "a file holds one document"},
    {"anchor", "$I\nlog: ^&l { level: info }\n", "anchors (&) and aliases (*) are not supported"},
    {"alias", "$I\nlog: ^*l\n", "anchors (&) and aliases (*) are not supported"},
    {"tag", "$I\nworkers: ^!!int 2\n", "YAML tags (!) are not supported"},
    {"nested_too_deep",
     "$I\npeers: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[^[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
     "nested more than 32 deep"},

    // Roles.
    {"server_endpoint_without_port", "$I\nserver: { endpoint: ^vpn.example.org }\n", "has no port"},
    {"server_and_client", "$I\nserver: {}\nclient: ^{}\n", "a host is a server or a client, not both"},

    // Keys.
    {"not_a_mapping", "^- interface\n", "must be a mapping of 'key: value', not a list"},
    {"a_word", "^hello\n", "must be a mapping of 'key: value', not 'hello'"},
    {"no_interface", "^workers: 1\n", "'interface' is missing"},
    {"unknown_key", "$I\n^rotues: none\n", "unknown key 'rotues' in"},
    {"unknown_key_suggestion", "$I\n^rotues: none\n", "did you mean 'routes'?"},
    {"unknown_key_far_from_all", "$I\nlog: { ^colour: red }\n", "known are level"},
    {"unknown_key_in_a_peer", "$I\npeers:\n  - name: a\n    public_key: $A\n    ^endpoint: x\n",
     "did you mean 'endpoints'?"},
    {"duplicate_key", "$I\nworkers: 1\n^workers: 2\n", "'workers' is given twice"},
    {"duplicate_key_names_the_first", "$I\nlog: { level: info, ^level: debug }\n", "the first is in line 2"},
    {"key_that_is_a_list", "$I\n? ^[a, b]\n: 1\n", "must be a word, not a list"},
    {"merge_key", "$I\n^<<: { workers: 2 }\n", "unknown key '<<'"},
    {"section_without_a_value", "$I\n^log:\nworkers: 1\n", "must be a mapping of 'key: value', not empty"},

    // interface:
    {"interface_is_a_list", "interface: ^[tun0]\n", "'interface' must be a mapping"},
    {"no_name", "interface: ^{ private_key_file: a.key }\n", "'name' is missing in 'interface'"},
    {"no_private_key", "interface: ^{ name: tun0 }\n", "tunneld genkey -o FILE"},
    {"name_too_long", "interface: { private_key_file: a.key, name: ^tunnel-to-berlin }\n",
     "'name' must be 1 to 15 letters"},
    {"name_with_a_slash", "interface: { private_key_file: a.key, name: ^../tun }\n", "'name' must be"},
    {"name_with_a_space", "interface: { private_key_file: a.key, name: ^tun 0 }\n", "'name' must be"},
    {"name_of_dots", "interface: { private_key_file: a.key, name: ^.. }\n", "'name' must be"},
    {"name_pattern", "interface: { private_key_file: a.key, name: ^tun%d }\n", "'name' must be"},
    {"name_of_the_kernel", "interface: { private_key_file: a.key, name: ^all }\n", "choose a name like tun0"},
    {"name_is_a_list", "interface: { private_key_file: a.key, name: ^[tun0] }\n", "not a list"},
    {"name_is_null", "interface: { private_key_file: a.key, ^name: ~ }\n", "not empty"},
    {"name_with_an_escape", "interface: { private_key_file: a.key, name: ^\"tun\\n0\" }\n", "'tun\\x0a0'"},
    {"mac_address_of_a_group",
     "interface: { name: tap0, private_key_file: a.key, type: tap, mac_address: ^\"03:00:00:00:00:01\" }\n",
     "no address that one card can have"},
    {"mac_address_too_short",
     "interface: { name: tap0, private_key_file: a.key, type: tap, mac_address: ^\"02:00:00:00:01\" }\n",
     "'02:00:00:00:01' in 'mac_address' is no Ethernet address"},
    {"mac_address_of_a_tun",
     "interface: { name: tun0, private_key_file: a.key, mac_address: ^\"02:00:00:00:00:01\" }\n",
     "'mac_address' is for a tap"},
    {"persist_neither_true_nor_a_mapping",
     "interface: { name: tun0, private_key_file: a.key, persist: ^sometimes }\n", "persist"},
    {"persist_for_a_user_that_is_not",
     "interface: { name: tun0, private_key_file: a.key, persist: { owner: ^nobody-of-this-name } }\n",
     "there is no user 'nobody-of-this-name'"},
    {"persist_for_a_group_that_is_not",
     "interface: { name: tun0, private_key_file: a.key, persist: { group: ^nobody-of-this-name } }\n",
     "there is no group 'nobody-of-this-name'"},
    {"persist_with_no_queue", "interface: { name: tun0, private_key_file: a.key, persist: { queues: ^0 } }\n",
     "from 1 to 256"},
    {"persist_with_more_queues_than_there_are",
     "interface: { name: tun0, private_key_file: a.key, persist: { queues: ^257 } }\n", "from 1 to 256"},
    {"persist_with_queues_in_words",
     "interface: { name: tun0, private_key_file: a.key, persist: { queues: ^many } }\n", "from 1 to 256"},
    {"bridge_of_a_tun", "interface: { name: tun0, private_key_file: a.key, bridge: ^br0 }\n",
     "'bridge' is for a tap"},
    {"bridge_with_the_interfaces_name",
     "interface: { name: tap0, private_key_file: a.key, type: tap, bridge: ^tap0 }\n",
     "the bridge has the interface's own name"},
    {"bridge_that_cannot_be_a_name",
     "interface: { name: tap0, private_key_file: a.key, type: tap, bridge: ^\"br/0\" }\n",
     "'br/0' cannot be an interface's name"},
    {"bridge_without_a_name",
     "interface: { name: tap0, private_key_file: a.key, type: tap, bridge: ^{ create: true } }\n", "name"},
    {"bridge_of_a_tun_without_a_name",
     "interface: { name: tun0, private_key_file: a.key, bridge: ^{ create: true } }\n", "'name' is missing"},
    {"bridge_members_of_somebody_elses",
     "interface:\n  { name: tap0, private_key_file: a.key, type: tap, bridge: { name: br0, members: ^[eth1] "
     "} }\n",
     "'members' is for a bridge that is made here"},
    {"bridge_member_twice",
     "interface:\n  { name: tap0, private_key_file: a.key, type: tap,\n"
     "    bridge: { name: br0, create: true, members: [eth1, ^eth1] } }\n",
     "'eth1' is listed twice"},
    {"bridge_member_that_is_the_tap",
     "interface:\n  { name: tap0, private_key_file: a.key, type: tap,\n"
     "    bridge: { name: br0, create: true, members: [^tap0] } }\n",
     "'tap0' cannot be a member of the bridge"},
    {"endpoint_behind_its_own_bridge",
     "interface:\n  { name: tap0, private_key_file: a.key, type: tap, bridge: br0, addresses: [10.20.0.1/24] "
     "}\n"
     "peers: [ { name: a, public_key: $A, endpoints: [^\"10.20.0.9:51820\"] } ]\n",
     "the tunnel would run through its own bridge"},
    {"mac_addresses_at_a_tun",
     "$I\npeers: [ { name: a, public_key: $A, mac_addresses: [^\"02:00:00:00:00:01\"] } ]\n",
     "'mac_addresses' is for a tap"},
    {"mac_address_at_two_peers",
     "interface: { name: tap0, private_key_file: a.key, type: tap }\npeers: [ { name: a, public_key: $A, "
     "mac_addresses: [\"02:00:00:00:00:01\"] }, { name: b, public_key: $B, mac_addresses: "
     "[^\"02-00-00-00-00-01\"] } ]\n",
     "is bound to a peer already"},
    {"switch_of_a_tun", "$I\nswitch: ^{}\n", "'switch' is for a tap"},
    {"switch_ageing_without_unit",
     "interface: { name: tap0, private_key_file: a.key, type: tap }\nswitch: { ageing: ^300 }\n",
     "add the unit: 300s"},
    {"switch_client_to_client_yes",
     "interface: { name: tap0, private_key_file: a.key, type: tap }\nswitch: { client_to_client: ^yes }\n",
     "must be true or false, not 'yes'"},
    {"switch_flood_limit_zero",
     "interface: { name: tap0, private_key_file: a.key, type: tap }\nswitch: { flood_limit: ^0 }\n",
     "must be off or a number"},
    {"switch_too_few_addresses",
     "interface: { name: tap0, private_key_file: a.key, type: tap }\nswitch: { addresses: ^8 }\n",
     "from 16 to 1048576"},
    {"switch_no_addresses_per_peer",
     "interface: { name: tap0, private_key_file: a.key, type: tap }\nswitch: { addresses_per_peer: ^0 }\n",
     "from 1 to 1048576"},
    {"allowed_ips_at_a_tap",
     "interface: { name: tap0, private_key_file: a.key, type: tap }\npeers: [ { name: a, public_key: $A, "
     "allowed_ips: [^10.0.0.0/8] } ]\n",
     "'allowed_ips' are for a tun"},
    {"group_at_a_tap",
     "interface: { name: tap0, private_key_file: a.key, type: tap }\ngroups: { guest: { allow: [] } "
     "}\npeers: "
     "[ { name: a, public_key: $A, group: ^guest } ]\n",
     "'group' and 'allow' are for a tun"},
    {"allow_at_a_tap",
     "interface: { name: tap0, private_key_file: a.key, type: tap }\npeers: [ { name: ^a, public_key: $A, "
     "allow: [10.0.0.0/8] } ]\n",
     "'group' and 'allow' are for a tun"},
    {"tap_without_extension",
     "interface: { name: ^tap0, private_key_file: a.key, type: tap, extension: off }\n",
     "a tap needs the extension"},
    {"tap_mtu_without_room", "interface: { name: ^tap0, private_key_file: a.key, type: tap, mtu: 65475 }\n",
     "leaves no room for Ethernet headers"},
    {"unknown_type", "interface: { name: tun0, private_key_file: a.key, type: ^tub }\n",
     "'type' must be tun or tap, not 'tub'; did you mean 'tun'?"},
    {"port_zero", "interface: { name: tun0, private_key_file: a.key, listen_port: ^0 }\n", "from 1 to 65535"},
    {"port_too_large", "interface: { name: tun0, private_key_file: a.key, listen_port: ^65536 }\n",
     "not '65536'"},
    {"port_overflows",
     "interface: { name: tun0, private_key_file: a.key, listen_port: ^18446744073709551617 }\n",
     "from 1 to 65535"},
    {"port_negative", "interface: { name: tun0, private_key_file: a.key, listen_port: ^-1 }\n", "not '-1'"},
    {"port_octal", "interface: { name: tun0, private_key_file: a.key, listen_port: ^0o17 }\n", "not '0o17'"},
    {"port_with_a_zero_before", "interface: { name: tun0, private_key_file: a.key, listen_port: ^051820 }\n",
     "not '051820'"},
    {"port_float", "interface: { name: tun0, private_key_file: a.key, listen_port: ^5.1820e4 }\n",
     "not '5.1820e4'"},
    {"mtu_too_small", "interface: { name: tun0, private_key_file: a.key, mtu: ^500 }\n", "from 576 to 65475"},
    {"mtu_too_large", "interface: { name: tun0, private_key_file: a.key, mtu: ^64KiB }\n", "not '64KiB'"},
    {"mtu_below_ipv6",
     "interface:\n  name: tun0\n  private_key_file: a.key\n  mtu: 1279\n  addresses: [^\"fd00::1/64\"]\n",
     "IPv6 needs an mtu of at least 1280"},
    {"mtu_below_ipv6_of_a_peer",
     "interface: { name: tun0, private_key_file: a.key, mtu: 1000 }\npeers: [ { name: a, public_key: $A, "
     "allowed_ips: [^\"fd00::/64\"] } ]\n",
     "IPv6 needs an mtu of at least 1280"},
    {"fwmark_too_large", "interface: { name: tun0, private_key_file: a.key, fwmark: ^0x100000000 }\n",
     "'fwmark' must be off or a mark"},
    {"mss_clamp_too_small", "interface: { name: tun0, private_key_file: a.key, mss_clamp: ^535 }\n",
     "'mss_clamp' must be auto, off or a segment size from 536 to 65475 bytes, not '535'"},
    {"extension_is_no_boolean", "interface: { name: tun0, private_key_file: a.key, extension: ^no }\n",
     "'extension' must be auto or off, not 'no'"},
    {"pool_with_host_bits", "$I\nserver: { pool: [^10.8.0.1/24] }\n", "did you mean 10.8.0.0/24?"},
    {"pool_too_small", "$I\nserver: { pool: [^10.8.0.0/31] }\n", "has no size for a pool"},
    {"pool_of_loopback", "$I\nserver: { pool: [^127.0.0.0/8] }\n", "has no addresses"},
    {"pools_overlap", "$I\nserver: { pool: [10.8.0.0/16, ^10.8.3.0/24] }\n", "overlaps 10.8.0.0/16"},
    {"lease_time_without_unit", "$I\nserver: { lease_time: ^30 }\n", "add the unit"},
    {"lease_time_too_short", "$I\nserver: { lease_time: ^59s }\n", "at least 1m"},
    {"client_to_client_is_no_word", "$I\nserver: { client_to_client: ^yes }\n",
     "must be true or false, not 'yes'"},
    {"pushed_route_is_multicast", "$I\nserver: { push: { routes: [^224.0.0.0/4] } }\n",
     "is no network of hosts"},
    {"pushed_dns_server_is_a_name", "$I\nserver: { push: { dns: { servers: [^dns.example] } } }\n",
     "is no address that a client could ask"},
    {"pushed_dns_server_is_loopback", "$I\nserver: { push: { dns: { servers: [^127.0.0.53] } } }\n",
     "is no address that a client could ask"},
    {"pushed_search_domain_with_shell",
     "$I\nserver: { push: { dns: { search: [^\"a.example;reboot\"] } } }\n", "is no DNS name"},
    {"pushed_mtu_too_small", "$I\nserver: { push: { mtu: ^575 } }\n", "from 576 to 65475"},
    {"pushed_keepalive_without_unit", "$I\nserver: { push: { keepalive: ^25 } }\n", "add the unit: 25s"},
    {"push_misspelt", "$I\nserver: { push: { ^rotues: [] } }\n", "did you mean 'routes'?"},
    {"accept_is_no_word", "$I\nclient: { accept: { dns: ^yes } }\n", "must be true or false, not 'yes'"},
    {"accepted_routes_with_host_bits", "$I\nclient: { accept: { routes: [^10.0.0.1/8] } }\n",
     "did you mean 10.0.0.0/8?"},
    {"address_on_no_server", "$I\npeers: [ { name: a, public_key: $A, address: [^10.8.0.9] } ]\n",
     "'address' is for the clients of a server"},
    {"address_with_prefix_length",
     "$I\nserver: {}\npeers: [ { name: a, public_key: $A, address: [^10.8.0.9/32] } ]\n",
     "without a prefix length"},
    {"push_on_no_server", "$I\npeers: [ { name: ^a, public_key: $A, push: { mtu: 1400 } } ]\n",
     "'push' is for the clients of a server"},
    {"address_of_two_peers",
     "$I\nserver: {}\npeers: [ { name: a, public_key: $A, address: [10.8.0.9] },\n"
     "  { name: b, public_key: $B, allowed_ips: [10.9.0.0/24], address: [^10.8.0.9] } ]\n",
     "already belongs to peer 'a'"},
    {"address_is_our_own",
     "interface: { name: tun0, private_key_file: a.key, addresses: [10.8.0.1/24] }\n"
     "server: {}\npeers: [ { name: a, public_key: $A, address: [^10.8.0.1] } ]\n",
     "is the interface's own address"},
    {"a_peer_takes_the_pool",
     "$I\nserver: { pool: [10.8.0.0/24] }\n"
     "peers: [ { name: a, public_key: $A, allowed_ips: [^10.8.0.0/16] } ]\n",
     "takes the whole pool"},
    {"offload_is_no_boolean", "interface: { name: tun0, private_key_file: a.key, offload: ^no }\n",
     "'offload' must be auto or off, not 'no'"},
    {"address_is_no_list", "interface: { name: tun0, private_key_file: a.key, addresses: ^10.0.0.1/24 }\n",
     "put it in brackets"},
    {"address_is_no_address",
     "interface: { name: tun0, private_key_file: a.key, addresses: [^10.0.0.300/24] }\n",
     "'10.0.0.300/24' in 'addresses' is no address with a prefix length"},
    {"address_prefix_too_long",
     "interface: { name: tun0, private_key_file: a.key, addresses: [^10.0.0.1/33] }\n",
     "is no address with a prefix length"},
    {"address_twice",
     "interface: { name: tun0, private_key_file: a.key, addresses: [10.0.0.1/24, ^10.0.0.1/16] }\n",
     "10.0.0.1 is listed twice"},
    {"address_unspecified", "interface: { name: tun0, private_key_file: a.key, addresses: [^0.0.0.0/0] }\n",
     "no address that an interface can have"},
    {"address_multicast",
     "interface: { name: tun0, private_key_file: a.key, addresses: [^\"ff02::1/64\"] }\n",
     "no address that an interface can have"},
    {"inline_private_key", "interface: { name: tun0, ^private_key: $A }\n", "keys are kept in files"},
    {"key_in_place_of_its_file", "interface: { name: tun0, private_key_file: ^$A }\n",
     "holds a key instead of a file's name"},
    {"credential_without_a_name", "interface: { name: tun0, private_key_file: ^\"credential:\" }\n",
     "names no credential"},
    {"credential_elsewhere", "interface: { name: tun0, private_key_file: ^\"credential:../shadow\" }\n",
     "names no credential"},

    // peers:
    {"peers_is_a_mapping", "$I\npeers: ^{ name: a }\n", "'peers' must be a list of peers, not a mapping"},
    {"peer_is_a_word", "$I\npeers: [^alice]\n", "'peer' must be a mapping"},
    {"peer_is_empty", "$I\npeers:\n  ^- name: a\n    public_key: $A\n  -\n", "'peer' must be a mapping"},
    {"peer_without_a_name", "$I\npeers: [ ^{ public_key: $A } ]\n", "'name' is missing in 'peer'"},
    {"peer_without_a_key", "$I\npeers: [ ^{ name: a } ]\n", "'public_key' is missing in 'peer'"},
    {"peer_name_with_a_path", "$I\npeers: [ { name: ^../a, public_key: $A } ]\n", "'name' must be"},
    {"short_key", "$I\npeers: [ { name: a, public_key: ^\"AAAA\" } ]\n", "44 characters of base64"},
    {"key_of_wrong_characters",
     "$I\npeers: [ { name: a, public_key: ^\"QT+SI3B9AeQJXs5ILAQWeT16PxIo5jXK3D/x!gG4Og4=\" } ]\n",
     "44 characters of base64"},
    {"zero_key",
     "$I\npeers: [ { name: a, public_key: ^\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\" } ]\n",
     "all zeros"},
    {"inline_preshared_key", "$I\npeers: [ { name: a, public_key: $A, ^preshared_key: $B } ]\n",
     "keys are kept in files"},
    {"duplicate_peer_name", "$I\npeers:\n  - { name: a, public_key: $A }\n  - { name: ^a, public_key: $B }\n",
     "two peers are called 'a', the other in FILE:3:13"},
    {"duplicate_peer_key", "$I\npeers:\n  - { name: a, public_key: $A }\n  - { name: b, public_key: ^$A }\n",
     "already belongs to peer 'a' (FILE:3:28)"},
    {"overlapping_networks",
     "$I\npeers:\n  - { name: a, public_key: $A, allowed_ips: [10.1.0.0/16] }\n  - { name: b, public_key: "
     "$B, allowed_ips: [10.2.0.0/16, ^10.1.0.0/16] }\n",
     "10.1.0.0/16 already belongs to peer 'a' (FILE:3:90)"},
    {"network_twice",
     "$I\npeers: [ { name: a, public_key: $A, allowed_ips: [10.1.0.0/16, ^10.1.0.0/16] } ]\n",
     "listed twice in 'allowed_ips'"},
    {"overlapping_single_addresses",
     "$I\npeers:\n  - { name: a, public_key: $A, allowed_ips: [10.1.0.1] }\n  - { name: b, public_key: $B, "
     "allowed_ips: [^10.1.0.1/32] }\n",
     "10.1.0.1/32 already belongs to peer 'a'"},
    {"host_bits", "$I\npeers: [ { name: a, public_key: $A, allowed_ips: [^10.0.0.1/8] } ]\n",
     "'10.0.0.1/8' has bits set behind its prefix length; did you mean 10.0.0.0/8?"},
    {"host_bits_ipv6", "$I\npeers: [ { name: a, public_key: $A, allowed_ips: [^\"fd00::1/64\"] } ]\n",
     "did you mean fd00::/64?"},
    {"network_is_a_name", "$I\npeers: [ { name: a, public_key: $A, allowed_ips: [^any] } ]\n",
     "no address with a prefix length"},
    {"network_is_a_mapping", "$I\npeers: [ { name: a, public_key: $A, allowed_ips: [^{a: b}] } ]\n",
     "not a mapping"},
    {"endpoint_without_a_port", "$I\npeers: [ { name: a, public_key: $A, endpoints: [^example.org] } ]\n",
     "has no port; write host:51820"},
    {"endpoint_port_zero", "$I\npeers: [ { name: a, public_key: $A, endpoints: [^\"example.org:0\"] } ]\n",
     "has no port from 1 to 65535"},
    {"endpoint_ipv6_without_brackets",
     "$I\npeers: [ { name: a, public_key: $A, endpoints: [^\"2001:db8::1:51820\"] } ]\n",
     "write [2001:db8::1]:51820"},
    {"endpoint_mistyped_address",
     "$I\npeers: [ { name: a, public_key: $A, endpoints: [^\"203.0.113.256:51820\"] } ]\n",
     "has no IPv4 address"},
    {"endpoint_with_a_shell", "$I\npeers: [ { name: a, public_key: $A, endpoints: [^\"$(id):51820\"] } ]\n",
     "has no host name"},
    {"endpoint_multicast", "$I\npeers: [ { name: a, public_key: $A, endpoints: [^\"224.0.0.1:51820\"] } ]\n",
     "no address that a peer can have"},
    {"endpoint_twice", "$I\npeers: [ { name: a, public_key: $A, endpoints: [\"a.b:1\", ^\"a.b:1\"] } ]\n",
     "is listed twice"},
    {"keepalive_without_a_unit", "$I\npeers: [ { name: a, public_key: $A, persistent_keepalive: ^25 } ]\n",
     "add the unit: 25s"},
    {"keepalive_zero", "$I\npeers: [ { name: a, public_key: $A, persistent_keepalive: ^0s } ]\n",
     "from 1s to 65535s"},
    {"keepalive_too_long", "$I\npeers: [ { name: a, public_key: $A, persistent_keepalive: ^1d } ]\n",
     "from 1s to 65535s"},
    {"keepalive_in_milliseconds",
     "$I\npeers: [ { name: a, public_key: $A, persistent_keepalive: ^1500ms } ]\n", "whole seconds"},
    {"keepalive_false", "$I\npeers: [ { name: a, public_key: $A, persistent_keepalive: ^false } ]\n",
     "not 'false'"},

    // The rest.
    {"routes_no", "$I\nroutes: ^no\n",
     "must be none or a mapping like { table: main, metric: 50 }, not 'no'"},
    {"table_unknown", "$I\nroutes: { table: ^nosuchtable }\n", "no routing table is called 'nosuchtable'"},
    {"table_zero", "$I\nroutes: { table: ^0 }\n", "'table' must be"},
    {"table_too_large", "$I\nroutes: { table: ^4294967296 }\n", "numbers are from 1 to 4294967295"},
    {"table_local", "$I\nroutes: { table: ^local }\n", "belongs to the kernel"},
    {"metric_negative", "$I\nroutes: { metric: ^-5 }\n", "'metric' must be"},
    {"rule_without_a_port", "$I\ngroups: { g: { allow: [^\"10.0.0.5:/tcp\"] } }\n",
     "has no port from 1 to 65535"},
    {"rule_protocol", "$I\ngroups: { g: { allow: [^10.0.0.5/sctp] } }\n", "has no protocol at its end"},
    {"rule_host_bits", "$I\ngroups: { g: { allow: [^10.0.0.5/8] } }\n", "did you mean 10.0.0.0/8?"},
    {"rule_twice", "$I\ngroups: { g: { allow: [10.0.0.5, ^10.0.0.5/32] } }\n", "is listed twice"},
    {"group_name", "$I\ngroups: { ^\"a b\": { allow: [] } }\n", "is no name for a group"},
    {"group_option", "$I\ngroups: { g: { allow: [], ^deny: [] } }\n", "unknown"},
    {"group_unknown",
     "$I\ngroups: { guest: { allow: [] } }\npeers: [ { name: a, public_key: $A, group: ^gest } ]\n",
     "did you mean 'guest'?"},
    {"allow_is_no_list", "$I\npeers: [ { name: a, public_key: $A, allow: ^none } ]\n", "a list of rules"},
    {"forwarding_on", "$I\nserver: { forwarding: ^on }\n", "off or a mapping"},
    {"masquerade_no_interface", "$I\nserver: { forwarding: { enabled: true, masquerade: ^\"a b\" } }\n",
     "the name of an interface"},
    {"client_of_two_peers_names_no_server",
     "$I\npeers: [{ name: a, public_key: $A, allowed_ips: [10.1.0.0/16], endpoints: [\"192.0.2.1:1\"] },\n"
     "  { name: b, public_key: $B, allowed_ips: [10.2.0.0/16], endpoints: [\"192.0.2.2:1\"] }]\n"
     "client: ^{ accept: { routes: false } }\n",
     "'client.server' does not say which of them may configure this host"},
    {"client_server_is_no_peer", "$I\nclient: { server: ^office }\n", "there is no peer 'office'"},
    {"local_network_is_public", "$I\nclient: { local_networks: [^8.8.8.0/24] }\n",
     "is not private or link-local"},
    {"local_network_too_wide", "$I\nclient: { local_networks: [^192.0.0.0/8] }\n",
     "is not private or link-local"},
    {"engine_unknown", "$I\ncrypto: { engine: ^openssl }\n",
     "'engine' must be auto, libsodium or ipsec-mb, not 'openssl'"},
    {"fast_cipher_on", "$I\ncrypto: { fast_cipher: ^on }\n", "'fast_cipher' must be auto or off, not 'on'"},
    {"no_workers", "$I\nworkers: ^0\n", "'workers' must be auto or a number from 1 to 256"},
    {"many_workers", "$I\nworkers: ^257\n", "not '257'"},
    {"log_level", "$I\nlog: { level: ^warn }\n", "did you mean 'warning'?"},
    {"include_missing", "$I\ninclude: [^nothere.yaml]\n", "No such file or directory"},
    {"include_a_word", "$I\ninclude: ^peers.d/*.yaml\n", "put it in brackets"},
    {"include_itself", "$I\ninclude: [^config.yaml]\n", "or includes itself"},
    {"include_itself_by_pattern", "$I\ninclude: [^\"*.yaml\"]\n", "or includes itself"},
    {"include_a_directory", "$I\ninclude: [^\".\"]\n", "is not a regular file"},
};

inline std::string replace(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

inline std::string in_yaml_quotes(std::string_view key) {
  return '"' + std::string(key) + '"';
}

inline std::string expand(const Broken& broken) {
  std::string text = replace(broken.text, "$I", "interface: { name: tun0, private_key_file: a.key }");
  text = replace(text, "$A", in_yaml_quotes(kPublicA));
  text = replace(text, "$B", in_yaml_quotes(kPublicB));
  return replace(text, "$0", std::string(1, '\0'));
}

struct MarkedText {
  std::string text;
  std::ptrdiff_t line;
  std::size_t column;
};

inline MarkedText take_mark(std::string text) {
  const std::size_t mark = text.find('^');
  const std::size_t line_start = mark == 0 ? 0 : text.rfind('\n', mark - 1) + 1;
  const auto lines = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(mark), '\n');
  return {text.erase(mark, 1), lines + 1, mark - line_start + 1};
}

}  // namespace tunneld::config

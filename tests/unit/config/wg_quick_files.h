// Files of wg-quick for tests, with keys filled in.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "config/wg_quick/wg_quick.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::config {

inline constexpr std::string_view kPresharedKey = "8rXb0WmGZ5TVVqwOZ8CZaC6vpJuDVVjxn2ep7ixJ0TQ=";

/// $P is a private key, $S a preshared key, $A to $C are public keys.
inline std::string filled_in(std::string text) {
  for (const auto& [mark, key] :
       {std::pair{"$P", kPrivateA}, std::pair{"$S", kPresharedKey}, std::pair{"$A", kPublicA},
        std::pair{"$B", kPublicB}, std::pair{"$C", kPublicC}}) {
    for (std::size_t at = 0; (at = text.find(mark)) != std::string::npos;) text.replace(at, 2, key);
  }
  return text;
}

inline WgQuickResult parse_wg0(const std::string& text) {
  return parse_wg_quick(filled_in(text), "wg0.conf", "wg0");
}

inline std::string base64(const auto& key) {
  std::array<char, 45> text{};
  key.to_base64(text);
  return text.data();
}

inline void expect_same_keys(const Keys& a, const Keys& b) {
  EXPECT_EQ(base64(a.private_key), base64(b.private_key));
  ASSERT_EQ(a.preshared_keys.size(), b.preshared_keys.size());
  for (const auto& [peer, key] : a.preshared_keys) {
    ASSERT_TRUE(b.preshared_keys.contains(peer));
    EXPECT_EQ(base64(key), base64(b.preshared_keys.at(peer)));
  }
}

inline constexpr const char* kWithEveryKey =
    "[Interface]\n"
    "PrivateKey = $P\n"
    "Address = 10.0.0.1/24, fd00::1/64\n"
    "Address = 10.0.1.1\n"
    "DNS = 10.0.0.53, fd00::53, corp.example\n"
    "DNS = example.org\n"
    "MTU = 1380\n"
    "Table = 1234\n"
    "ListenPort = 51820\n"
    "FwMark = 0xca6c\n"
    "SaveConfig = false\n"
    "[Peer]\n"
    "# Name = berlin\n"
    "PublicKey = $B\n"
    "PresharedKey = $S\n"
    "AllowedIPs = 10.1.0.0/16, fd01::/32\n"
    "AllowedIPs = 10.2.0.7\n"
    "Endpoint = [2001:db8::7]:51820\n"
    "PersistentKeepalive = 25\n"
    "[Peer]\n"
    "PublicKey = $C\n"
    "AllowedIPs =\n"
    "Endpoint = vpn.example.org:443\n";

template <typename Case>
std::string name_of(const testing::TestParamInfo<Case>& test) {
  return test.param.name;
}

}  // namespace tunneld::config

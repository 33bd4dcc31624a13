// OpenVPN's profiles are recognised by what is in them, no file for wg-quick is taken for one, and none of their secrets
// gets out.

#include "config/openvpn_profile.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/wg_quick_files.h"

namespace tunneld::config {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr const char* kSecret = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj";

std::string certificates() {
  std::string text;
  for (const std::string block : {"ca", "cert", "key", "tls-crypt"})
    text += '<' + block + ">\n-----BEGIN SOMETHING-----\n" + kSecret + "\n-----END SOMETHING-----\n</" +
            block + ">\n";
  return text;
}

std::string words(const std::optional<OpenvpnProfile>& profile) {
  if (!profile) return "none";
  std::string text = to_string(profile->error) + '\n';
  for (const std::string& option : profile->options) text += option + '\n';
  return text;
}

std::string found(const std::string& text, const std::string& path = "office.conf") {
  return words(find_openvpn_profile(text, path));
}

TEST(OpenvpnProfile, OfAClientIsNamedWithWhatItBecomes) {
  const auto profile = find_openvpn_profile(
      "# made by a script\n"
      "client\n"
      "dev tap\n"
      "proto udp\n"
      "remote vpn.example.org 1194\n"
      "remote 2001:db8::7 443 tcp # a second one\n"
      "redirect-gateway def1 bypass-dhcp\n"
      "route 10.20.30.40 255.255.0.0\n"
      "route 192.168.7.0 255.255.255.0 net_gateway\n"
      "route 8.8.8.8 255.255.255.255 net_gateway\n"
      "route-ipv6 fd00:5::/64\n"
      "dhcp-option DNS 10.20.0.53\n"
      "setenv opt dhcp-option DOMAIN 'corp.example'\n"
      "--dns server 1 address fd00:5::53\n"
      "auth-user-pass\n"
      "remote-cert-tls server\n" +
          certificates(),
      "alice.ovpn");
  ASSERT_TRUE(profile);
  EXPECT_THAT(
      to_string(profile->error),
      AllOf(StartsWith("alice.ovpn:2:1: this is an OpenVPN profile ('client' in line 2, 'dev' in line 3, "
                       "'proto' in line 4)"),
            HasSubstr("keys, certificates and passwords cannot be taken over"),
            HasSubstr("`tunneld client add NAME`"), HasSubstr("docs/from_openvpn.md")));
  EXPECT_THAT(to_string(profile->error), Not(HasSubstr("\n")));
  EXPECT_THAT(
      profile->options,
      ElementsAre(
          "line 3: 'dev' becomes 'interface.type: tap'",
          "line 5: 'remote' becomes 'endpoints: [\"vpn.example.org:51820\"]' of the peer, with the port "
          "of the tunneld there",
          "line 6: 'remote' becomes 'endpoints: [\"[2001:db8::7]:51820\"]' of the peer, with the port "
          "of the tunneld there",
          "line 7: 'redirect-gateway' becomes 'client.accept.default_route: true'",
          "line 8: 'route' becomes 'allowed_ips: [10.20.0.0/16]' of the peer",
          "line 9: 'route' becomes 'client.local_networks: [192.168.7.0/24]'",
          "line 11: 'route-ipv6' becomes 'allowed_ips: [\"fd00:5::/64\"]' of the peer",
          "line 12: 'dhcp-option' becomes 'interface.dns.servers: [10.20.0.53]'",
          "line 13: 'dhcp-option' becomes 'interface.dns.search: [corp.example]'",
          "line 14: 'dns' becomes 'interface.dns.servers: [\"fd00:5::53\"]'"));
}

TEST(OpenvpnProfile, OfAServerIsNamedWithWhatItBecomes) {
  const auto profile = find_openvpn_profile(
      "port 1194\n"
      "dev tun\n"
      "ca ca.crt\n"
      "server 10.8.0.0 255.255.255.0\n"
      "server-ipv6 fd00:8::/64\n"
      "push \"route 192.168.10.0 255.255.255.0\"\n"
      "push \"redirect-gateway def1\"\n"
      "push 'dhcp-option DNS 192.168.10.1'\n"
      "push \"dhcp-option DOMAIN-SEARCH corp.example\"\n"
      "push \"ping 10\"\n"
      "client-to-client\n"
      "keepalive 10 120\n"
      "route 10.66.0.0 255.255.0.0\n",
      "server.conf");
  ASSERT_TRUE(profile);
  EXPECT_THAT(to_string(profile->error),
              AllOf(StartsWith("server.conf:1:1: "), HasSubstr("`tunneld init server`")));
  EXPECT_THAT(
      profile->options,
      ElementsAre("line 1: 'port' becomes 'interface.listen_port: 1194', or another port while both run",
                  "line 4: 'server' becomes 'server.pool: [10.8.0.0/24]', or another network while both run",
                  "line 5: 'server-ipv6' becomes 'server.pool: [\"fd00:8::/64\"]', or another network while "
                  "both run",
                  "line 6: 'push' becomes 'server.push.routes: [192.168.10.0/24]'",
                  "line 7: 'push' becomes 'server.push.routes: [0.0.0.0/0, \"::/0\"]'",
                  "line 8: 'push' becomes 'server.push.dns.servers: [192.168.10.1]'",
                  "line 9: 'push' becomes 'server.push.dns.search: [corp.example]'",
                  "line 11: 'client-to-client' becomes 'server.client_to_client: true', with "
                  "'server.forwarding.enabled: true'",
                  "line 12: 'keepalive' becomes 'server.push.keepalive: 10s'",
                  "line 13: 'route' becomes 'allowed_ips: [10.66.0.0/16]' of the peer"));
}

TEST(OpenvpnProfile, IsRecognisedHoweverItIsWritten) {
  const std::string usual = "this is an OpenVPN profile ('client' in line 2, 'remote' in line 4";
  for (const char* text : {"\xef\xbb\xbf# BOM\r\nclient\r\n\r\nremote a.example 1194\r\n",
                           ";\n\t client\t; c\n\n \tremote\t\ta.example\t#\n", "\nclient\n\nremote a.example",
                           "#\nclient\n;remote b.example\nremote \"a.example\" \"1194\" udp4\n",
                           "\n--client\n\n--remote a.example\n"}) {
    EXPECT_THAT(found(text), AllOf(HasSubstr(usual), HasSubstr("\"a.example:51820\""))) << text;
    EXPECT_THAT(found(text), Not(HasSubstr("b.example"))) << text;
  }
  EXPECT_THAT(found("client\n<connection>\nremote a.example\n</connection>\n"),
              HasSubstr("\"a.example:51820\""));
  EXPECT_THAT(found("<ca>\nx\n</ca>\n"), HasSubstr("('<ca>' in line 1)"));
  EXPECT_THAT(found("remote a.example\n", "a.ovpn"), HasSubstr("('remote' in line 1)"));
}

TEST(OpenvpnProfile, IsNoFileForWgQuickOrForSomethingElse) {
  const std::string wg = filled_in(kWithEveryKey);
  EXPECT_EQ(found(wg), "none");
  EXPECT_EQ(found(wg, "wg0.ovpn"), "none") << "the name alone is nothing";
  EXPECT_EQ(found("# client\n# remote a.example 1194\n# dev tun\n" + wg, "wg0.ovpn"), "none");
  EXPECT_EQ(found("client\nremote a.example\n  [INTERFACE] # lost at the top\n"), "none");
  for (const char* text :
       {"", "\n", "hello there\n", "client\n", "remote = a.example\ndev = tun0\nclient = yes\n",
        "client: {}\nremote: x\n", "server 0.pool.example.org iburst\nkeys /etc/keys\n",
        "dev eth0\nport 22\n", "Client\nRemote a.example\n", "client\nclient\nclient\n",
        "remote control is here today\nthe key is lost\n", "<html>\nclient\nremote a.example\n</html>\n"}) {
    EXPECT_EQ(found(text), "none") << text;
  }
  EXPECT_EQ(found("hello there\n", "a.ovpn"), "none");
}

TEST(OpenvpnProfile, KeepsItsSecrets) {
  const std::string secret = kSecret;
  const std::string dotted = secret + secret + secret;
  for (const std::string& text :
       {certificates(), "client\nremote a.example\n<key>\nremote " + secret + " 1194\nroute 10.1.2.3\n",
        "<auth-user-pass>\n" + secret + "\nremote " + secret + "\n</auth-user-pass>\nclient\n",
        "<unheard-of>\nremote " + secret + "\n</unheard-of>\nclient\nremote a.example\n",
        "client\nremote a.example\n" + secret + "\nauth-user-pass " + secret + "\nkey " + secret + "\n",
        "client\nremote a.example\ndhcp-option DOMAIN " + dotted + "\nremote " + dotted + "\nroute " +
            secret + "\n",
        "client\nremote a.example\nredirect-gateway " + secret + "\nkeepalive " + secret + " " + secret +
            "\n"}) {
    EXPECT_THAT(found(text), AllOf(HasSubstr("OpenVPN profile"), Not(HasSubstr(secret.substr(0, 12)))))
        << text;
  }
  EXPECT_THAT(found("client\n<key>\nremote 198.51.100.9\nroute 10.1.2.3\n"),
              AllOf(HasSubstr("'<key>' in line 2"), Not(HasSubstr("becomes"))))
      << "a block without an end";
}

TEST(OpenvpnProfile, TakesHostileFilesAsTheyAre) {
  using std::string_literals::operator""s;
  EXPECT_EQ(found("cli\0ent\nremote\0 a.example\n"s), "none");
  EXPECT_THAT(
      found(
          "client\nremote a.example\nroute 10.0.0.0 255.0.255.0\nroute 10.0.0.0 x\nremote a\x1b[2J\n"
          "remote 224.0.0.1\nremote a..b\nport 99999999999999999999\nserver-ipv6 10.0.0.0/8\npush \"\n"
          "push \"route\ndhcp-option DNS a\ndhcp-option DOMAIN $(reboot)\nroute\nkeepalive 0 0\nkeepalive 1\n"
          "dev\nserver 10.0.0.0 255.255.255.0 x y\n\"\n\xff\xfe\n</ca>\n<>\n"),
      AllOf(HasSubstr("\"a.example:51820\""), Not(HasSubstr("reboot")), Not(HasSubstr("\x1b")),
            Not(HasSubstr("'route' becomes")), Not(HasSubstr("224"))));
  const std::string large(std::size_t{1} << 20U, 'x');
  EXPECT_EQ(found("remote " + large + "\nclient " + large + "\n<" + large + ">\n" + large), "none");
  std::string many = "client\n";
  for (int i = 0; i < 5000; ++i) many += "remote a.example\n";
  const auto profile = find_openvpn_profile(many, "a.conf");
  ASSERT_TRUE(profile);
  ASSERT_EQ(profile->options.size(), OpenvpnProfile::kMostOptions + 1);
  EXPECT_EQ(profile->options.back(), "and more");
}

}  // namespace
}  // namespace tunneld::config

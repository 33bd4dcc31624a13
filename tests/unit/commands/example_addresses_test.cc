// Addresses and names of documents, left where one's own belong.

#include "daemon/commands/example_addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/parse.h"
#include "tests/unit/config/temporary_files.h"

namespace tunneld::daemon {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string warnings_of(const std::string& peer, const std::string& more = "") {
  const config::TemporaryFiles files;
  const auto result = config::parse_file(files.write(
      "c.yaml", "interface: { name: tun0, private_key_file: k }\npeers: [ { name: a, public_key: \"" +
                    std::string(config::kPublicA) + "\", " + peer + " } ]\n" + more));
  EXPECT_TRUE(result.config) << to_string(result.diagnostics);
  return result.config ? to_string(example_addresses(*result.config).take()) : "";
}

TEST(ExampleAddresses, AreNamedWithTheirPlace) {
  EXPECT_THAT(
      warnings_of("endpoints: [\"203.0.113.1:51820\"], allowed_ips: [192.0.2.0/24]"),
      AllOf(HasSubstr("c.yaml:2:"), HasSubstr("warning: 203.0.113.1 is an example, which nobody has; "),
            HasSubstr("192.0.2.0 is an example")));
  for (const char* name : {"vpn.example.org", "example.com", "a.b.example", "x.invalid"})
    EXPECT_THAT(warnings_of("endpoints: [\"" + std::string(name) + ":51820\"]"), HasSubstr("is an example"))
        << name;
  EXPECT_THAT(
      warnings_of("allowed_ips: [10.9.0.2/32]",
                  "server: { endpoint: \"vpn.example.org:51820\", push: { routes: [198.51.100.0/24], dns: { "
                  "servers: [\"2001:db8::53\"] } } }\n"),
      AllOf(HasSubstr("'vpn.example.org' is"), HasSubstr("198.51.100.0 is"), HasSubstr("2001:db8::53 is")));
}

TEST(ExampleAddresses, OthersAreNot) {
  EXPECT_THAT(warnings_of("endpoints: [\"vpn.myexample.org:51820\", \"198.18.0.1:51820\"], allowed_ips: "
                          "[10.0.0.0/8, 0.0.0.0/0]"),
              IsEmpty());
}

}  // namespace
}  // namespace tunneld::daemon

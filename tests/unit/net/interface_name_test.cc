#include "common/net/interface_name.h"

#include <cerrno>
#include <functional>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <net/if.h>

#include "common/net/ip_address.h"
#include "common/net/netlink.h"
#include "tests/unit/net/socket_fault.h"

namespace tunneld::net {
namespace {

/// For its life, this process can open no socket.
class NoDescriptorsLeft {
 public:
  NoDescriptorsLeft() { socket_fault = EMFILE; }
  NoDescriptorsLeft(const NoDescriptorsLeft&) = delete;
  NoDescriptorsLeft& operator=(const NoDescriptorsLeft&) = delete;
  ~NoDescriptorsLeft() { socket_fault = 0; }
};

std::string words_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const NetlinkError& error) {
    return error.what();
  }
  return "";
}

TEST(InterfaceName, IsFoundOrNot) {
  EXPECT_EQ(interface_index("lo"), if_nametoindex("lo"));
  EXPECT_TRUE(is_interface(if_nametoindex("lo")));
  EXPECT_EQ(interface_index("none-such"), std::nullopt);
  EXPECT_EQ(interface_index("a-name-that-no-interface-can-have"), std::nullopt);
  EXPECT_EQ(interface_index(""), std::nullopt);
  EXPECT_FALSE(is_interface(UINT32_MAX >> 1));
}

TEST(InterfaceName, WithoutADescriptorIsNotTakenForAnInterfaceThatIsGone) {
  const NoDescriptorsLeft none;
  EXPECT_NE(words_of([] { (void)interface_index("lo"); }).find("Too many open files"), std::string::npos);
  EXPECT_NE(words_of([] { (void)is_interface(UINT32_MAX >> 1); }).find("Too many open files"),
            std::string::npos);
  EXPECT_NE(words_of([] { (void)SocketAddress::parse("[fe80::1%lo]:1"); }).find("Too many open files"),
            std::string::npos);
}

}  // namespace
}  // namespace tunneld::net

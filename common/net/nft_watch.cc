#include "common/net/nft_watch.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

#include "common/net/netlink.h"
#include "common/net/netlink_message.h"

namespace tunneld::net {
namespace {

using Reason = NetlinkError::Reason;

/// NFPROTO_INET and NFPROTO_NETDEV of linux/netfilter.h, which cannot be included together with netinet/in.h.
constexpr std::uint8_t kInetFamily = 1;
constexpr std::uint8_t kNetdevFamily = 5;

/// If the rules change during a dump, it starts over.
constexpr int kDumpTries = 10;
/// The largest notice is of a set with many elements; the kernel builds none above 32 KiB.
constexpr std::size_t kLargestNotice = 65536;
/// The table's name is the first attribute of every kind of notice (linux/netfilter/nf_tables.h).
constexpr int kTableName = 1;
static_assert(NFTA_TABLE_NAME == kTableName && NFTA_CHAIN_TABLE == kTableName &&
              NFTA_RULE_TABLE == kTableName && NFTA_SET_TABLE == kTableName && NFTA_OBJ_TABLE == kTableName);

constexpr int message_type(int operation) {
  return (NFNL_SUBSYS_NFTABLES << 8) | operation;
}

nlattr* attribute_of(const nlmsghdr& message, int attribute) {
  auto* header = const_cast<nlmsghdr*>(&message);  // libnl reads only; its signature is older than const
  if (nlmsg_valid_hdr(header, sizeof(nfgenmsg)) == 0) return nullptr;
  return nlmsg_find_attr(header, sizeof(nfgenmsg), attribute);
}

/// In network byte order; 0 where there is none.
std::uint64_t u64_of(const nlmsghdr& message, int attribute) {
  nlattr* found = attribute_of(message, attribute);
  return found != nullptr && nla_len(found) >= 8 ? be64toh(nla_get_u64(found)) : 0;
}

std::uint32_t u32_of(const nlmsghdr& message, int attribute) {
  nlattr* found = attribute_of(message, attribute);
  return found != nullptr && nla_len(found) >= 4 ? be32toh(nla_get_u32(found)) : 0;
}

struct SocketDeleter {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
using Socket = std::unique_ptr<nl_sock, SocketDeleter>;

Socket open_socket() {
  Socket socket(nl_socket_alloc());
  if (!socket) throw std::bad_alloc();
  if (const int error = nl_connect(socket.get(), NETLINK_NETFILTER); error < 0) {
    throw NetlinkError(Reason::kOther, std::string("nftables: ") + nl_geterror(error));
  }
  return socket;
}

struct Answer {
  NftTableState& state;
  bool complete = false;
  int error = 0;  ///< errno; 0 is success
};

int on_message(nl_msg* message, void* argument) {
  NftTableState& state = static_cast<Answer*>(argument)->state;
  const nlmsghdr& header = *nlmsg_hdr(message);
  if (header.nlmsg_type == message_type(NFT_MSG_NEWTABLE)) {
    state.handle = u64_of(header, NFTA_TABLE_HANDLE);
    state.flags = u32_of(header, NFTA_TABLE_FLAGS);
    state.uses = u32_of(header, NFTA_TABLE_USE);
  } else if (header.nlmsg_type == message_type(NFT_MSG_NEWRULE)) {
    state.rules.push_back(u64_of(header, NFTA_RULE_HANDLE));
  }
  return NL_OK;
}

int on_end(nl_msg*, void* argument) {
  static_cast<Answer*>(argument)->complete = true;
  return NL_STOP;
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* argument) {
  static_cast<Answer*>(argument)->complete = true;
  static_cast<Answer*>(argument)->error = -error->error;
  return NL_STOP;
}

/// The errno of the answer; -1: the rules have changed during the dump.
int ask(nl_sock* socket, int operation, int flags, std::uint8_t family, const std::string& table,
        NftTableState& state) {
  NetlinkMessage message(message_type(operation), flags);
  message.header(nfgenmsg{.nfgen_family = family, .version = NFNETLINK_V0, .res_id = 0});
  message.put(kTableName, table);
  Answer answer{.state = state};
  nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, on_message, &answer);
  nl_socket_modify_cb(socket, NL_CB_ACK, NL_CB_CUSTOM, on_end, &answer);
  nl_socket_modify_cb(socket, NL_CB_FINISH, NL_CB_CUSTOM, on_end, &answer);
  nl_socket_modify_err_cb(socket, NL_CB_CUSTOM, on_error, &answer);
  int result = nl_send_auto(socket, message.raw());
  while (result >= 0 && !answer.complete) result = nl_recvmsgs_default(socket);
  if (result == -NLE_DUMP_INTR) return -1;
  if (answer.error == 0 && result < 0) {
    throw NetlinkError(Reason::kOther, std::string("nftables: ") + nl_geterror(result));
  }
  return answer.error;
}

[[noreturn]] void throw_error(int error) {
  const Reason reason = error == EPERM                           ? Reason::kNotPermitted
                        : error == EOPNOTSUPP || error == EINVAL ? Reason::kNotSupported
                                                                 : Reason::kOther;
  throw NetlinkError(reason, "nftables: cannot query a table: " + std::generic_category().message(error));
}

}  // namespace

std::optional<NftTableState> nft_table_state(const std::string& table, NftFamily family) {
  const std::uint8_t number = family == NftFamily::kInet ? kInetFamily : kNetdevFamily;
  for (int i = 0; i < kDumpTries; ++i) {
    // A new socket each time: after an interrupted dump, the rest of the old answer is still in the old one.
    const Socket socket = open_socket();
    NftTableState state;
    if (const int error = ask(socket.get(), NFT_MSG_GETTABLE, 0, number, table, state); error != 0) {
      if (error == ENOENT) return std::nullopt;
      throw_error(error);
    }
    const int error = ask(socket.get(), NFT_MSG_GETRULE, NLM_F_DUMP, number, table, state);
    if (error == 0) return state;
    if (error > 0) throw_error(error);
  }
  throw NetlinkError(Reason::kOther, "nftables: rules change faster than they can be read");
}

NftMonitor::NftMonitor()
    : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_NETFILTER)),
      buffer_(kLargestNotice) {
  if (!socket_.is_open()) return;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  const int group = NFNLGRP_NFTABLES;
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    socket_ = FileDescriptor();
  }
}

std::optional<NftMonitor::Notice> NftMonitor::read(std::string_view table) {
  std::optional<Notice> last;
  while (socket_.is_open()) {
    sockaddr_nl sender{};
    socklen_t sender_length = sizeof sender;
    const ssize_t received = ::recvfrom(socket_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC,
                                        reinterpret_cast<sockaddr*>(&sender), &sender_length);
    if (received < 0) {
      if (errno == EINTR) continue;
      if (errno != ENOBUFS) break;
      last = Notice{};
      continue;
    }
    if (sender.nl_pid != 0) continue;
    if (static_cast<std::size_t>(received) > buffer_.size()) {
      last = Notice{};
      continue;
    }
    auto remaining = static_cast<int>(received);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(message, remaining) != 0;
         message = nlmsg_next(message, &remaining)) {
      if (message->nlmsg_type == message_type(NFT_MSG_NEWGEN)) continue;
      nlattr* name = attribute_of(*message, kTableName);
      if (name == nullptr || nla_len(name) <= 0) continue;
      const auto* characters = static_cast<const char*>(nla_data(name));
      const std::string_view text(characters, strnlen(characters, static_cast<std::size_t>(nla_len(name))));
      if (text == table) last = Notice{.requester = message->nlmsg_pid};
    }
  }
  return last;
}

}  // namespace tunneld::net

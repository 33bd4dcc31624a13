// A client's side of CONFIG: asks its server, decides what to take, and has it applied.
//
// One server at a time configures this host: the first that answers, until its session is gone and another
// one answers. What it said holds on without a session, so that a server that restarts costs nothing, for as
// long as the server said that the addresses are ours.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/json.h"
#include "common/pace.h"
#include "common/protocol/config_message.h"
#include "config/config.h"
#include "daemon/host/host_change.h"
#include "daemon/push/accept_policy.h"
#include "daemon/push/config_term.h"
#include "daemon/tunnel_driver.h"

namespace tunneld::daemon {

class ClientPush {
 public:
  /// Makes host and peers so that accepted() holds. Throws what says why not; then nothing has changed.
  using Apply = std::function<void()>;

  /// `config` has a client section; it and the others outlive this.
  ClientPush(boost::asio::io_context& io, const config::Config& config, protocol::Tunnel& tunnel,
             TunnelDriver& driver, Apply apply);
  ClientPush(const ClientPush&) = delete;
  ClientPush& operator=(const ClientPush&) = delete;

  /// Who configures us, in which of its lives, with what.
  struct Source {
    crypto::PublicKey server;
    std::string name;
    std::uint64_t instance = 0;
    protocol::ConfigMessage message;
    ConfigTerm term;
  };
  /// What a server has given, and what was made of it.
  struct Held {
    std::optional<Source> source;
    AcceptedConfig accepted;
    std::vector<std::string> refused;
    /// As the log has it.
    std::vector<std::string> told_refused;
    /// What the policy would take of the message, and the host has not.
    AcceptedConfig left_out;
    std::vector<std::string> why_left_out;
  };
  /// The configuration has changed: decides anew. Applies nothing. What was held before is for go_back().
  /// Throws std::system_error where this host cannot be asked; then all is as before.
  [[nodiscard]] Held reconfigure();
  /// The host has refused this change, in words. False: nothing of it is a server's; otherwise accepted()
  /// goes on without what it came from.
  [[nodiscard]] bool leave_out(const HostChange& refused, const std::string& why);
  /// The changed configuration is not taken after all; the one before is back.
  void go_back(Held before) { held_ = std::move(before); }
  /// What is taken now.
  [[nodiscard]] const AcceptedConfig& accepted() const { return held_.accepted; }
  /// The configured peers with what was taken: allowed IPs and keepalives.
  [[nodiscard]] std::vector<config::PeerConfig> peers() const;
  /// For status.
  [[nodiscard]] Json status() const;

 private:
  /// Asking one server.
  struct Question {
    explicit Question(boost::asio::io_context& io) : repeat(io) {}
    boost::asio::steady_timer repeat;
    unsigned sent = 0;
    /// The refusal that was logged, so that it is logged once.
    std::string logged;
  };

  void ask(protocol::PeerId id);
  void ask_after(protocol::PeerId id, Question& question, Duration wait);
  void received(protocol::PeerId id, const protocol::ControlFrame& frame);
  [[nodiscard]] bool take(protocol::PeerId id, const protocol::ConfigMessage& message);
  [[nodiscard]] AcceptedConfig decide_and_tell();
  [[nodiscard]] bool is_live(const crypto::PublicKey& key) const;
  /// Whether this peer may configure us.
  [[nodiscard]] bool is_server(const crypto::PublicKey& key) const;
  /// Whether it is there, and still a server.
  [[nodiscard]] bool is_serving(const crypto::PublicKey& key) const;
  void refuse_other(protocol::PeerId id, const std::string& name);
  /// The server has taken back all that it gave, or it is not ours any more.
  void drop();
  void wait_for_minute();
  void look_at_lifetime();
  /// Decides anew: what stood in the way on this host may be gone, or have come.
  void look_at_host();

  boost::asio::io_context& io_;
  const config::Config& config_;
  protocol::Tunnel& tunnel_;
  TunnelDriver& driver_;
  Apply apply_;

  std::map<protocol::PeerId, std::unique_ptr<Question>> questions_;
  Held held_;
  /// Other configurations than before. One that comes sooner is repeated by its server, as one that was lost.
  Pace changes_{10, std::chrono::seconds(2)};
  Pace complaints_{10, std::chrono::seconds(30)};
  /// Peers that wanted to configure us and may not.
  std::set<std::string> refused_peers_;
  boost::asio::steady_timer minute_;
};

}  // namespace tunneld::daemon

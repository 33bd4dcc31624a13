// The client's side of CONFIG: asks its server, decides what to accept, and has it applied.
//
// One server at a time configures this host: the first that answers, until its session is gone and another
// one answers. Its configuration stays in force without a session for the lifetime that the server gave, so
// that a restart of the server costs nothing.
//
// Sans-IO, as the protocol is: frames, events and Instant in; frames and a deadline out. What an answer
// depends on goes through Host.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/json.h"
#include "common/pace.h"
#include "common/protocol/config_message.h"
#include "common/protocol/tunnel.h"
#include "config/config.h"
#include "daemon/host/host_change.h"
#include "daemon/host/host_networks.h"
#include "daemon/push/accept_policy.h"
#include "daemon/push/config_term.h"
#include "daemon/push/push_frames.h"

namespace tunneld::daemon {

class ClientPush {
 public:
  /// Why something cannot be applied, and which change the host has refused, if it was the host.
  struct Refusal {
    std::optional<HostChange> change;
    std::string why;
  };
  /// What has to be asked and done before an answer may leave, because the answer depends on it.
  struct Host {
    /// The host's connected networks apart from the tunnel. Throws std::system_error if the host cannot be
    /// asked.
    std::function<HostNetworks()> networks;
    /// Applies this to host and tunnel. nullopt: done; otherwise nothing has changed.
    std::function<std::optional<Refusal>(const AcceptedConfig&)> apply;
  };

  /// `config` has a client section; `tunnel` outlives this.
  ClientPush(std::shared_ptr<const config::Config> config, const protocol::Tunnel& tunnel, Host host,
             Instant now);
  ClientPush(const ClientPush&) = delete;
  ClientPush& operator=(const ClientPush&) = delete;

  void on_event(const PushPeer& from, const protocol::Event& event, Instant now, PushFrames& out);
  /// Handles CONFIG; other frames are not for this side.
  void on_frame(const PushPeer& from, const protocol::ControlFrame& frame, Instant now, PushFrames& out);
  /// When on_timer() is due. Each function above and below may move it.
  [[nodiscard]] Instant deadline() const;
  void on_timer(Instant now, PushFrames& out);
  /// The host may be connected to other networks now, which are nobody else's.
  void host_changed(Instant now);

  /// The server that configures us, which run of it, and its message.
  struct Source {
    crypto::PublicKey server;
    std::string name;
    std::uint64_t instance = 0;
    protocol::ConfigMessage message;
    ConfigTerm term;
    /// As it said in its last HELLO, while that holds.
    bool serves = true;
  };
  /// What a server has given, and what has been accepted of it.
  struct Held {
    std::optional<Source> source;
    AcceptedConfig accepted;
    std::vector<std::string> refused;
    /// As logged.
    std::vector<std::string> told_refused;
    /// Items that the policy accepts and the host has refused.
    AcceptedConfig left_out;
    std::vector<std::string> why_left_out;
  };
  /// What a server had configured in a run before; it has not been applied yet (held_for(), reconfigured()).
  void resume(const crypto::PublicKey& server, std::uint64_t instance, protocol::ConfigMessage message,
              Instant until, Instant now);
  [[nodiscard]] const std::optional<Source>& source() const { return held_.source; }
  /// What would be accepted under another configuration. Changes nothing. Throws std::system_error if
  /// the host cannot be asked.
  [[nodiscard]] Held held_for(const config::Config& next, Instant now) const;
  /// The host has refused a change: removes the server's item that it came from from `held`. False: it came
  /// from no item of a server.
  [[nodiscard]] static bool leave_out(Held& held, const Refusal& refusal);
  /// The configuration has changed and `held` has been applied.
  void reconfigured(std::shared_ptr<const config::Config> config, Held held, Instant now, PushFrames& out);
  /// What is accepted at present.
  [[nodiscard]] const AcceptedConfig& accepted() const { return held_.accepted; }
  /// For status.
  [[nodiscard]] Json status() const;

 private:
  /// Asking one server.
  struct Question {
    crypto::PublicKey key;
    Instant repeat_at = kNever;
    unsigned sent = 0;
    /// The refusal that was logged, so that it is logged once.
    std::string logged{};
  };

  void ask(const PushPeer& server, Instant now, PushFrames& out);
  void received(const PushPeer& from, const protocol::ControlFrame& frame, Instant now, PushFrames& out);
  [[nodiscard]] bool take(const PushPeer& from, const protocol::ConfigMessage& message, Instant now);
  /// What the policy of `config` accepts of the message. Throws as Host::networks does.
  void decide_and_tell(Held& held, const config::Config& config, Instant now) const;
  /// Applies the message without what the host refuses. Empty: applied and held; otherwise the reason.
  [[nodiscard]] std::string apply(Held& next);
  [[nodiscard]] bool is_live(const crypto::PublicKey& key, Instant now) const;
  /// Whether what we have is of this peer.
  [[nodiscard]] bool is_source(const crypto::PublicKey& key) const;
  /// Whether this peer may configure us.
  [[nodiscard]] bool is_server(const crypto::PublicKey& key) const;
  /// Whether it still exists and is still a server.
  [[nodiscard]] bool is_serving(const crypto::PublicKey& key, Instant now) const;
  void refuse_other(const std::string& name);
  [[nodiscard]] std::string name_of(const crypto::PublicKey& key) const;
  /// The server has withdrawn everything, or is not our server any more.
  void drop();
  void look_at_lifetime(Instant now);
  /// Decides again: obstacles on this host may have gone or come.
  void look_at_host(Instant now);

  std::shared_ptr<const config::Config> config_;
  const protocol::Tunnel& tunnel_;
  const Host host_;

  std::map<protocol::PeerId, Question> questions_;
  Held held_;
  /// Changed configurations, rate-limited. One that comes too soon is treated as lost, and its server repeats
  /// it.
  Pace changes_{10, std::chrono::seconds(2)};
  Pace complaints_{10, std::chrono::seconds(30)};
  /// A router has many routes to look at.
  Pace host_looks_{10, std::chrono::seconds(5)};
  /// Peers that tried to configure us and may not.
  std::set<std::string> refused_peers_;
  Instant look_at_;
};

/// The client's configured peers, with accepted allowed IPs and keepalives.
[[nodiscard]] std::vector<config::PeerConfig> peers_with(const config::Config& config,
                                                         const AcceptedConfig& accepted);

}  // namespace tunneld::daemon

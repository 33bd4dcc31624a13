// The client's side of CONFIG: asks its server for a configuration, decides which parts to accept, and has
// them applied.
//
// Only one server at a time configures this host: the first one that answers. Another one can replace it only
// when its session has ended. Without a session, its configuration stays in force for the lifetime that the
// server has given, so a restart of the server changes nothing.
//
// This is sans-IO, like the protocol: frames, events and the time go in; frames and a deadline come out.
// Whatever must happen before an answer may be sent is called through Host.
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
  /// Why something cannot be applied, and the change that failed, if it was a change of the host.
  struct Refusal {
    std::optional<HostChange> change;
    std::string why;
  };
  /// What has to be asked or done before an answer may be sent, because the answer depends on it.
  struct Host {
    /// The networks that the host is connected to, without the tunnel's. Throws std::system_error if the
    /// kernel cannot be asked.
    std::function<HostNetworks()> networks;
    /// Applies this to host and tunnel. Returns nullopt on success; otherwise nothing has changed.
    std::function<std::optional<Refusal>(const AcceptedConfig&)> apply;
  };

  /// `config` must have a client section. `tunnel` must outlive this object.
  ClientPush(std::shared_ptr<const config::Config> config, const protocol::Tunnel& tunnel, Host host,
             Instant now);
  ClientPush(const ClientPush&) = delete;
  ClientPush& operator=(const ClientPush&) = delete;

  void on_event(const PushPeer& from, const protocol::Event& event, Instant now, PushFrames& out);
  /// Handles CONFIG and ignores other frames.
  void on_frame(const PushPeer& from, const protocol::ControlFrame& frame, Instant now, PushFrames& out);
  /// When to call on_timer(). Every other function may change this.
  [[nodiscard]] Instant deadline() const;
  void on_timer(Instant now, PushFrames& out);
  /// To be called when the host may be connected to other networks. A server gets no part of such a network.
  void host_changed(Instant now);

  /// The server that configures us, its message, and the run of the server that sent it.
  struct Source {
    crypto::PublicKey server;
    std::string name;
    std::uint64_t instance = 0;
    protocol::ConfigMessage message;
    ConfigTerm term;
    /// Whether its last HELLO offers configurations. False after HelloLost or Bye.
    bool serves = true;
  };
  /// The configuration of a server, and the parts of it that are accepted.
  struct Held {
    std::optional<Source> source;
    AcceptedConfig accepted;
    std::vector<std::string> refused;
    /// The refusals that are in the log already.
    std::vector<std::string> told_refused;
    /// Items that the policy accepts, but that could not be applied to the host.
    AcceptedConfig left_out;
    std::vector<std::string> why_left_out;
  };
  /// Takes over a server's configuration from an earlier run of this daemon, without applying it: held_for()
  /// and reconfigured() do that.
  void resume(const crypto::PublicKey& server, std::uint64_t instance, protocol::ConfigMessage message,
              Instant until, Instant now);
  [[nodiscard]] const std::optional<Source>& source() const { return held_.source; }
  /// Returns what would be accepted with the local configuration `next`. Changes nothing. Throws
  /// std::system_error if the kernel cannot be asked.
  [[nodiscard]] Held held_for(const config::Config& next, Instant now) const;
  /// To be called if a change of the host has failed: removes the server's item that it results from. Returns
  /// false if it results from no such item.
  [[nodiscard]] static bool leave_out(Held& held, const Refusal& refusal);
  /// To be called when the local configuration has changed and `held` has been applied.
  void reconfigured(std::shared_ptr<const config::Config> config, Held held, Instant now, PushFrames& out);
  /// What is in force now.
  [[nodiscard]] const AcceptedConfig& accepted() const { return held_.accepted; }
  /// For status.
  [[nodiscard]] Json status() const;

 private:
  /// The request to one server.
  struct Question {
    crypto::PublicKey key;
    Instant repeat_at = kNever;
    unsigned sent = 0;
    /// The problem that was logged last, so that it is logged only once.
    std::string logged{};
  };

  void ask(const PushPeer& server, Instant now, PushFrames& out);
  void received(const PushPeer& from, const protocol::ControlFrame& frame, Instant now, PushFrames& out);
  [[nodiscard]] bool take(const PushPeer& from, const protocol::ConfigMessage& message, Instant now);
  /// Decides by the policy of `config` which parts of the message to accept, and logs what is refused. Throws
  /// as Host::networks does.
  void decide_and_tell(Held& held, const config::Config& config, Instant now) const;
  /// Applies `next` without the items that fail on the host. Returns an empty string if it is in force now,
  /// or else the reason.
  [[nodiscard]] std::string apply(Held& next);
  [[nodiscard]] bool is_live(const crypto::PublicKey& key, Instant now) const;
  /// Whether this peer has sent the configuration that we have.
  [[nodiscard]] bool is_source(const crypto::PublicKey& key) const;
  /// Whether the local configuration allows this peer to configure us.
  [[nodiscard]] bool is_server(const crypto::PublicKey& key) const;
  /// Whether this peer has a session and still offers configurations.
  [[nodiscard]] bool is_serving(const crypto::PublicKey& key, Instant now) const;
  void refuse_other(const std::string& name);
  [[nodiscard]] std::string name_of(const crypto::PublicKey& key) const;
  /// Removes the server's configuration from host and tunnel.
  void drop();
  void look_at_lifetime(Instant now);
  /// Decides again, because the host's networks may have changed.
  void look_at_host(Instant now);

  std::shared_ptr<const config::Config> config_;
  const protocol::Tunnel& tunnel_;
  const Host host_;

  std::map<protocol::PeerId, Question> questions_;
  Held held_;
  /// Limits the rate of changed configurations. One that arrives too early is treated as lost, and the server
  /// repeats it.
  Pace changes_{10, std::chrono::seconds(2)};
  Pace complaints_{10, std::chrono::seconds(30)};
  /// Limits how often the host is looked at, because a router has many routes.
  Pace host_looks_{10, std::chrono::seconds(5)};
  /// Peers that have tried to configure us without permission.
  std::set<std::string> refused_peers_;
  Instant look_at_;
};

/// The peers of the local configuration, with accepted allowed IPs and keepalives added.
[[nodiscard]] std::vector<config::PeerConfig> peers_with(const config::Config& config,
                                                         const AcceptedConfig& accepted);

}  // namespace tunneld::daemon

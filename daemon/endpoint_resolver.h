// Resolves the names of peers' endpoints to addresses, repeatedly, and never on the data path.
//
// getaddrinfo() may block for any time, so each lookup runs in a thread of its own (at most one per endpoint).
// A resolver that hangs delays neither other peers, nor the end of the process, nor the peer's other
// endpoints. A failed lookup is repeated after 1 s, then 2 s, doubling up to 8 s: soon enough after the uplink
// has come up, and no burden for a resolver.
//
// A peer may have several endpoints, and a name several addresses. Together they are its candidates, in
// order. The first is called first: later ones wait a second for the lookups of those before them. After 2 s
// without an answer the protocol calls all of them (protocol/peer/peer.h), and the names are looked up again.
// After a BYE the next one is called, and the names are looked up as well.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/net/ip_address.h"
#include "common/protocol/peer/peer_link.h"
#include "config/config.h"

namespace tunneld::daemon {

/// Explains a result of getaddrinfo(), with errno after it, to an administrator. The library reports
/// "temporary failure in name resolution" also if this process has no descriptor left.
[[nodiscard]] std::string words_of_lookup_error(int error, int system_error);

class EndpointResolver {
 public:
  /// Called on the io_context's thread when a peer has a (new) address to try.
  using Found = std::function<void(protocol::PeerId, const net::SocketAddress&)>;
  /// The addresses of a name, or the reason why there are none.
  struct Answer {
    std::vector<net::SocketAddress> addresses{};
    std::string failure{};
  };
  /// May block for any time; runs in threads of its own, several at a time, also after the resolver's end.
  using LookUp = std::function<Answer(const config::PeerEndpoint&)>;

  /// `look_up`: instead of the system's resolver.
  EndpointResolver(boost::asio::io_context& io, Found found, LookUp look_up = {});
  ~EndpointResolver();
  EndpointResolver(const EndpointResolver&) = delete;
  EndpointResolver& operator=(const EndpointResolver&) = delete;

  void add(protocol::PeerId peer, std::string peer_name, std::vector<config::PeerEndpoint> endpoints);
  void remove(protocol::PeerId peer);
  /// The address may be outdated: looks up the names, and reports only if `current` is not among the answers.
  void refresh(protocol::PeerId peer, const std::optional<net::SocketAddress>& current);
  /// Nobody answers at `current`: reports the next candidate, or looks up the names again.
  void next(protocol::PeerId peer, const std::optional<net::SocketAddress>& current);

  /// Called with all of a peer's candidates, in order, whenever they have been looked up.
  void on_candidates(std::function<void(protocol::PeerId, const std::vector<net::SocketAddress>&)> call) {
    candidates_ = std::move(call);
  }

  /// The network has changed: lookups that failed are tried again at once.
  void retry_failed();

  /// What the peer waits for, as text; empty if nothing.
  [[nodiscard]] std::string waiting_for(protocol::PeerId peer) const;

 private:
  struct Entry;
  struct Inbox;
  void look_up(protocol::PeerId peer, Entry& entry);
  /// `entry`: by its number, since the peer may have got other endpoints meanwhile.
  void answered(protocol::PeerId peer, std::uint64_t entry, std::size_t endpoint, Answer answer);
  /// Reports the address to call, unless other lookups have to finish first.
  void decide(protocol::PeerId peer, Entry& entry);
  void look_up_later(protocol::PeerId peer, Entry& entry);

  boost::asio::io_context& io_;
  Found found_;
  LookUp look_up_;
  std::uint64_t entries_made_ = 0;
  std::function<void(protocol::PeerId, const std::vector<net::SocketAddress>&)> candidates_;
  std::map<protocol::PeerId, std::unique_ptr<Entry>> entries_;
  /// The lookup threads keep it alive beyond this object.
  std::shared_ptr<Inbox> inbox_;
};

}  // namespace tunneld::daemon

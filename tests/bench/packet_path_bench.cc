// What the packet path does to each packet besides the AEAD: cutting, joining, finding the peer, the replay
// window.
#include <memory>
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "common/net/allowed_ips.h"
#include "common/net/coalesce.h"
#include "common/net/segment.h"
#include "common/protocol/replay_window.h"
#include "tests/unit/net/packet_builder.h"

namespace tunneld {
namespace {

using namespace net::testing;  // NOLINT: the builder's vocabulary

constexpr std::size_t kSuperpacket = 64000;
constexpr std::size_t kPiece = 1368;

struct Superpacket {
  Superpacket(bool ipv6, bool udp) {
    PacketSpec spec = ipv6 ? PacketSpec::v6() : PacketSpec();
    spec.udp = udp;
    spec.payload = Bytes(kSuperpacket, 7);
    const std::size_t start = transport_offset(spec);
    bytes = build(spec, Checksum::kPseudoHeaderOnly);
    header = {.flags = net::kVirtioNeedsChecksum,
              .gso_type = udp    ? net::kVirtioGsoUdp
                          : ipv6 ? net::kVirtioGsoTcp6
                                 : net::kVirtioGsoTcp4,
              .gso_size = kPiece,
              .csum_start = static_cast<std::uint16_t>(start),
              .csum_offset = static_cast<std::uint16_t>(udp ? 6 : 16)};
  }
  Bytes bytes;
  net::VirtioNetHeader header;
};

std::vector<Bytes> cut(Superpacket& superpacket) {
  const auto plan = net::Segmenter::plan(superpacket.header, superpacket.bytes);
  std::vector<Bytes> packets;
  for (std::size_t i = 0; i < plan->count(); ++i) {
    packets.emplace_back(plan->size(i));
    plan->write(i, packets.back().data());
  }
  return packets;
}

void report(benchmark::State& state, std::size_t packets, std::size_t bytes) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(packets));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}

void segment(benchmark::State& state, bool ipv6, bool udp) {
  Superpacket superpacket(ipv6, udp);
  Bytes out(std::size_t{256} << 10);
  std::size_t packets = 0;
  for ([[maybe_unused]] const auto _ : state) {
    const auto plan = net::Segmenter::plan(superpacket.header, superpacket.bytes);
    packets = plan->count();
    for (std::size_t i = 0; i < packets; ++i) plan->write(i, &out[i * 1536]);
    benchmark::ClobberMemory();
  }
  report(state, packets, kSuperpacket);
}

void coalesce(benchmark::State& state, bool ipv6, bool udp) {
  Superpacket superpacket(ipv6, udp);
  const std::vector<Bytes> original = cut(superpacket);
  // Joining changes only headers, and every packet must come with its own each time.
  std::vector<Bytes> packets = original;
  net::Coalescer coalescer({.tcp = true, .udp = true});
  std::size_t written = 0;
  for ([[maybe_unused]] const auto _ : state) {
    for (std::size_t i = 0; i < packets.size(); ++i) {
      std::copy_n(original[i].begin(), 64, packets[i].begin());
      coalescer.add(packets[i], *net::IpPacket::parse(packets[i]));
    }
    coalescer.flush([&](const net::VirtioNetHeader&, std::span<const iovec>) { ++written; });
  }
  if (written > 2 * static_cast<std::size_t>(state.iterations())) state.SkipWithError("nothing was joined");
  report(state, packets.size(), kSuperpacket);
}

/// `range`: networks in the table, of random lengths, as a server with so many peers would have.
void lookup(benchmark::State& state, net::Family family) {
  std::mt19937_64 random(1);
  const std::size_t size = family == net::Family::kIpv4 ? 4 : 16;
  net::AllowedIps table;
  std::vector<Bytes> addresses;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    Bytes address = random_bytes(random, size);
    const auto ip = size == 4 ? net::IpAddress::v4(std::span<const std::uint8_t, 4>(address))
                              : net::IpAddress::v6(std::span<const std::uint8_t, 16>(address));
    const auto length = static_cast<std::uint8_t>(between(random, size * 4, size * 8));
    table.insert(net::IpPrefix{ip, length}.network(), static_cast<net::AllowedIps::Owner>(i));
    addresses.push_back(std::move(address));
  }
  std::shuffle(addresses.begin(), addresses.end(), random);
  std::size_t next = 0;
  for ([[maybe_unused]] const auto _ : state) {
    benchmark::DoNotOptimize(table.lookup(family, addresses[next].data()));
    if (++next == addresses.size()) next = 0;
  }
  report(state, 1, 0);
}

/// `swapped`: every second counter comes before its predecessor.
void replay(benchmark::State& state, bool swapped) {
  const auto window = std::make_unique<protocol::ReplayWindow>();
  std::uint64_t counter = 0;
  bool all = true;
  for ([[maybe_unused]] const auto _ : state) {
    const std::uint64_t offered = swapped ? counter ^ 1U : counter;
    all = all && window->probably_fresh(offered) && window->accept(offered);
    ++counter;
  }
  if (!all) state.SkipWithError("a fresh counter was refused");
  report(state, 1, 0);
}

void checksum(benchmark::State& state) {
  const Bytes bytes(static_cast<std::size_t>(state.range(0)), 3);
  for ([[maybe_unused]] const auto _ : state) benchmark::DoNotOptimize(net::sum_bytes(bytes));
  report(state, 1, bytes.size());
}

BENCHMARK_CAPTURE(segment, tcp4, false, false);
BENCHMARK_CAPTURE(segment, tcp6, true, false);
BENCHMARK_CAPTURE(segment, udp4, false, true);
BENCHMARK_CAPTURE(coalesce, tcp4, false, false);
BENCHMARK_CAPTURE(coalesce, tcp6, true, false);
BENCHMARK_CAPTURE(coalesce, udp4, false, true);
BENCHMARK_CAPTURE(lookup, ipv4, net::Family::kIpv4)->Arg(1)->Arg(100)->Arg(10000);
BENCHMARK_CAPTURE(lookup, ipv6, net::Family::kIpv6)->Arg(1)->Arg(100)->Arg(10000);
BENCHMARK_CAPTURE(replay, in_order, false);
BENCHMARK_CAPTURE(replay, swapped, true);
BENCHMARK(checksum)->Arg(64)->Arg(1420);

}  // namespace
}  // namespace tunneld

BENCHMARK_MAIN();

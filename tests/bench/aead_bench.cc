// Seals and opens batches of packets with every engine and cipher of this machine. One core at a time,
// packets that stay in the cache: the cost of the cryptography alone, which is the largest single one of a
// tunnel.
//
//   aead_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "common/crypto/aead_ipsec_mb.h"
#include "common/crypto/aead_libsodium.h"
#include "common/crypto/keys.h"

namespace tunneld::crypto {
namespace {

constexpr std::size_t kBatch = 45;  // the segments of one superpacket

/// Packets back to back in one buffer, sealed from the start.
struct Batch {
  Batch(const CipherKey& key, std::size_t length) : bytes(kBatch * (length + kTagSize)) {
    for (std::size_t i = 0; i < kBatch; ++i)
      jobs.push_back({.data = &bytes[i * (length + kTagSize)], .length = length, .counter = i});
    key.seal(jobs);
    sealed = bytes;
  }
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint8_t> sealed;
  std::vector<AeadJob> jobs;
};

void report(benchmark::State& state, std::size_t length) {
  const auto packets = static_cast<std::int64_t>(kBatch) * state.iterations();
  state.SetItemsProcessed(packets);
  state.SetBytesProcessed(packets * static_cast<std::int64_t>(length));
}

SymmetricKey random_key() {
  SymmetricKey key;
  random_bytes(key.mutable_view());
  return key;
}

void seal(benchmark::State& state, const AeadEngine* engine, Cipher cipher) {
  const auto length = static_cast<std::size_t>(state.range(0));
  const auto key = engine->make_key(cipher, random_key());
  Batch batch(*key, length);
  for ([[maybe_unused]] const auto _ : state) {
    key->seal(batch.jobs);
    benchmark::ClobberMemory();
  }
  report(state, length);
}

/// Opening destroys its input. The copy that brings it back (60 ns a packet, a third of what the fastest open
/// takes) is kept out of the time, which is why this one measures by itself; its CPU column still has the
/// copy.
void open(benchmark::State& state, const AeadEngine* engine, Cipher cipher) {
  using Clock = std::chrono::steady_clock;
  const auto length = static_cast<std::size_t>(state.range(0));
  const auto key = engine->make_key(cipher, random_key());
  Batch batch(*key, length);
  for ([[maybe_unused]] const auto _ : state) {
    std::copy(batch.sealed.begin(), batch.sealed.end(), batch.bytes.begin());
    const Clock::time_point start = Clock::now();
    key->open(batch.jobs);
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - start).count());
  }
  if (std::ranges::any_of(batch.jobs, [](const AeadJob& job) { return job.verdict != Verdict::kAuthentic; }))
    state.SkipWithError("a packet was refused");
  report(state, length);
}

void make_key(benchmark::State& state, const AeadEngine* engine, Cipher cipher) {
  const SymmetricKey secret = random_key();
  for ([[maybe_unused]] const auto _ : state) benchmark::DoNotOptimize(engine->make_key(cipher, secret));
}

void register_all(const AeadEngine& engine) {
  for (const Cipher cipher : {Cipher::kChaCha20Poly1305, Cipher::kAes256Gcm}) {
    if (!engine.supports(cipher)) continue;
    const std::string name = std::string(engine.name()) + "/" + std::string(to_string(cipher));
    for (const std::int64_t length : {64, 1420, 8920}) {
      benchmark::RegisterBenchmark((name + "/seal").c_str(), seal, &engine, cipher)->Arg(length);
      benchmark::RegisterBenchmark((name + "/open").c_str(), open, &engine, cipher)
          ->Arg(length)
          ->UseManualTime();
    }
    benchmark::RegisterBenchmark((name + "/make_key").c_str(), make_key, &engine, cipher);
  }
}

}  // namespace
}  // namespace tunneld::crypto

int main(int argc, char** argv) {
  using namespace tunneld::crypto;
  init();
  benchmark::Initialize(&argc, argv);
  const std::unique_ptr<AeadEngine> engines[] = {make_libsodium_engine(), make_ipsec_mb_engine()};
  for (const auto& engine : engines)
    if (engine) register_all(*engine);
  benchmark::RunSpecifiedBenchmarks();
}

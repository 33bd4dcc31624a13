// Which of ipsec-mb's ways to ChaCha20-Poly1305 is the fastest for a batch of packets? It has three: jobs
// submitted one by one, jobs submitted as a burst, and the direct calls init/update/finalize, which need no
// manager of one's own. common/crypto/aead_ipsec_mb.cc says what was chosen. The first two differ by less
// than a run's spread, so compare them only with
//
//   ipsec_mb_api_bench --benchmark_repetitions=25 --benchmark_enable_random_interleaving=true
#include <array>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>
#include <intel-ipsec-mb.h>

namespace {

constexpr std::size_t kBatch = 64;
constexpr std::size_t kTagSize = 16;

struct ManagerDeleter {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};

struct Fixture {
  explicit Fixture(std::size_t packet_length) : length(packet_length), stride(packet_length + kTagSize) {
    init_mb_mgr_auto(manager.get(), nullptr);
    packets.resize(kBatch * stride);
  }
  std::uint8_t* packet(std::size_t i) { return packets.data() + i * stride; }

  void fill(IMB_JOB& job, std::size_t i) {
    job.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job.cipher_direction = IMB_DIR_ENCRYPT;
    job.chain_order = IMB_ORDER_CIPHER_HASH;
    job.enc_keys = job.dec_keys = key.data();
    job.key_len_in_bytes = key.size();
    job.src = job.dst = packet(i);
    job.cipher_start_src_offset_in_bytes = 0;
    job.hash_start_src_offset_in_bytes = 0;
    job.msg_len_to_cipher_in_bytes = length;
    job.msg_len_to_hash_in_bytes = length;
    job.iv = nonces[i].data();
    job.iv_len_in_bytes = nonces[i].size();
    job.u.CHACHA20_POLY1305.aad = nullptr;
    job.u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
    job.auth_tag_output = packet(i) + length;
    job.auth_tag_output_len_in_bytes = kTagSize;
  }

  std::size_t length;
  std::size_t stride;
  std::unique_ptr<IMB_MGR, ManagerDeleter> manager{alloc_mb_mgr(0)};
  std::vector<std::uint8_t> packets;
  std::array<std::uint8_t, 32> key{1};
  std::array<std::array<std::uint8_t, 12>, kBatch> nonces{};
};

void report(benchmark::State& state, const Fixture& fixture) {
  const auto packets = static_cast<std::int64_t>(kBatch) * state.iterations();
  state.SetItemsProcessed(packets);
  state.SetBytesProcessed(packets * static_cast<std::int64_t>(fixture.length));
}

void one_job_at_a_time(benchmark::State& state) {
  Fixture fixture(static_cast<std::size_t>(state.range(0)));
  IMB_MGR* manager = fixture.manager.get();
  for ([[maybe_unused]] const auto _ : state) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      fixture.fill(*IMB_GET_NEXT_JOB(manager), i);
      benchmark::DoNotOptimize(IMB_SUBMIT_JOB_NOCHECK(manager));
    }
  }
  report(state, fixture);
}

void burst(benchmark::State& state) {
  Fixture fixture(static_cast<std::size_t>(state.range(0)));
  IMB_MGR* manager = fixture.manager.get();
  std::array<IMB_JOB*, kBatch> jobs{};
  for ([[maybe_unused]] const auto _ : state) {
    IMB_GET_NEXT_BURST(manager, kBatch, jobs.data());
    for (std::size_t i = 0; i < kBatch; ++i) fixture.fill(*jobs[i], i);
    if (IMB_SUBMIT_BURST_NOCHECK(manager, kBatch, jobs.data()) != kBatch) state.SkipWithError("incomplete");
  }
  report(state, fixture);
}

void direct(benchmark::State& state) {
  Fixture fixture(static_cast<std::size_t>(state.range(0)));
  IMB_MGR* manager = fixture.manager.get();
  chacha20_poly1305_context_data context;
  for ([[maybe_unused]] const auto _ : state) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      std::uint8_t* packet = fixture.packet(i);
      IMB_CHACHA20_POLY1305_INIT(manager, fixture.key.data(), &context, fixture.nonces[i].data(), nullptr, 0);
      IMB_CHACHA20_POLY1305_ENC_UPDATE(manager, fixture.key.data(), &context, packet, packet, fixture.length);
      IMB_CHACHA20_POLY1305_ENC_FINALIZE(manager, &context, packet + fixture.length, kTagSize);
    }
  }
  report(state, fixture);
}

BENCHMARK(one_job_at_a_time)->Arg(64)->Arg(1420)->Arg(9000);
BENCHMARK(burst)->Arg(64)->Arg(1420)->Arg(9000);
BENCHMARK(direct)->Arg(64)->Arg(1420)->Arg(9000);

}  // namespace

BENCHMARK_MAIN();

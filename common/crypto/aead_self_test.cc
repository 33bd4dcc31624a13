#include "common/crypto/aead_self_test.h"

#include <algorithm>
#include <vector>

#include "common/crypto/keys.h"

namespace tunneld::crypto {
namespace {

/// The edges of 16-byte blocks (GHASH, Poly1305), of 64-byte blocks (ChaCha20) and of the 256- to 1024-byte
/// strides of vector code, plus the packet sizes of standard and jumbo frames.
constexpr std::size_t kLengths[] = {0,    1,    15,   16,   17,   31,   32,   33,   63,  64,  65,
                                    127,  128,  129,  255,  256,  257,  511,  512,  513, 767, 768,
                                    769,  1023, 1024, 1025, 48,   80,   112,  144,  288, 576, 999,
                                    1280, 1408, 1419, 1420, 1424, 1500, 2047, 4096, 9000};

std::size_t random_below(std::size_t limit) {
  return randombytes_uniform(static_cast<std::uint32_t>(limit));
}

SymmetricKey random_key() {
  SymmetricKey key;
  random_bytes(key.mutable_view());
  return key;
}

/// Packets back to back in one buffer, as in the data path, so that a write beyond a packet is detected.
struct Batch {
  explicit Batch(std::span<const std::size_t> lengths) {
    std::size_t size = 0;
    for (const std::size_t length : lengths) size += length + kTagSize;
    bytes.resize(size);
    random_bytes(bytes);
    std::uint8_t* at = bytes.data();
    for (const std::size_t length : lengths) {
      AeadJob& job = jobs.emplace_back(AeadJob{.data = at, .length = length, .counter = 0});
      randombytes_buf(&job.counter, sizeof job.counter);
      at += length + kTagSize;
    }
    jobs.front().counter = 0;
    jobs.back().counter = ~std::uint64_t{0};
  }
  Batch(const Batch& other) : bytes(other.bytes), jobs(other.jobs) {
    std::uint8_t* at = bytes.data();
    for (AeadJob& job : jobs) {
      job.data = at;
      at += job.length + kTagSize;
    }
  }
  Batch& operator=(const Batch&) = delete;
  ~Batch() = default;

  [[nodiscard]] bool has_plaintext_of(const Batch& other, std::size_t i) const {
    return std::equal(jobs[i].data, jobs[i].data + jobs[i].length, other.jobs[i].data);
  }

  std::vector<std::uint8_t> bytes;
  std::vector<AeadJob> jobs;
};

/// Changes every packet at an even index in one of the ways open to an attacker; those at odd indices must
/// still open.
bool refuses_forgeries(const CipherKey& key, const Batch& plain, const Batch& sealed) {
  Batch forged = sealed;
  for (std::size_t i = 0; i < forged.jobs.size(); i += 2) {
    AeadJob& job = forged.jobs[i];
    if (i % 8 == 6) {
      job.counter ^= std::uint64_t{1} << random_below(64);
    } else {
      const std::size_t first = i % 8 == 4 ? job.length : 0;  // one in four in the tag, two in four anywhere
      const std::size_t bit = random_below((job.length + kTagSize - first) * 8);
      job.data[first + bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    }
    job.verdict = Verdict::kAuthentic;
  }
  key.open(forged.jobs);
  for (std::size_t i = 0; i < forged.jobs.size(); ++i) {
    const Verdict expected = i % 2 == 0 ? Verdict::kForged : Verdict::kAuthentic;
    if (forged.jobs[i].verdict != expected) return false;
    if (expected == Verdict::kAuthentic && !forged.has_plaintext_of(plain, i)) return false;
  }
  return true;
}

bool refuses_all(const CipherKey& wrong_key, const Batch& sealed) {
  Batch opened = sealed;
  for (AeadJob& job : opened.jobs) job.verdict = Verdict::kAuthentic;
  wrong_key.open(opened.jobs);
  return std::ranges::all_of(opened.jobs, [](const AeadJob& job) { return job.verdict == Verdict::kForged; });
}

bool agrees(const AeadEngine& engine, const AeadEngine& reference, Cipher cipher) {
  std::vector<std::size_t> lengths(std::begin(kLengths), std::end(kLengths));
  for (int extra = 0; extra < 100; ++extra) lengths.push_back(random_below(2000));
  for (std::size_t i = lengths.size() - 1; i > 0; --i) std::swap(lengths[i], lengths[random_below(i + 1)]);

  const SymmetricKey secret = random_key();
  const auto key = engine.make_key(cipher, secret);
  const auto reference_key = reference.make_key(cipher, secret);

  const Batch plain(lengths);
  Batch sealed = plain;
  Batch expected = plain;
  key->seal(sealed.jobs);
  reference_key->seal(expected.jobs);
  if (sealed.bytes != expected.bytes) return false;

  Batch opened = sealed;
  key->open(opened.jobs);
  for (std::size_t i = 0; i < opened.jobs.size(); ++i) {
    if (opened.jobs[i].verdict != Verdict::kAuthentic || !opened.has_plaintext_of(plain, i)) return false;
  }
  return refuses_forgeries(*key, plain, sealed) &&
         refuses_all(*engine.make_key(cipher, random_key()), sealed);
}

}  // namespace

bool passes_self_test(const AeadEngine& engine, const AeadEngine& reference) {
  constexpr int kRounds = 3;
  for (const Cipher cipher : {Cipher::kChaCha20Poly1305, Cipher::kAes256Gcm}) {
    if (!engine.supports(cipher)) continue;
    if (!reference.supports(cipher)) return false;
    for (int round = 0; round < kRounds; ++round) {
      if (!agrees(engine, reference, cipher)) return false;
    }
  }
  return true;
}

}  // namespace tunneld::crypto

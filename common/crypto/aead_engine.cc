#include "common/crypto/aead_engine.h"

#include <stdexcept>

#include "common/crypto/aead_ipsec_mb.h"
#include "common/crypto/aead_libsodium.h"
#include "common/crypto/aead_self_test.h"

namespace tunneld::crypto {

std::string_view to_string(Cipher cipher) {
  return cipher == Cipher::kAes256Gcm ? "AES-256-GCM" : "ChaCha20-Poly1305";
}

std::unique_ptr<AeadEngine> select_engine(EngineChoice choice) {
  auto libsodium = make_libsodium_engine();
  if (choice == EngineChoice::kLibsodium) return libsodium;

  auto ipsec_mb = make_ipsec_mb_engine();
  if (ipsec_mb && passes_self_test(*ipsec_mb, *libsodium)) return ipsec_mb;
  if (choice == EngineChoice::kAuto) return libsodium;
  throw std::runtime_error(
      ipsec_mb ? "ipsec-mb does not compute what libsodium does; use crypto.engine: libsodium"
               : "ipsec-mb is not built in, or this CPU has no AVX2; use crypto.engine: auto");
}

}  // namespace tunneld::crypto

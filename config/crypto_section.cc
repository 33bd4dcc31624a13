// `crypto:`: which code seals packets, and whether the faster cipher may be agreed on.

#include "config/sections.h"

namespace tunneld::config {

CryptoConfig read_crypto(const Node& node) {
  using crypto::EngineChoice;
  constexpr std::array kEngines{Word<EngineChoice>{"auto", EngineChoice::kAuto},
                                Word<EngineChoice>{"libsodium", EngineChoice::kLibsodium},
                                Word<EngineChoice>{"ipsec-mb", EngineChoice::kIpsecMb}};
  constexpr std::array kAutoOff{Word<AutoOff>{"auto", AutoOff::kAuto}, Word<AutoOff>{"off", AutoOff::kOff}};

  CryptoConfig crypto;
  Mapping keys(node);
  if (const auto engine = keys.find("engine"))
    crypto.engine = engine->choice(kEngines).value_or(crypto.engine);
  if (const auto cipher = keys.find("fast_cipher")) {
    crypto.fast_cipher = cipher->choice(kAutoOff).value_or(crypto.fast_cipher);
  }
  keys.finish();
  return crypto;
}

}  // namespace tunneld::config

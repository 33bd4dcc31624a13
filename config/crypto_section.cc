// `crypto:`: which code seals packets, and whether the faster cipher may be agreed on.

#include "config/sections.h"

namespace tunneld::config {
namespace {

using crypto::EngineChoice;
constexpr std::array kEngines{Word<EngineChoice>{"auto", EngineChoice::kAuto},
                              Word<EngineChoice>{"libsodium", EngineChoice::kLibsodium},
                              Word<EngineChoice>{"ipsec-mb", EngineChoice::kIpsecMb}};

constexpr Option<CryptoConfig> kCryptoOptions[] = {
    {.key = "engine", .value = choice<&CryptoConfig::engine, kEngines>()},
    {.key = "fast_cipher", .value = choice<&CryptoConfig::fast_cipher, kAutoOff>()},
};

}  // namespace

Options<CryptoConfig> crypto_options() {
  return kCryptoOptions;
}

}  // namespace tunneld::config

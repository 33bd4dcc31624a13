#include "daemon/commands/key_commands.h"

#include <array>
#include <cctype>
#include <iostream>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include "common/crypto/keys.h"
#include "daemon/commands/new_files.h"

namespace tunneld::daemon {
namespace {

/// Base64 text of a key, wiped.
struct KeyText {
  std::array<char, 45> text{};
  KeyText() = default;
  KeyText(const KeyText&) = delete;
  KeyText& operator=(const KeyText&) = delete;
  ~KeyText() { sodium_memzero(text.data(), text.size()); }
};

ExitCode emit(KeyText& key, const std::string& file) {
  // Its zero at the end is not needed any more; and no stream, so that no copy of the key remains.
  key.text.back() = '\n';
  const std::string_view line(key.text.data(), key.text.size());
  try {
    if (file.empty()) {
      write_whole(STDOUT_FILENO, line, "standard output");
    } else {
      NewFiles files;
      files.write(file, line);
      files.keep();
    }
  } catch (const std::system_error& error) {
    std::cerr << "tunneld: " << error.what() << "\n";
    return ExitCode::kRuntimeFailure;
  }
  return ExitCode::kFine;
}

}  // namespace

ExitCode generate_private_key(const std::string& file) {
  const crypto::PrivateKey key = crypto::PrivateKey::generate();
  KeyText text;
  key.to_base64(text.text);
  const ExitCode result = emit(text, file);
  if (result == ExitCode::kFine && !file.empty()) std::cout << key.public_key().to_base64() << "\n";
  return result;
}

ExitCode generate_preshared_key(const std::string& file) {
  KeyText text;
  crypto::PresharedKey::generate().to_base64(text.text);
  return emit(text, file);
}

ExitCode print_public_key() {
  crypto::Secret<64> input;
  std::size_t length = 0;
  while (length < crypto::Secret<64>::kSize) {
    const ssize_t got = read(STDIN_FILENO, input.data() + length, crypto::Secret<64>::kSize - length);
    if (got <= 0) break;
    length += static_cast<std::size_t>(got);
  }
  while (length > 0 && std::isspace(input.data()[length - 1]) != 0) --length;
  const auto key = crypto::PrivateKey::from_base64({reinterpret_cast<const char*>(input.data()), length});
  if (!key) {
    std::cerr << "tunneld: standard input is not a private key (44 characters of base64, as `tunneld genkey` "
                 "prints)\n";
    return ExitCode::kBadUsage;
  }
  std::cout << key->public_key().to_base64() << "\n";
  return ExitCode::kFine;
}

}  // namespace tunneld::daemon

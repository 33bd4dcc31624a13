#include "daemon/commands/key_commands.h"

#include <array>
#include <cctype>
#include <cstring>
#include <iostream>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "common/crypto/keys.h"
#include "common/net/file_descriptor.h"
#include "config/service_user.h"

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

void write_all(int fd, const char* base64, const std::string& path) {
  // One buffer and no stream, so that no copy of the key remains.
  std::array<char, 45> line{};
  std::memcpy(line.data(), base64, 44);
  line[44] = '\n';
  const ssize_t written = write(fd, line.data(), line.size());
  sodium_memzero(line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size()))
    throw std::system_error(errno, std::generic_category(), path);
}

ExitCode emit(const KeyText& key, const std::string& file) {
  if (file.empty()) {
    write_all(STDOUT_FILENO, key.text.data(), "standard output");
    return ExitCode::kFine;
  }
  try {
    write_key_file(file, key.text.data());
  } catch (const std::system_error& error) {
    std::cerr << "tunneld: " << error.what() << "\n";
    return ExitCode::kRuntimeFailure;
  }
  return ExitCode::kFine;
}

}  // namespace

void write_key_file(const std::string& path, const char* base64) {
  const net::FileDescriptor file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) throw std::system_error(errno, std::generic_category(), path);
  config::let_service_read(file.get(), path);
  write_all(file.get(), base64, path);
}

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

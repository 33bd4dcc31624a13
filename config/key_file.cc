#include "config/key_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <system_error>

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>

#include "common/net/file_descriptor.h"
#include "config/diagnostic.h"
#include "config/service_user.h"
#include "config/trusted_path.h"

namespace tunneld::config {
namespace {

/// The text of a key file, wiped when it goes.
class KeyText {
 public:
  KeyText() = default;
  KeyText(const KeyText&) = delete;
  KeyText& operator=(const KeyText&) = delete;
  ~KeyText() { sodium_memzero(characters_.data(), characters_.size()); }

  /// 0 or an errno. Reads one byte more than a key file may have, to notice when it has more.
  int read_from(int fd) {
    while (length_ < characters_.size()) {
      const ssize_t got = ::read(fd, characters_.data() + length_, characters_.size() - length_);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno;
      if (got == 0) break;
      length_ += static_cast<std::size_t>(got);
    }
    return 0;
  }

  /// Without the white space at the end that editors and `echo` leave.
  [[nodiscard]] std::string_view trimmed() const {
    const std::string_view all(characters_.data(), length_);
    return all.substr(0, all.find_last_not_of(" \t\r\n") + 1);
  }

 private:
  std::array<char, kMaxKeyFileSize + 1> characters_{};
  std::size_t length_ = 0;
};

std::string reason(int error) {
  return std::generic_category().message(error);
}

std::string describe_kind(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

std::string octal(mode_t mode) {
  std::string digits = "0";
  for (const unsigned shift : {6U, 3U, 0U}) digits += static_cast<char>('0' + ((mode >> shift) & 7U));
  return digits;
}

/// What the file's metadata alone forbids. `path` as in messages and in commands to type.
std::optional<KeyFileProblem> check_kind_and_mode(const std::string& path, const struct stat& status,
                                                  bool is_credential) {
  const std::string file = "key file " + in_quotes(path);
  if (!S_ISREG(status.st_mode)) {
    return KeyFileProblem{file + " is " + describe_kind(status.st_mode),
                          "name the regular file that holds the key"};
  }
  mode_t forbidden = is_credential ? S_IRWXO : S_IRWXG | S_IRWXO;
  // Without asking the user database about a file that is fine anyway.
  if ((status.st_mode & S_IRGRP) != 0 && is_roots_for_service(status))
    forbidden &= ~static_cast<mode_t>(S_IRGRP);
  if ((status.st_mode & forbidden) != 0) {
    return KeyFileProblem{file + " is open to others (mode " + octal(status.st_mode) + ")",
                          "run: chmod 600 " + path + ", and make a new key if others may have seen this one"};
  }
  if (status.st_size > static_cast<off_t>(kMaxKeyFileSize)) {
    return KeyFileProblem{file + " is larger than a key",
                          "it should hold 44 characters of base64 and nothing else"};
  }
  return std::nullopt;
}

std::optional<KeyFileProblem> check_owner(const std::string& path, const struct stat& status) {
  if (status.st_uid == 0 || status.st_uid == ::geteuid()) return std::nullopt;
  return KeyFileProblem{"key file " + in_quotes(path) + " belongs to user " + std::to_string(status.st_uid) +
                            ", who could change it",
                        "run: chown root " + path};
}

/// What helps who may not open a file.
std::string how_to_permit(const std::string& path) {
  const auto service = service_user();
  if (!service || service->user != ::geteuid()) return "run as root or as the file's owner";
  return "the service may not read it: run: chown root:tunneld " + path + " && chmod 640 " + path +
         ", and see that it may enter the directory";
}

/// A file that cannot be opened can still be looked at, so that `check` without root finds what it can.
/// `maker`: the subcommand that makes such a key.
KeyFileProblem explain_unopened(const std::string& path, bool is_credential, std::string_view maker,
                                int error) {
  const net::FileDescriptor handle(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (handle.is_open() && ::fstat(handle.get(), &status) == 0) {
    if (auto problem = check_kind_and_mode(path, status, is_credential)) return *problem;
  }
  if (error == EACCES) {
    return {"key file " + in_quotes(path) + " cannot be checked as this user: " + reason(error),
            how_to_permit(path), true};
  }
  return {"cannot open key file " + in_quotes(path) + ": " + reason(error),
          error == ENOENT ? "make it with: tunneld " + std::string(maker) + " -o " + path : ""};
}

KeyFileProblem explain_link(const std::string& path, const UntrustedPath& untrusted) {
  const std::string message = "key file " + in_quotes(path) + " is a symbolic link, and on its way " +
                              in_quotes(untrusted.path) + ' ' + untrusted.reason;
  if (untrusted.error == EACCES) return {message, how_to_permit(path), true};
  if (untrusted.error != 0) {
    return {"key file " + in_quotes(path) + " is a symbolic link that leads nowhere: " +
                in_quotes(untrusted.path) + ": " + untrusted.reason,
            ""};
  }
  return {message + ", who could put another key there",
          "let only root change it, or name the file that the link leads to"};
}

/// Fills `text`, or says why not.
std::optional<KeyFileProblem> read_text(const KeyFile& file, std::string_view maker, KeyText& text) {
  std::string path = file.name;
  if (file.is_credential) {
    const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (directory == nullptr || *directory == '\0') {
      return KeyFileProblem{
          "credential " + in_quotes(file.name) + " cannot be read: CREDENTIALS_DIRECTORY is not set",
          "start the daemon by systemd, with LoadCredential=" + file.name + ":FILE in its unit", true};
    }
    path = std::string(directory) + '/' + file.name;
  }
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  net::FileDescriptor fd(::open(path.c_str(), kFlags));
  if (!fd.is_open() && errno == ELOOP) {
    const auto followed = follow_links(path);
    if (const auto* untrusted = std::get_if<UntrustedPath>(&followed)) return explain_link(path, *untrusted);
    path = std::get<std::string>(followed);
    fd = net::FileDescriptor(::open(path.c_str(), kFlags));
  }
  if (!fd.is_open()) return explain_unopened(path, file.is_credential, maker, errno);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return KeyFileProblem{"cannot examine key file " + in_quotes(path) + ": " + reason(errno), ""};
  }
  if (auto problem = check_kind_and_mode(path, status, file.is_credential)) return problem;
  if (auto problem = check_owner(path, status)) return problem;
  if (const int error = text.read_from(fd.get()); error != 0) {
    return KeyFileProblem{"cannot read key file " + in_quotes(path) + ": " + reason(error), ""};
  }
  return std::nullopt;
}

template <typename Key>
KeyFileResult<Key> read_key(const KeyFile& file, std::string_view maker) {
  KeyText text;
  if (auto problem = read_text(file, maker, text)) return std::move(*problem);
  const std::string_view base64 = text.trimmed();
  // What base64 makes of 32 zero bytes: an empty slot that was never filled.
  const bool is_zero = base64.find_first_not_of('A') == 43;
  auto key = Key::from_base64(base64);
  if (!key || is_zero) {
    return KeyFileProblem{
        "key file " + in_quotes(file.name) + (is_zero ? " holds zeros only" : " holds no key"),
        "it should hold 44 characters of base64, as `tunneld " + std::string(maker) + "` prints"};
  }
  return std::move(*key);
}

}  // namespace

KeyFileResult<crypto::PrivateKey> read_private_key(const KeyFile& file) {
  return read_key<crypto::PrivateKey>(file, "genkey");
}

KeyFileResult<crypto::PresharedKey> read_preshared_key(const KeyFile& file) {
  return read_key<crypto::PresharedKey>(file, "genpsk");
}

}  // namespace tunneld::config

// peers.d/NAME.yaml: a peer that commands add and remove while a daemon runs.
//
// A reload may come at any moment, so the file appears as a whole and only when the configuration is valid
// with it: it is tried from memory first (config::PretendedFile), written under a name that `include` never
// matches, and renamed. Whoever changes the folder holds a lock, so that two commands do not give away one
// address.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/host/file_lock.h"

namespace tunneld::daemon {

class PeerFolder {
 public:
  /// What another command may take at its longest: its daemon's reload.
  static constexpr std::chrono::milliseconds kPatience{30'000};

  /// peers.d beside the configuration. Waits for others that change it. Throws std::system_error, or
  /// std::runtime_error with the holder's name after `patience`.
  explicit PeerFolder(const std::string& config, std::chrono::milliseconds patience = kPatience);

  [[nodiscard]] const std::string& path() const { return path_; }

  /// As config::parse_file() of the same configuration finds it.
  [[nodiscard]] std::string yaml_path(const std::string& peer) const { return path_ + '/' + peer + ".yaml"; }
  [[nodiscard]] std::string preshared_key_path(const std::string& peer) const {
    return path_ + '/' + peer + ".psk";
  }

  /// The folder must be there. Throws std::system_error, also where the file exists.
  void publish(const std::string& peer, std::string_view yaml) const;
  /// What becomes of the preshared key beside a peer's file.
  enum class KeyFile : std::uint8_t { kGoes, kStays };
  /// Throws std::system_error where the peer's file stays; what fails after that is returned in words.
  std::string remove(const std::string& peer, KeyFile preshared_key) const;
  /// Takes away what a command that was killed half way has left of a peer that has no file. Nobody else may
  /// use its preshared key.
  void drop_leftovers(const std::string& peer) const;

 private:
  [[nodiscard]] std::string hidden_path(const std::string& peer) const {
    return path_ + "/." + peer + ".new";
  }

  std::string path_;
  /// Beside the configuration: that directory is there before peers.d is.
  FileLock lock_;
};

}  // namespace tunneld::daemon

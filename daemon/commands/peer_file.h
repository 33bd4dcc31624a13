// peers.d/NAME.yaml, or SERVER.d/NAME.yaml of a server with a name of its own: a peer that commands add and
// remove while a daemon runs.
//
// A reload may come at any moment, so the file appears as a whole, and only if the configuration is valid
// with it: it is first tried from memory (config::PretendedFile), then written under a name that `include`
// never matches, and renamed. A command that changes the folder holds a lock, so that two commands cannot
// give away the same address.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/host/file_lock.h"

namespace tunneld::daemon {

class PeerFolder {
 public:
  /// The longest time that another command may take: its daemon's reload.
  static constexpr std::chrono::milliseconds kPatience{30'000};

  /// Opens the folder beside the configuration. Waits for other commands that change it. Throws
  /// std::system_error, or std::runtime_error with the holder's name after `patience`.
  explicit PeerFolder(const std::string& config, std::chrono::milliseconds patience = kPatience);

  /// Beside NAME.yaml: NAME.d if that exists, otherwise peers.d.
  [[nodiscard]] static std::string folder_of(const std::string& config);
  [[nodiscard]] const std::string& path() const { return path_; }

  /// The path as config::parse_file() of the same configuration finds it.
  [[nodiscard]] std::string yaml_path(const std::string& peer) const { return path_ + '/' + peer + ".yaml"; }
  [[nodiscard]] std::string preshared_key_path(const std::string& peer) const {
    return path_ + '/' + peer + ".psk";
  }

  /// The folder must exist. Throws std::system_error, also if the file exists.
  void publish(const std::string& peer, std::string_view yaml) const;
  /// What happens to the preshared key beside a peer's file.
  enum class KeyFile : std::uint8_t { kGoes, kStays };
  /// Throws std::system_error if the peer's file could not be removed; a later failure is returned as text.
  std::string remove(const std::string& peer, KeyFile preshared_key) const;
  /// Removes what a command that was killed half way has left of a peer that has no file. No other peer may
  /// use its preshared key.
  void drop_leftovers(const std::string& peer) const;

 private:
  [[nodiscard]] std::string hidden_path(const std::string& peer) const {
    return path_ + "/." + peer + ".new";
  }

  std::string path_;
  /// Beside the configuration, because that directory exists before peers.d does.
  FileLock lock_;
};

}  // namespace tunneld::daemon

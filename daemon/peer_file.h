// peers.d/NAME.yaml: a peer that commands add and remove while a daemon runs.
//
// A reload may come at any moment, so the file appears as a whole and only when the configuration is valid
// with it: it is tried from memory first (config::PretendedFile), written under a name that `include` never
// matches, and renamed. Whoever changes the folder holds a lock on it, so that two commands do not give away
// one address.
#pragma once

#include <string>
#include <string_view>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {

class PeerFolder {
 public:
  /// peers.d beside the configuration. Waits for others that change it. Throws std::system_error.
  explicit PeerFolder(const std::string& config);

  [[nodiscard]] const std::string& path() const { return path_; }

  /// As config::parse_file() of the same configuration finds it.
  [[nodiscard]] std::string yaml_path(const std::string& peer) const { return path_ + '/' + peer + ".yaml"; }
  [[nodiscard]] std::string preshared_key_path(const std::string& peer) const {
    return path_ + '/' + peer + ".psk";
  }

  /// The folder must be there. Throws std::system_error, also where the file exists.
  void publish(const std::string& peer, std::string_view yaml) const;
  /// The preshared key goes with it. Throws std::system_error where the peer's file stays; what fails after
  /// that is returned in words.
  std::string remove(const std::string& peer) const;
  /// Takes away what a command that was killed half way has left of a peer that has no file.
  void drop_leftovers(const std::string& peer) const;

 private:
  [[nodiscard]] std::string hidden_path(const std::string& peer) const {
    return path_ + "/." + peer + ".new";
  }

  std::string path_;
  /// Of the configuration: it is there, and locked, before peers.d is.
  net::FileDescriptor lock_;
};

}  // namespace tunneld::daemon

// Tells when /etc/resolv.conf, or another file that holds the host's name servers, may have become another
// one.
//
// Programs write it in three ways: over it (the file is closed after writing), by another file that takes its
// name (rename), and by another link. So what is watched is the directory of each link on the way and of the
// file at its end, for these names; and the file itself where it is a mount of its own, whose directory is
// another. What happened is not told: it only leads to a comparison.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {

class ResolvConfWatch {
 public:
  /// Throws std::system_error.
  ResolvConfWatch();

  /// inotify(7), non-blocking.
  [[nodiscard]] int fd() const { return inotify_.get(); }

  /// These files and no others, by the links that lead to them now; so call it again after each notice. What
  /// cannot be watched is left out. False: nothing can.
  bool watch(const std::vector<std::string>& paths);

  enum class Notice : std::uint8_t {
    kNone,
    kUnfinished,  ///< removed, or made and not yet written: whoever does that may go on
    kDone,
  };
  /// Takes all that there are; the most of them.
  Notice read();

 private:
  struct Place {
    std::filesystem::path path;
    /// In a directory; "" stands for the watched file itself.
    std::set<std::string> names;
  };
  /// By inotify's number.
  using Watched = std::map<int, Place>;

  void follow(Watched& watched, const std::string& path) const;
  void add(Watched& watched, const std::filesystem::path& path, const std::string& name) const;
  Notice meaning(int number, std::uint32_t mask, const std::string& name);

  net::FileDescriptor inotify_;
  Watched watched_;
};

}  // namespace tunneld::daemon

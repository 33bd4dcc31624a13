// Reports when /etc/resolv.conf, or another file with the host's name servers, may have changed.
//
// Programs change it in three ways: they overwrite the file (and close it), rename another file to its name, or
// change the link. So we watch, by name, the directories of each link on the way and of the file at the end. If
// the file itself is a mount, we watch the file, because its directory is elsewhere. A notice does not say what
// happened: it only leads to a comparison.
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

  /// Watches these files and no others, following their present links; so call it again after each notice.
  /// Skips files that cannot be watched. False: none can.
  bool watch(const std::vector<std::string>& paths);

  enum class Notice : std::uint8_t {
    kNone,
    kUnfinished,  ///< removed, or created and not yet written: the program may not be done yet
    kDone,
  };
  /// Reads all pending notices and returns the strongest one.
  Notice read();

 private:
  struct Place {
    std::filesystem::path path;
    /// File names in a directory; "" stands for the watched file itself.
    std::set<std::string> names;
  };
  /// By inotify's watch descriptor.
  using Watched = std::map<int, Place>;

  void follow(Watched& watched, const std::string& path) const;
  void add(Watched& watched, const std::filesystem::path& path, const std::string& name) const;
  Notice meaning(int number, std::uint32_t mask, const std::string& name);

  net::FileDescriptor inotify_;
  Watched watched_;
};

}  // namespace tunneld::daemon

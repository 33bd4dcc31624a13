// The write-ahead journal of host changes: RUN_DIRECTORY/IF.journal, one JSON object a line.
//
//     {"owner":{"pid":4711,"started":"88214",...}}        the owner from here on
//     {"id":1,"change":{"kind":"address",...}}            this is about to be made
//     {"undone":1}                                        change 1 was undone
//
// HostChanges undoes what is pending in it.
//
// A later line with the same id replaces the change.
//
// A change is written before it is made, in one write(2). So whenever the daemon is killed, the file contains at
// least everything that was done. If a crash or a full disk has left an incomplete line, its change was never made.
//
// Whoever holds the interface's lock and opens the journal takes it over, with the pending changes of a dead owner.
// Other runs only read it, to know which settings of the whole host it needs (shared_settings.h).
//
// Changes that come and go all the time (a server may push new configurations again and again) must not fill the
// file system. So if the journal is long, its pending changes are written to a new file, which is then renamed over
// it. The journal is complete at every moment.
//
// The directory is on tmpfs: a reboot removes the journal together with what it describes, and no fsync is
// needed. If it is on a disk, the boot ID in the owner's line shows that the changes are gone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include "common/net/file_descriptor.h"
#include "daemon/host/host_change.h"
#include "daemon/host/journal_owner.h"

namespace tunneld::daemon {

/// The journal is not ours to use; what() says why, and what to do.
class JournalError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Journal {
 public:
  /// Opens or creates it (0600) and becomes its owner. Throws JournalError if its owner is alive, or in
  /// another network namespace, or if somebody else could have written it; std::system_error.
  explicit Journal(const std::string& interface);
  [[nodiscard]] static bool exists(const std::string& interface);
  /// For a start: what a dead run has left in another network namespace cannot be undone here. Its journal becomes
  /// IF@NAMESPACE.journal, which `tunneld cleanup` and the next start in that namespace find. Precondition: the
  /// interface's lock is held. Throws std::system_error.
  static void set_aside_of_other_namespaces(const std::string& interface);
  /// IF@NAMESPACE, for `tunneld cleanup IF`: the name under which the constructor opens what was set aside for this
  /// network namespace; empty if nothing was.
  [[nodiscard]] static std::string set_aside_for_this_namespace(const std::string& interface);

  /// What any journal says.
  struct Content {
    JournalOwner owner;
    std::map<std::uint64_t, HostChange> pending;
  };
  /// Of a journal that may be another run's. nullopt if there is none, or others could have written it. Throws
  /// std::system_error.
  [[nodiscard]] static std::optional<Content> content_of(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Ordered by id, which is the order in which they were made.
  [[nodiscard]] const std::map<std::uint64_t, HostChange>& pending() const { return pending_; }
  /// Returns the id. Throws std::system_error: the change must not be made then.
  std::uint64_t record(const HostChange& change);
  /// Another change is about to be made in its place. Throws as record() does.
  void rewrite(std::uint64_t id, const HostChange& change);
  /// It was undone, or never made. If that cannot be written, it is undone once more after a crash, which
  /// does no harm.
  void forget(std::uint64_t id) noexcept;
  /// Everything is undone.
  void remove() noexcept;

  /// A smaller journal is never rewritten. Bytes.
  static constexpr std::size_t kLong = std::size_t{1} << 20;

 private:
  void read_pending();
  void shorten() noexcept;
  void write_line(const std::string& line);

  std::filesystem::path path_;
  net::FileDescriptor file_;
  /// Of whole lines.
  std::size_t size_ = 0;
  /// It is rewritten at this size.
  std::size_t long_ = kLong;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, HostChange> pending_;
};

}  // namespace tunneld::daemon

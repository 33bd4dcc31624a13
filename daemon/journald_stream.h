// Lines for systemd's journal with fields of their own, by its native protocol
// (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): one datagram for each, without ever waiting for its reader.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {

struct JournalField {
  /// Upper-case letters, digits and underscores.
  std::string_view name;
  /// Any bytes. A field without any is left out.
  std::string_view value;
};

/// The datagram.
[[nodiscard]] std::string journal_entry(std::span<const JournalField> fields);

class JournaldStream {
 public:
  explicit JournaldStream(std::string path = "/run/systemd/journal/socket");

  /// Drops and counts the line if the journal has no room; how many were dropped comes before the next line, in
  /// one with `notice` instead of the fields. False: nobody is there, and the line has to go elsewhere.
  [[nodiscard]] bool write(std::span<const JournalField> fields, std::span<const JournalField> notice);

  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  enum class Sent : std::uint8_t { kYes, kNoRoom, kNobody };
  [[nodiscard]] Sent send(std::string_view entry) const;

  std::string path_;
  net::FileDescriptor socket_;
  std::uint64_t dropped_ = 0;
};

}  // namespace tunneld::daemon

// Writes log lines with fields to systemd's journal, by its native protocol
// (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): one datagram per line, without ever waiting for the journal.
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
  /// Any bytes. An empty field is left out.
  std::string_view value;
};

[[nodiscard]] std::string journal_entry(std::span<const JournalField> fields);

class JournaldStream {
 public:
  explicit JournaldStream(std::string path = "/run/systemd/journal/socket");

  /// Drops and counts the line if the journal has no room. A line with the number of dropped ones, and with the
  /// fields in `notice`, comes before the next line. False: there is no journal, so the line must go elsewhere.
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

#include "daemon/journald_stream.h"

#include <cerrno>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/log_stream.h"

namespace tunneld::daemon {
namespace {

/// Less than what a socket sends at once by default.
constexpr std::size_t kLongestValue = std::size_t{48} * 1024;

}  // namespace

std::string journal_entry(std::span<const JournalField> fields) {
  std::string entry;
  for (const JournalField& field : fields) {
    if (field.value.empty()) continue;
    const std::string_view value = field.value.substr(0, kLongestValue);
    entry += field.name;
    if (value.find('\n') == std::string_view::npos) {
      entry += '=';
    } else {
      entry += '\n';
      for (unsigned shift = 0; shift < 64; shift += 8)
        entry += static_cast<char>((std::uint64_t{value.size()} >> shift) & 0xff);
    }
    entry += value;
    entry += '\n';
  }
  return entry;
}

JournaldStream::JournaldStream(std::string path)
    : path_(std::move(path)), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

JournaldStream::Sent JournaldStream::send(std::string_view entry) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!socket_.is_open() || path_.size() >= sizeof address.sun_path) return Sent::kNobody;
  path_.copy(address.sun_path, path_.size());
  ssize_t sent = 0;
  do {
    // With the address each time: the journal may have been started again.
    sent = ::sendto(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                    reinterpret_cast<const sockaddr*>(&address), sizeof address);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return Sent::kYes;
  return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? Sent::kNoRoom : Sent::kNobody;
}

bool JournaldStream::write(std::span<const JournalField> fields, std::span<const JournalField> notice) {
  if (dropped_ != 0) {
    const std::string words = lines_dropped_in_words(dropped_);
    std::vector<JournalField> all(notice.begin(), notice.end());
    all.push_back({.name = "MESSAGE", .value = words});
    if (send(journal_entry(all)) == Sent::kYes) dropped_ = 0;
  }
  const Sent sent = dropped_ == 0 ? send(journal_entry(fields)) : Sent::kNoRoom;
  if (sent == Sent::kNobody) return false;
  if (sent == Sent::kNoRoom) ++dropped_;
  return true;
}

}  // namespace tunneld::daemon

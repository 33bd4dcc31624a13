// Which peer and what kind of event a log line is about: fields of the systemd journal (docs/unit.md), beside the
// words for people.
//
// The fields belong to a scope of the code and not to a call of log::info(): one line names the peer for all that an event
// causes to be logged, in other files, too.
#pragma once

#include <string_view>

namespace tunneld::log {

struct Subject {
  std::string_view event{};
  std::string_view peer{};
};

/// Of the lines that this thread logs now.
inline thread_local constinit Subject the_subject{};

/// Sets the subject until the end of the scope; what is empty stays as it was. The texts must live as long.
class About {
 public:
  explicit About(std::string_view event, std::string_view peer = {}) : before_(the_subject) {
    if (!event.empty()) the_subject.event = event;
    if (!peer.empty()) the_subject.peer = peer;
  }
  ~About() { the_subject = before_; }
  About(const About&) = delete;
  About& operator=(const About&) = delete;

 private:
  Subject before_;
};

}  // namespace tunneld::log

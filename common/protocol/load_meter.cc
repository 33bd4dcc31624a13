#include "common/protocol/load_meter.h"

#include <algorithm>

namespace tunneld::protocol {

bool LoadMeter::Bucket::add(double rate, double burst, Instant now) {
  const double elapsed = std::chrono::duration<double>(now - updated).count();
  level = std::max(0.0, level - elapsed * rate);
  updated = now;
  if (level + 1 > burst) {
    loaded_until = now + kSticky;
  } else {
    level += 1;
  }
  return now < loaded_until;
}

bool LoadMeter::under_load(const net::IpAddress& source, Instant now) {
  Bucket* bucket = sources_.find_or_add(source, now);
  const bool source_loaded = bucket != nullptr && bucket->add(kSourceRate, kSourceBurst, now);
  if (source_loaded) return true;
  return total_.add(kTotalRate, kTotalBurst, now);
}

}  // namespace tunneld::protocol

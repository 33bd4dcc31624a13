#include "common/protocol/rate_limiter.h"

#include <algorithm>

namespace tunneld::protocol {

bool RateLimiter::allow(const net::IpAddress& source, Instant now) {
  Bucket* bucket = sources_.find_or_add(source, now);
  if (bucket == nullptr) return false;
  if (!bucket->filled) *bucket = {.filled = true, .tokens = kBurst, .updated = now};
  bucket->tokens = std::min(kBurst, bucket->tokens + (now - bucket->updated));
  bucket->updated = now;
  if (bucket->tokens < kCost) return false;
  bucket->tokens -= kCost;
  return true;
}

}  // namespace tunneld::protocol

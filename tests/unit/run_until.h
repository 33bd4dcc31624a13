// Turning an event loop until something has happened, however slow the machine is.
#pragma once

#include <chrono>

#include <boost/asio/io_context.hpp>

namespace tunneld {

/// Whether it came true within ten seconds.
template <typename Condition>
[[nodiscard]] bool run_until(boost::asio::io_context& io, const Condition& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!holds() && std::chrono::steady_clock::now() < end) {
    io.run_one_for(std::chrono::milliseconds(20));
    io.restart();
  }
  return holds();
}

}  // namespace tunneld

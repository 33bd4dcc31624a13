#include "daemon/commands/qr_code.h"

#include <cerrno>
#include <memory>
#include <system_error>

#include <qrencode.h>
#include <sodium.h>

namespace tunneld::daemon {
namespace {

constexpr int kQuietZone = 4;

/// The modules encode a private key, so they are wiped.
struct Wipe {
  void operator()(QRcode* code) const {
    sodium_memzero(code->data, static_cast<std::size_t>(code->width) * static_cast<std::size_t>(code->width));
    ::QRcode_free(code);
  }
};

}  // namespace

crypto::SecretText qr_for_terminal(std::string_view text) {
  // The lowest redundancy gives the smallest picture, and a screen does not get scratched.
  const std::unique_ptr<QRcode, Wipe> code(::QRcode_encodeData(
      static_cast<int>(text.size()), reinterpret_cast<const unsigned char*>(text.data()), 0, QR_ECLEVEL_L));
  if (!code) throw std::system_error(errno, std::generic_category(), "QR code");
  const auto is_dark = [&code](int x, int y) {
    const int width = code->width;
    if (x < 0 || y < 0 || x >= width || y >= width) return false;
    return (code->data[y * width + x] & 1U) != 0;
  };
  crypto::SecretText out;
  // Each line has up to width + 8 characters of 3 bytes, so that the text never has to grow.
  const auto side = static_cast<std::size_t>(code->width) + std::size_t{2} * kQuietZone;
  out.reserve(side * (side * 3 + 40));
  for (int y = -kQuietZone; y < code->width + kQuietZone; y += 2) {
    out += "\x1b[38;5;16;48;5;231m";
    for (int x = -kQuietZone; x < code->width + kQuietZone; ++x) {
      const bool upper = is_dark(x, y);
      const bool lower = is_dark(x, y + 1);
      out += upper ? (lower ? "\u2588" : "\u2580") : (lower ? "\u2584" : " ");
    }
    out += "\x1b[0m\n";
  }
  return out;
}

}  // namespace tunneld::daemon

// Functions over all options. Their rows are in config/option.h and the sections' files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace tunneld::config {

/// What a reload does with a new value: it becomes effective, or waits until the daemon starts again.
enum class Reload : std::uint8_t { kTakes, kNeedsRestart };

/// Stands for wg-quick's key of a section in which some options have a key and others have none.
inline constexpr std::string_view kByItsOptions = "by its options";

/// An option as the documentation describes it.
struct OptionWords {
  /// "interface.mtu"
  std::string path;
  /// Valid values.
  std::string values;
  /// The default, or "required".
  std::string otherwise;
  Reload reload = Reload::kTakes;
  /// Its key in files of wg-quick(8); empty if they have none.
  std::string wg_quick;
  /// Whether it is a mapping, whose options follow.
  bool has_options = false;
};

/// All of them in the order of the table, those of `push` and `dns` once for each section that has them.
[[nodiscard]] std::vector<OptionWords> all_options();

/// Gives `wanted` the running value of what needs a restart. Returns the names of what differed.
[[nodiscard]] std::vector<std::string> keep_until_restart(const Config& running, Config& wanted);

}  // namespace tunneld::config

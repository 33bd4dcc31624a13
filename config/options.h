// What is said of the options as a whole. config/option.h has the rows that it comes from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace tunneld::config {

/// What a reload does with a new value: it becomes effective, or waits until the daemon starts again.
enum class Reload : std::uint8_t { kTakes, kNeedsRestart };

/// In place of wg-quick's word for a section: some of its options have one, others do not.
inline constexpr std::string_view kByItsOptions = "by its options";

/// An option as documentation has it.
struct OptionWords {
  /// "interface.mtu"
  std::string path;
  /// What may be written.
  std::string values;
  /// What holds without it: the default, or "required".
  std::string otherwise;
  Reload reload = Reload::kTakes;
  /// Its key in files of wg-quick(8); empty where they have none for it.
  std::string wg_quick;
  /// Whether it is a mapping, whose options follow.
  bool has_options = false;
};

/// All of them in the order of the table, those of `push` and `dns` once for each section that has them.
[[nodiscard]] std::vector<OptionWords> all_options();

/// Gives `wanted` the running value of what needs a restart. Returns the names of what differed.
[[nodiscard]] std::vector<std::string> keep_until_restart(const Config& running, Config& wanted);

}  // namespace tunneld::config

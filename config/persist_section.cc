// `persist:` of the interface: a device that outlives the daemon, to whom it belongs, and how many
// queues it has.

#include "config/accounts.h"
#include "config/sections.h"

namespace tunneld::config {
namespace {

constexpr Option<PersistConfig> kPersistOptions[] = {
    {.key = "owner",
     .values = kUserValues,
     .unset = "none",
     .value = value<&PersistConfig::owner, read_user>()},
    {.key = "group",
     .values = kGroupValues,
     .unset = "none",
     .value = value<&PersistConfig::group, read_group>()},
    {.key = "queues",
     .values = "a number from 1 to 256",
     .unset = "one",
     .value = value<&PersistConfig::queues, read_number<unsigned, 1, kMostQueues>>()},
};

}  // namespace

Options<PersistConfig> persist_options() {
  return kPersistOptions;
}

bool read_short_persist(const Node& node, std::optional<PersistConfig>& persist) {
  if (node.is_map()) return false;
  if (node.choice(kBools).value_or(false)) persist.emplace();
  return true;
}

void show_persist(std::string_view key, const std::optional<PersistConfig>& persist, YamlWriter& out) {
  if (!persist || *persist == PersistConfig()) return out.line(key, persist ? "true" : "false");
  out.begin(key);
  show_options(persist_options(), *persist, out);
  out.end();
}

}  // namespace tunneld::config

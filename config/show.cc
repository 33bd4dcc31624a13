#include "config/show.h"

#include "config/sections.h"

namespace tunneld::config {

std::string show(const Config& config) {
  YamlWriter out;
  const Option<Config>* peers = nullptr;
  for (const Option<Config>& option : config_options()) {
    if (option.key == "peers") {
      peers = &option;
    } else {
      option.value.show(option.key, config, out);
    }
  }
  // Last, because there may be thousands.
  peers->value.show(peers->key, config, out);
  return out.take();
}

}  // namespace tunneld::config

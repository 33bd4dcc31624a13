// `client:`: what a client takes from its servers.

#include "config/sections.h"

namespace tunneld::config {

ClientConfig read_client(const Node& node) {
  ClientConfig client;
  Mapping keys(node);
  keys.finish();
  return client;
}

}  // namespace tunneld::config

// `server:`: what a server does for its clients.

#include "config/sections.h"

namespace tunneld::config {

ServerConfig read_server(const Node& node) {
  ServerConfig server;
  Mapping keys(node);
  keys.finish();
  return server;
}

}  // namespace tunneld::config

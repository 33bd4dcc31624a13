#include "daemon/host/changes/kind.h"

#include "common/net/interface_name.h"

namespace tunneld::daemon {

const char* in_words(Standing standing) {
  switch (standing) {
    case Standing::kNoDevice:
      return " (the device was renamed or moved to another network namespace)";
    case Standing::kTaken:
      return " (it belongs to something else now)";
    case Standing::kOthersKeep:
      return " (another program manages the host's name servers now; `tunneld reload` gives them to it)";
    case Standing::kNoAnswer:
      return " (the program that manages the host's name servers does not answer)";
    case Standing::kStands:
    case Standing::kMissing:
      break;
  }
  return "";
}

Standing standing_if(bool stands) {
  return stands ? Standing::kStands : Standing::kMissing;
}

void Interface::look_up() {
  const auto found = net::interface_index(name);
  if (!found) throw net::NetlinkError(net::NetlinkError::Reason::kNotFound, name + ": no such interface");
  index = *found;
}

bool Interface::is_there() const {
  return net::interface_index(name) == index;
}

Json Interface::to_json() const {
  return {{"interface", name}, {"index", index}};
}

Interface Interface::from_json(const Json& json) {
  return {.name = json.at("interface"), .index = json.at("index")};
}

}  // namespace tunneld::daemon

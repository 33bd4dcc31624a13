#include "daemon/host/changes/sysctl.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "common/net/file_descriptor.h"

namespace tunneld::daemon {
namespace {

[[noreturn]] void throw_error(int error, const std::string& name) {
  throw std::system_error(error, std::generic_category(), "sysctl " + name);
}

net::FileDescriptor open_sysctl(const std::string& name, int flags) {
  // Names also come from the journal. None may lead out of /proc/sys.
  if (name.empty() || name.front() == '/' || ("/" + name + "/").find("/../") != std::string::npos) {
    throw_error(EINVAL, name);
  }
  return net::FileDescriptor(::open(("/proc/sys/" + name).c_str(), flags | O_CLOEXEC));
}

}  // namespace

std::optional<std::string> read_sysctl(const std::string& name) {
  const net::FileDescriptor file = open_sysctl(name, O_RDONLY);
  if (!file.is_open()) {
    if (errno == ENOENT) return std::nullopt;
    throw_error(errno, name);
  }
  std::array<char, 4096> text;
  const ssize_t length = ::read(file.get(), text.data(), text.size());
  if (length < 0) throw_error(errno, name);
  std::string value(text.data(), static_cast<std::size_t>(length));
  if (value.ends_with('\n')) value.pop_back();
  return value;
}

void write_sysctl(const std::string& name, const std::string& value) {
  const net::FileDescriptor file = open_sysctl(name, O_WRONLY);
  if (!file.is_open()) throw_error(errno, name);
  if (::write(file.get(), value.data(), value.size()) < 0) throw_error(errno, name);
}

std::string SysctlSet::in_words() const {
  return "sysctl " + name + " = " + value;
}

Json SysctlSet::to_json() const {
  Json object{{"name", name}, {"value", value}};
  put_optional(object, "before", before);
  return object;
}

std::optional<SysctlSet> SysctlSet::from_json(const Json& json) {
  return SysctlSet{.name = json.at("name"),
                   .value = json.at("value"),
                   .before = get_optional<std::string>(json, "before")};
}

Preparation SysctlSet::prepare(net::Netlink&) {
  before = read_sysctl(name);
  if (!before && is_wish) return Preparation::kAlreadyThere;
  if (!before) throw std::system_error(ENOENT, std::generic_category(), "sysctl " + name);
  return *before == value ? Preparation::kAlreadyThere : Preparation::kReady;
}

void SysctlSet::apply(net::Netlink&) const {
  write_sysctl(name, value);
}

Undone SysctlSet::undo(net::Netlink&) const {
  const auto present = read_sysctl(name);
  if (!present) return Undone::kDeviceGone;
  if (!before || *present == *before) return Undone::kDone;
  if (*present != value) return Undone::kNotOurs;
  write_sysctl(name, *before);
  return Undone::kDone;
}

Standing SysctlSet::standing(HostState&) const {
  return Standing::kStands;  // a setting that others change is theirs from then on
}

}  // namespace tunneld::daemon

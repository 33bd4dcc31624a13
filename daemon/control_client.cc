#include "daemon/control_client.h"

#include <algorithm>
#include <filesystem>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "daemon/run_directory.h"

namespace tunneld::daemon {

nlohmann::json ask(const std::string& interface, const std::string& command) {
  boost::asio::io_context io;
  boost::asio::local::stream_protocol::socket socket(io);
  boost::system::error_code error;
  const std::string path = control_path(interface);
  socket.connect(path, error);
  if (error == boost::asio::error::access_denied) {
    throw ControlError(ExitCode::kNotPermitted, "not permitted to open " + path + ": run as root");
  }
  if (error)
    throw NotRunning(ExitCode::kRuntimeFailure, "no tunneld runs on " + interface + " (" + path + ")");
  boost::asio::write(socket, boost::asio::buffer(nlohmann::json{{"command", command}}.dump() + "\n"), error);
  std::string reply;
  boost::asio::read_until(socket, boost::asio::dynamic_buffer(reply), '\n', error);
  nlohmann::json json = nlohmann::json::parse(reply, nullptr, false);
  if (error || json.is_discarded()) {
    throw ControlError(ExitCode::kRuntimeFailure, "the daemon of " + interface + " did not answer");
  }
  if (json.is_object() && json.contains("error")) {
    throw ControlError(ExitCode::kRuntimeFailure, json["error"].get<std::string>());
  }
  return json;
}

std::vector<std::string> running_interfaces() {
  std::vector<std::string> interfaces;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run_directory(), error)) {
    if (entry.path().extension() == ".sock") interfaces.push_back(entry.path().stem());
  }
  std::sort(interfaces.begin(), interfaces.end());
  return interfaces;
}

std::string choose_interface(const std::string& name) {
  if (!name.empty()) return name;
  const auto interfaces = running_interfaces();
  if (interfaces.empty()) throw ControlError(ExitCode::kRuntimeFailure, "no tunneld is running");
  if (interfaces.size() > 1) {
    std::string all;
    for (const std::string& interface : interfaces) all += " " + interface;
    throw ControlError(ExitCode::kBadUsage, "several interfaces are up, name one:" + all);
  }
  return interfaces.front();
}

}  // namespace tunneld::daemon

// What the client commands share: they read the server's configuration and have its daemon reload.
#pragma once

#include <stdexcept>
#include <string>

#include "config/load_keys.h"
#include "config/parse.h"
#include "daemon/commands/client_files.h"
#include "daemon/exit_code.h"

namespace tunneld::daemon {

/// Ends the command: what() goes to stderr, and this is the exit code.
class CommandError : public std::runtime_error {
 public:
  CommandError(ExitCode code, const std::string& words) : std::runtime_error(words), code_(code) {}
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// `given`; if that is the default and does not exist, the only server's configuration beside it. Throws
/// CommandError if there are several.
[[nodiscard]] std::string server_configuration(const std::string& given);
/// The configuration; warnings go to stderr. Throws CommandError with all errors in it, also if it is not a
/// server's.
[[nodiscard]] config::Config read_server(const std::string& path);
/// Throws CommandError.
[[nodiscard]] config::Keys read_keys(const config::Config& config);
/// `given` (a host, optionally with a port) or server.endpoint. Throws CommandError, which says what to do.
[[nodiscard]] config::PeerEndpoint server_endpoint(const config::Config& server, const std::string& given);

/// nullptr if there is none.
[[nodiscard]] const config::PeerConfig* find_peer(const config::Config& config, const std::string& name);

/// Who uses this key file, apart from the peer `but_for`: "peer 'bob' (server.yaml:9:5)"; empty if nobody
/// does. Links and other spellings of a path count as the same file.
[[nodiscard]] std::string user_of_key_file(const config::Config& config, const std::string& path,
                                           const std::string& but_for);

enum class Reloaded : std::uint8_t { kYes, kNobodyRuns };
/// Has the daemon of `interface` reload, and checks that it then knows, or does not know, `key`. Throws
/// CommandError.
[[nodiscard]] Reloaded reload_with(const std::string& interface, const crypto::PublicKey& key, bool is_known);

/// Runs a command; prints what it throws and returns its exit code.
template <typename Command>
[[nodiscard]] ExitCode run_command(Command command);
[[nodiscard]] ExitCode say(const std::exception& error);

template <typename Command>
ExitCode run_command(Command command) {
  try {
    return command();
  } catch (const std::exception& error) {
    return say(error);
  }
}

}  // namespace tunneld::daemon

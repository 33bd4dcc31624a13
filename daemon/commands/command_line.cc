#include "daemon/commands/command_line.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/json.h"
#include "common/log_level.h"
#include "config/parse.h"
#include "daemon/commands/check_command.h"
#include "daemon/commands/cleanup.h"
#include "daemon/commands/client_command_line.h"
#include "daemon/commands/control_client.h"
#include "daemon/commands/doctor_command.h"
#include "daemon/commands/file_command_line.h"
#include "daemon/commands/key_commands.h"
#include "daemon/host/interface_lock.h"
#include "daemon/host/journal.h"
#include "daemon/run.h"
#include "daemon/status.h"

namespace tunneld::daemon {
namespace {

constexpr std::chrono::seconds kStopPatience{10};

ExitCode show_status(const std::string& interface, bool json) {
  const Json status = ask(choose_interface(interface), "status");
  std::cout << (json ? status.dump(2) + "\n" : render_status(status));
  return ExitCode::kFine;
}

ExitCode reload(const std::string& interface) {
  const Json reply = ask(choose_interface(interface), "reload");
  const auto& peers = reply.at("peers");
  std::cout << "reloaded " << reply.at("reloaded").get<std::string>() << ": "
            << peers.at("added").get<std::size_t>() << " peers added, "
            << peers.at("removed").get<std::size_t>() << " removed, "
            << peers.at("changed").get<std::size_t>() << " changed\n";
  for (const auto& note : reply.at("notes")) std::cout << note.get<std::string>() << "\n";
  return ExitCode::kFine;
}

ExitCode bring_down(const std::string& name) {
  const std::string interface = choose_interface(name);
  try {
    [[maybe_unused]] const Json reply = ask(interface, "down");
  } catch (const NotRunning&) {
    // It was killed, and may have left a kill switch closed.
    if (!Journal::exists(interface)) throw;
    return clean_up(interface);
  }
  if (InterfaceLock::wait_until_free(interface, kStopPatience)) return ExitCode::kFine;
  std::cerr << "tunneld: " << interface << " is still stopping\n";
  return ExitCode::kRuntimeFailure;
}

/// A command on a running interface, which may also be named by its configuration: a systemd unit knows only
/// that.
CLI::App* add_interface_command(CLI::App& app, const char* name, const char* words, const char* which,
                                std::string& interface, std::string& config) {
  CLI::App* command = app.add_subcommand(name, words);
  CLI::Option* by_name = command->add_option("interface", interface, which)->type_name("IF");
  command->add_option("--config", config, "Use the interface of this configuration")
      ->type_name("FILE")
      ->excludes(by_name);
  return command;
}

/// Throws ControlError.
std::string interface_of(const std::string& path) {
  const config::ParseResult parsed = config::parse_file(path);
  if (parsed.config) return parsed.config->interface.name.value;
  std::string words = to_string(parsed.diagnostics);
  if (words.ends_with('\n')) words.pop_back();
  throw ControlError(ExitCode::kBadUsage, words);
}

std::vector<std::string> level_words() {
  std::vector<std::string> words(log::kLevelWords.size());
  std::ranges::transform(log::kLevelWords, words.begin(), &log::LevelWord::word);
  return words;
}

}  // namespace

ExitCode run_command_line(int argc, char** argv) {
  CLI::App app("tunneld: a VPN daemon that speaks WireGuard", "tunneld");
  app.set_version_flag("--version", "tunneld " TUNNELD_VERSION);
  app.footer("Exit codes: 0 fine, 1 runtime failure, 2 bad usage or configuration, 3 not permitted.");
  app.require_subcommand(0, 1);

  RunOptions run;
  app.add_option("--config", run.config, "Run in the foreground with this configuration")->type_name("FILE");
  std::string log_level;
  app.add_option("--log-level", log_level,
                 "trace, debug, info, warning or error; overrides the configuration")
      ->type_name("LEVEL")
      ->check(CLI::IsMember(level_words()));

  CheckOptions check;
  CLI::App* check_command =
      app.add_subcommand("check", "Check a configuration; changes nothing, needs no root");
  check_command->add_option("--config", check.config)->type_name("FILE")->required();
  check_command->add_flag("--show", check.show, "Print the effective configuration, defaults filled in");
  check_command->add_flag("--plan", check.plan, "Print every change to the host that a start would make");

  std::string key_file;
  CLI::App* genkey = app.add_subcommand("genkey", "Make a private key, in base64 as wg does");
  genkey
      ->add_option("-o", key_file,
                   "Write it to a new file that only its owner may read, and print the public key")
      ->type_name("FILE");
  CLI::App* pubkey =
      app.add_subcommand("pubkey", "Read a private key from standard input, print its public key");
  CLI::App* genpsk = app.add_subcommand("genpsk", "Make a preshared key");
  genpsk->add_option("-o", key_file, "Write it to a new file that only its owner may read")
      ->type_name("FILE");

  const FileCommandLine files(app);
  const ClientCommandLine client(app);

  std::string interface;
  std::string its_config;
  bool json = false;
  CLI::App* status = add_interface_command(app, "status", "Show a running interface and its peers",
                                           "Required if several are up", interface, its_config);
  status->add_flag("--json", json, "Print JSON (docs/control_socket.md)");
  CLI::App* down = add_interface_command(app, "down", "Stop a running interface and undo what it changed",
                                         "Required if several are up", interface, its_config);
  CLI::App* reload_command =
      add_interface_command(app, "reload", "Read the configuration again, without dropping sessions",
                            "Required if several are up", interface, its_config);
  CLI::App* cleanup = add_interface_command(app, "cleanup", "Undo what a killed run left behind",
                                            "Default: all", interface, its_config);
  bool kept_closed = false;
  cleanup->add_flag("--keep-closed", kept_closed, "Undo everything except a kill switch");

  std::string patient;
  CLI::App* doctor = app.add_subcommand("doctor", "Find out why a tunnel is down");
  doctor->add_option("peer", patient, "Default: all peers")->type_name("PEER");
  doctor->add_option("--interface", interface, "Required if several are up")->type_name("IF");
  doctor->add_option("--config", its_config, "Use the interface of this configuration")->type_name("FILE");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ExitCode::kFine : ExitCode::kBadUsage;
  }
  try {
    if (*check_command) return check_config(check);
    if (*genkey) return generate_private_key(key_file);
    if (*pubkey) return print_public_key();
    if (*genpsk) return generate_preshared_key(key_file);
    if (files.is_asked_for()) return files.run();
    if (client.is_asked_for()) return client.run();
    if (!its_config.empty()) interface = interface_of(its_config);
    if (*status) return show_status(interface, json);
    if (*down) return bring_down(interface);
    if (*reload_command) return reload(interface);
    if (*doctor) return examine(choose_interface(interface), patient);
    if (*cleanup) return clean_up(interface, kept_closed);
  } catch (const ControlError& error) {
    std::cerr << "tunneld: " << error.what() << "\n";
    return error.code();
  }
  run.log_level = log::level_of(log_level);
  if (!run.config.empty()) return run_daemon(run);
  std::cerr << app.help();
  return ExitCode::kBadUsage;
}

}  // namespace tunneld::daemon

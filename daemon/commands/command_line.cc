// The command line of `tunneld`. The only file that sees CLI11, whose header takes seconds to compile.

#include "daemon/commands/command_line.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/log_level.h"
#include "daemon/commands/check_command.h"
#include "daemon/commands/cleanup.h"
#include "daemon/commands/client_commands.h"
#include "daemon/commands/control_client.h"
#include "daemon/commands/doctor_command.h"
#include "daemon/commands/export_command.h"
#include "daemon/commands/import_command.h"
#include "daemon/commands/init_command.h"
#include "daemon/commands/interface_commands.h"
#include "daemon/commands/key_commands.h"
#include "daemon/commands/names_command.h"
#include "daemon/commands/wait_command.h"
#include "daemon/logging.h"
#include "daemon/run.h"

namespace tunneld::daemon {
namespace {

/// The command line of the commands that write configurations: `tunneld init`, `import` and `export`.
class FileCommandLine {
 public:
  /// Must outlive the parsing of `app`.
  explicit FileCommandLine(CLI::App& app);
  FileCommandLine(const FileCommandLine&) = delete;
  FileCommandLine& operator=(const FileCommandLine&) = delete;
  ~FileCommandLine() = default;
  [[nodiscard]] bool is_asked_for() const {
    return init_->parsed() || import_command_->parsed() || export_command_->parsed();
  }
  [[nodiscard]] ExitCode run() const;

 private:
  void add_init();
  void add_export();

  InitOptions site_{.directory = {}, .name = "site"};
  InitOptions own_client_{.directory = {}, .name = "client"};
  InitServerOptions server_;
  ImportOptions import_;
  ExportOptions export_;
  std::string client_;
  std::string endpoint_;
  CLI::App* init_;
  CLI::App* import_command_;
  CLI::App* export_command_;
  CLI::App* init_site_ = nullptr;
  CLI::App* init_server_ = nullptr;
};

FileCommandLine::FileCommandLine(CLI::App& app)
    : init_(app.add_subcommand("init", "Write a commented configuration with fresh keys")),
      import_command_(app.add_subcommand("import",
                                         "Make a configuration and its key files from a file for wg-quick; "
                                         "says what becomes of an OpenVPN profile")),
      export_command_(
          app.add_subcommand("export", "Print a configuration, with its keys, as a file for wg-quick")) {
  add_init();
  import_command_->add_option("file", import_.file, "INTERFACE.conf")->type_name("FILE")->required();
  import_command_->add_option("-o", import_.directory, "Where to write; default: the current directory")
      ->type_name("DIR");
  add_export();
}

void FileCommandLine::add_init() {
  init_->require_subcommand(1);
  init_site_ =
      init_->add_subcommand("site", "Both ends of a site-to-site link, in DIR/site-a and DIR/site-b");
  init_site_->add_option("--dir", site_.directory)->type_name("DIR")->required();
  const char* const kNameWords = "Name of the connection, of its files and of its interface";
  init_site_->add_option("--name", site_.name, kNameWords)->type_name("NAME")->capture_default_str();
  init_server_ = init_->add_subcommand("server", "A server for clients");
  init_server_->add_option("--dir", server_.directory)->type_name("DIR")->required();
  init_server_->add_option("--name", server_.name, kNameWords)->type_name("NAME")->capture_default_str();
  init_server_
      ->add_option("--endpoint", server_.endpoint, "The name or address at which clients reach this server")
      ->type_name("HOST[:PORT]");
  init_server_
      ->add_option(
          "--pool", server_.pools,
          "Networks of the clients' addresses; default: 10.8.0.0/24 or a random one, and a random IPv6 one")
      ->type_name("NETWORK");
  init_server_
      ->add_option(
          "--internet", server_.internet,
          "Give clients Internet access through this interface: forward, masquerade, push a default route")
      ->type_name("IF");
  CLI::App* client =
      init_->add_subcommand("client", "A client that makes its own key; see also `client add`");
  client->add_option("--dir", own_client_.directory)->type_name("DIR")->required();
  client->add_option("--name", own_client_.name, kNameWords)->type_name("NAME")->capture_default_str();
}

void FileCommandLine::add_export() {
  export_command_
      ->add_option("name", client_, "A client of this server: export its side, as far as the server knows it")
      ->type_name("CLIENT");
  export_command_->add_option("--config", export_.config)->type_name("FILE")->required();
  export_command_->add_option("-o", export_.output, "Write it to a new file that only its owner may read")
      ->type_name("FILE");
  export_command_
      ->add_option("--endpoint", endpoint_, "Where that client reaches the server; default: server.endpoint")
      ->type_name("HOST[:PORT]");
}

ExitCode FileCommandLine::run() const {
  if (*import_command_) return import_wg_quick(import_);
  if (*export_command_ && client_.empty()) return export_wg_quick(export_);
  if (*export_command_) {
    ClientOptions client;
    client.config = export_.config;
    client.name = client_;
    return export_client(client, endpoint_, export_.output);
  }
  if (*init_site_) return init_site_to_site(site_);
  return *init_server_ ? init_server(server_) : init_client(own_client_);
}

/// The command line of `tunneld client add | remove | list`.
class ClientCommandLine {
 public:
  /// Must outlive the parsing of `app`.
  explicit ClientCommandLine(CLI::App& app);
  ClientCommandLine(const ClientCommandLine&) = delete;
  ClientCommandLine& operator=(const ClientCommandLine&) = delete;
  ~ClientCommandLine() = default;
  [[nodiscard]] bool is_asked_for() const { return command_->parsed(); }
  [[nodiscard]] ExitCode run() const;

 private:
  ClientAddOptions add_;
  ClientOptions other_;
  CLI::App* command_;
  CLI::App* add_command_;
  CLI::App* remove_command_;
};

ClientCommandLine::ClientCommandLine(CLI::App& app)
    : command_(app.add_subcommand("client", "Manage the clients of a server")),
      add_command_(command_->add_subcommand("add", "Add a client: its keys, its address, its own files")),
      remove_command_(command_->add_subcommand("remove", "Remove a client; its session ends at once")) {
  command_->require_subcommand(1);
  CLI::App* list = command_->add_subcommand("list", "List clients: names, addresses, last handshakes");
  for (CLI::App* command : {remove_command_, list}) {
    command->add_option("--config", other_.config, "The server's configuration")
        ->type_name("FILE")
        ->capture_default_str();
  }
  remove_command_->add_option("name", other_.name)->type_name("NAME")->required();
  list->add_flag("--json", other_.json, "Print JSON");

  add_command_->add_option("name", add_.name)->type_name("NAME")->required();
  add_command_->add_option("--config", add_.config, "The server's configuration")
      ->type_name("FILE")
      ->capture_default_str();
  add_command_->add_flag("--wg", add_.wg,
                         "For any WireGuard: write a file for wg-quick and similar programs");
  add_command_->add_flag("--qr", add_.qr,
                         "For a phone: print that file as a QR code; write it only if --out is given");
  add_command_->add_option("--out", add_.directory, "Where the client's files go; default: ./NAME")
      ->type_name("DIR");
  add_command_->add_option("--address", add_.addresses, "Its address; default: the lowest free one")
      ->type_name("ADDRESS");
  add_command_->add_option("--group", add_.group, "The group whose access rules apply to it")
      ->type_name("GROUP");
  add_command_
      ->add_option("--public-key", add_.public_key,
                   "Its public key, if it has made its own key; no private key is made then")
      ->type_name("KEY");
  add_command_
      ->add_option("--endpoint", add_.endpoint, "Where it reaches the server; default: server.endpoint")
      ->type_name("HOST[:PORT]");
  add_command_->add_flag("--all-traffic", add_.all_traffic, "Send everything through the tunnel");
  add_command_->add_flag("--no-preshared-key", add_.no_preshared_key, "Make no preshared key");
}

ExitCode ClientCommandLine::run() const {
  if (*add_command_) return add_client(add_);
  if (*remove_command_) return remove_client(other_);
  return list_clients(other_);
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

std::vector<std::string> level_words() {
  std::vector<std::string> words(log::kLevelWords.size());
  std::ranges::transform(log::kLevelWords, words.begin(), &log::LevelWord::word);
  return words;
}

}  // namespace

ExitCode run_command_line(int argc, char** argv) {
  CLI::App app("tunneld: a VPN daemon that speaks WireGuard", "tunneld");
  app.set_version_flag("--version", "tunneld " TUNNELD_VERSION);
  app.footer(
      "Exit codes: 0 fine, 1 runtime failure, 2 bad usage or configuration, 3 not permitted, "
      "4 timed out (wait).");
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
  check_command->add_option("--config", check.config, "Required, except with --schema")->type_name("FILE");
  check_command->add_flag("--schema", check.schema, "Print the JSON schema of configurations, for editors");
  check_command->callback([&check] {
    if (!check.schema && check.config.empty()) throw CLI::RequiredError("--config");
    if (check.schema && !check.config.empty()) throw CLI::ExcludesError("--schema", "--config");
  });
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
  CLI::App* cleanup = add_interface_command(app, "cleanup", "Undo the changes that a killed run has left",
                                            "Default: all", interface, its_config);
  bool kept_closed = false;
  cleanup->add_flag("--keep-closed", kept_closed, "Undo everything except a kill switch");
  bool on_stop = false;
  cleanup->add_flag("--on-stop", on_stop, "For a unit that is stopped together with the daemon's");

  // Of a unit alone, so not in the help.
  CLI::App* names =
      app.add_subcommand("names-helper", "Set the host's name servers for daemons that are not root");
  names->group("");

  WaitOptions wait;
  CLI::App* wait_command =
      add_interface_command(app, "wait", "Wait until a tunnel is up; may be started before its daemon",
                            "Required if several are up", interface, its_config);
  std::string awaited = "session";
  wait_command
      ->add_option("--for", awaited,
                   "session: a session with any peer; configured: a configuration from the server")
      ->check(CLI::IsMember({"session", "configured"}))
      ->capture_default_str();
  wait_command->add_option("--timeout", wait.timeout, "Such as 30s or 2m; default: without limit")
      ->type_name("TIME");

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
    if (*names) return help_with_names();
    if (*genkey) return generate_private_key(key_file);
    if (*pubkey) return print_public_key();
    if (*genpsk) return generate_preshared_key(key_file);
    if (files.is_asked_for()) return files.run();
    if (client.is_asked_for()) return client.run();
    if (!its_config.empty()) interface = interface_of(its_config);
    if (*status) return show_status(interface, json);
    if (*down) return bring_down(interface);
    if (*wait_command) {
      wait.interface = interface;
      wait.configured = awaited == "configured";
      return wait_for_tunnel(wait);
    }
    if (*reload_command) return reload(interface);
    if (*doctor) return examine(choose_interface(interface), patient);
    if (*cleanup) {
      if (on_stop) return clean_up_on_stop(interface);
      return clean_up(interface, kept_closed ? Cleanup::kAllButKillSwitch : Cleanup::kEverything);
    }
  } catch (const ControlError& error) {
    print_error(error.what());
    return error.code();
  }
  run.log_level = log::level_of(log_level);
  if (!run.config.empty()) {
    const ExitCode code = run_daemon(run);
    if (code == ExitCode::kBadUsage || code == ExitCode::kNotPermitted) clean_up_after_refusal(run.config);
    return code;
  }
  std::cerr << app.help();
  return ExitCode::kBadUsage;
}

}  // namespace tunneld::daemon

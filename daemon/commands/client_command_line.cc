#include "daemon/commands/client_command_line.h"

namespace tunneld::daemon {

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

}  // namespace tunneld::daemon

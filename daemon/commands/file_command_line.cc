#include "daemon/commands/file_command_line.h"

namespace tunneld::daemon {

FileCommandLine::FileCommandLine(CLI::App& app)
    : init_(app.add_subcommand("init", "Write a commented configuration with fresh keys")),
      import_command_(
          app.add_subcommand("import", "Make a configuration and its key files from a file for wg-quick")),
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
  init_site_->add_option("--dir", directory_)->type_name("DIR")->required();
  init_server_ = init_->add_subcommand("server", "A server for clients");
  init_server_->add_option("--dir", directory_)->type_name("DIR")->required();
  init_server_->add_option("--endpoint", server_.endpoint, "The name or address that clients call")
      ->type_name("HOST[:PORT]");
  init_server_
      ->add_option("--pool", server_.pools,
                   "Networks of the clients' addresses; default: 10.8.0.0/24 and a random IPv6 one")
      ->type_name("NETWORK");
  CLI::App* client =
      init_->add_subcommand("client", "A client that makes its own key; see also `client add`");
  client->add_option("--dir", directory_)->type_name("DIR")->required();
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
  if (*init_site_) return init_site_to_site(directory_);
  if (!*init_server_) return init_client(directory_);
  InitServerOptions server = server_;
  server.directory = directory_;
  return init_server(server);
}

}  // namespace tunneld::daemon

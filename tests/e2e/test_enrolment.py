"""From nothing to two connected clients by `init server` and `client add`: a tunneld, and a phone that has read a QR code
from the terminal. A client's private key is nowhere on the server, files are private. `client remove` ends a session
within a second while another client loses no packet. Whatever is refused changes nothing."""
import concurrent.futures
import json
import re
import shutil
import time

from enrolment import connect_phone, read_qr, tree, tunneld
from harness import check, main, wait_for


def refusals(server, folder, phones):
    """Every command here fails and leaves the server's folder and its own as they were. `phones`: an address."""
    config = folder / "server.yaml"
    good = config.read_text()
    before = tree(server.directory / "etc")

    def refused(words, *command, code=2):
        output = tunneld(server, *command, "--config", config, code=code)
        check(words in output, f"{command}: '{words}' is not said:\n{output}")

    refused("alice already exists, in ", "client", "add", "alice")
    for name in ("../x", ".x", "a b", "x\ny", "x" * 65):
        refused("a client's name has 1 to 64", "client", "add", name)
    refused("is in none of the networks", "client", "add", "x", "--address", "192.0.2.1")
    refused("is the server's own", "client", "add", "x", "--address", "10.8.0.1")
    refused("already belongs to peer 'phone'", "client", "add", "x", "--address", phones)
    refused("not an address like", "client", "add", "x", "--address", "10.8.0")
    refused("44 characters of base64", "client", "add", "x", "--public-key", "abc")
    alice = re.search('public_key: "(.*)"', (folder / "peers.d/alice.yaml").read_text()).group(1)
    refused("already belongs to peer 'alice'", "client", "add", "x", "--public-key", alice)
    refused("has no", "client", "add", "x", "--endpoint", "a b")
    refused("there is no client called 'x'", "client", "remove", "x")
    refused("there is no client called 'x'", "export", "x")
    (server.directory / "taken").mkdir()
    (server.directory / "taken/client.yaml").write_text("mine")
    refused("File exists", "client", "add", "x", "--out", "taken", code=1)
    check((server.directory / "taken/client.yaml").read_text() == "mine", "a file was overwritten")
    check([path.name for path in (server.directory / "taken").iterdir()] == ["client.yaml"], "half of a client's files")
    check(tree(server.directory / "etc") == before, "a refused command has changed something")
    check(not (server.directory / "x").exists(), "a refused command has left files")

    def broken(words, text, *command, code=2):
        config.write_text(text)
        before = tree(server.directory / "etc")
        refused(words, *command, code=code)
        check(tree(server.directory / "etc") == before, f"{command} has changed something although {words}")
        check(not (server.directory / "x").exists(), "a refused command has left files")
        config.write_text(good)

    broken("server.yaml:", good + "nonsense: 1\n", "client", "add", "x")
    broken("server.yaml:", good + "nonsense: 1\n", "client", "remove", "alice")
    broken("'include: [peers.d/*.yaml]'", good.replace("peers.d/*.yaml", "other.d/*.yaml"), "client", "add", "x")
    broken("give --endpoint", re.sub(" *endpoint: .*\n", "", good), "client", "add", "x")
    broken("add a section 'server'", re.sub("server:\n(  .*\n)*", "", good), "client", "add", "x")
    # The running daemon refuses: somebody else has a route that another change of the file wants.
    server.ip("route", "add", "10.66.0.0/16", "dev", "wire0")
    (folder / "peers.d/site.yaml").write_text(
        'peers: [ { name: site, public_key: "oTmJPFXm17CyFoqxGk0TdklXA8YlLhXgq748G9ec1ho=", allowed_ips: [10.66.0.0/16] } ]\n'
    )
    broken("the running daemon:", good, "client", "add", "x", code=1)
    (folder / "peers.d/site.yaml").unlink()
    server.ip("route", "del", "10.66.0.0/16", "dev", "wire0")


def run(lab):
    server, alice, phone = lab.host("server"), lab.host("alice"), lab.host("phone")
    for n, client in enumerate((alice, phone)):
        lab.wire(server, f"203.0.113.{n * 4 + 1}/30", client, f"203.0.113.{n * 4 + 2}/30", name_a=f"wire{n}")
        client.ip("route", "add", "default", "via", f"203.0.113.{n * 4 + 1}")
    server.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    folder = server.directory / "etc/tunneld"
    config = folder / "server.yaml"

    output = tunneld(server, "init", "server", "--dir", "etc/tunneld", "--endpoint", "203.0.113.1")
    check("client add NAME" in output, f"says what comes next: {output}")
    check("ok" in tunneld(server, "check", "--config", config), "what init writes passes check")
    tunneld(server, "init", "server", "--dir", "etc/tunneld", code=1)  # never overwrites
    daemon = lab.start(server, config)

    output = tunneld(server, "client", "add", "alice", "--config", config)
    check("in effect on server" in output, f"the daemon has reloaded: {output}")
    output = tunneld(server, "client", "add", "phone", "--qr", "--config", config)
    conf = read_qr(lab, output)
    check(not (server.directory / "phone").exists(), "a QR code leaves no file")

    # What is alice's goes to alice; nothing on the server knows her private key, or the phone's.
    shutil.move(server.directory / "alice", alice.directory / "etc")
    private = {(alice.directory / "etc/client.key").read_text().strip(), re.search("PrivateKey = (.*)", conf).group(1)}
    check(len(private) == 2, "two clients, two keys")
    for file in server.directory.rglob("*"):
        if file.is_file():
            check(not any(key.encode() in file.read_bytes() for key in private), f"{file} holds a client's private key")
    for file in [*folder.rglob("*"), *(alice.directory / "etc").iterdir()]:
        check(file.stat().st_mode & 0o077 == 0, f"{file} is open to others")

    lab.start(alice, alice.directory / "etc/client.yaml")
    device, addresses = connect_phone(lab, phone, conf)
    inside = daemon.status()["interface"]["addresses"]
    wait_for(lambda: alice.reaches("10.8.0.1"), 10, "alice is configured by the server")
    for address in (each.split("/")[0] for each in inside):
        check(alice.ping(address) == 3, f"alice reaches {address}")
        check(phone.ping(address) == 3, f"the phone reaches {address}")

    clients = json.loads(tunneld(server, "client", "list", "--json", "--config", config))
    check([client["name"] for client in clients] == ["alice", "phone"], f"list: {clients}")
    check(clients[1]["addresses"] == addresses, f"addresses: {clients}")
    check(len(clients[0]["addresses"]) == 2, f"alice has addresses of the pool: {clients}")
    check(len({address for client in clients for address in client["addresses"]}) == 4, f"addresses: {clients}")
    check(all(client["latest_handshake_seconds_ago"] is not None for client in clients), f"handshakes: {clients}")
    check(re.search(rf"phone +{addresses[0]}, .* s ago", tunneld(server, "client", "list", "--config", config)), "the table")

    exported = tunneld(server, "export", "phone", "--config", config)
    without_key = re.sub("PrivateKey = .*\n", "", conf)
    check(re.sub("# PrivateKey = .*\n", "", exported) == without_key, f"export knows all but the key:\n{exported}")

    # Clients do not reach each other unless the server says so.
    her = clients[0]["addresses"][0]
    check(not phone.reaches(her), "the phone reaches alice")
    among = "client_to_client: true\n  forwarding: { enabled: true }"
    config.write_text(config.read_text().replace("client_to_client: false", among))
    tunneld(server, "reload")
    check(phone.ping(her) == 3, "the phone does not reach alice although client_to_client is true")

    refusals(server, folder, addresses[0])

    # Two at a time never get the same address.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda n: tunneld(server, "client", "add", f"many{n}", "--wg", "--config", config), range(6)))
    clients = json.loads(tunneld(server, "client", "list", "--json", "--config", config))
    all_addresses = [address for client in clients for address in client["addresses"]]
    check(len(clients) == 8 and len(set(all_addresses)) == 16, f"addresses: {all_addresses}")

    # One is removed: its packets stop within a second, the other's all arrive.
    pings = {}
    for host in (alice, phone):
        pings[host] = host.directory / "ping.txt"
        host.pinging = host.popen(
            "ping", "-n", "-D", "-i", "0.01", "-c", "400", "-W", "1", "10.8.0.1", stdout=open(pings[host], "w")
        )
    wait_for(lambda: pings[phone].read_text().count("bytes from") > 20, 5, "pings run")
    check("in effect on server" in tunneld(server, "client", "remove", "phone", "--config", config), "removed")
    removed = time.time()
    alice.pinging.wait(timeout=20)
    phone.pinging.wait(timeout=20)
    check("400 received" in pings[alice].read_text(), f"alice has lost packets: {pings[alice].read_text()[-200:]}")
    replies = [float(stamp) for stamp in re.findall(r"\[([0-9.]+)\] \d+ bytes from", pings[phone].read_text())]
    check(20 < len(replies) < 390, f"{len(replies)} replies: the phone was removed while pinging")
    check(max(replies) < removed + 1, f"the last reply came {max(replies) - removed:.1f} s after the removal")
    check(not phone.reaches("10.8.0.1"), "a removed client does not come back")
    check(not list(folder.rglob("*phone*")), "files of the removed client")
    # Its name and its address are free again, under another key.
    tunneld(server, "client", "add", "phone", "--wg", "--config", config)
    check(f"{addresses[0]}/32" in (server.directory / "phone/wg0.conf").read_text(), "the address is free again")

    daemon.stop()
    output = tunneld(server, "client", "add", "later", "--config", config)
    check("no tunneld runs on server now" in output, f"says that nobody reloads: {output}")

    # A client that makes its own key.
    output = tunneld(phone, "init", "client", "--dir", "own")
    check("ok" in tunneld(phone, "check", "--config", "own/client.yaml"), "what init client writes passes check")
    output_of_list = tunneld(phone, "client", "list", "--config", "own/client.yaml", code=2)
    check("this is not a server's configuration" in output_of_list, output_of_list)
    key = re.search(r"--public-key (\S+)", output).group(1)
    tunneld(server, "client", "add", "own", "--public-key", key, "--config", config)
    check(sorted(path.name for path in (server.directory / "own").iterdir()) == ["client.psk", "client.yaml"], "its files")


if __name__ == "__main__":
    main(run)

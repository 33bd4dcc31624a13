"""README.md's recipes, command by command, side by side on one host: a client of a server elsewhere, a server of its own and two
site-to-site links, each under its own name. Then a full tunnel by `--internet`. Real traffic goes through each; nothing that
exists is replaced; `check --plan` finds nothing taken, and says what is, of a configuration that wants the same."""
import json
import re

from harness import ROOT, check, main, wait_for
from machines import Machine

RESOLVER = "198.51.100.53"
# What $EDITOR does: own addresses in the place of the examples, once for both ends.
EDITOR = r"""#!/bin/bash
sed -i "s/203\.0\.113\.1:/$HERE:/; s/203\.0\.113\.2:/$THERE:/" "$@"
for file; do
  case $file in */site-a/*) network=$NETWORK_THERE ;; *) network=$NETWORK_HERE ;; esac
  sed -i -E "s|(allowed_ips: \[[^,]*), .*\]|\1, $network]|" "$file"
done
"""
# Tells who calls where he comes from.
MIRROR = """
import socket
server = socket.create_server(("", 7))
while True:
    connection, (address, _) = server.accept()
    connection.sendall(address.encode())
    connection.close()
"""
ASK = "import socket; print(socket.create_connection(('198.51.100.80', 7), 3).recv(99).decode())"


def recipe(heading, **words):
    """Blocks of commands below a heading, with other words in the place of the page's."""
    section = re.search(rf"## {heading}\n(.*?)\n## ", (ROOT / "README.md").read_text(), re.S).group(1)
    blocks = [re.sub(r" {2,}#.*", "", block) for block in re.findall(r"(?:^    .*\n)+", section, re.M)]
    for old, new in words.items():
        blocks = [re.sub(rf"\b{old.replace('_', '-')}\b", new, block) for block in blocks]
    return [[line.strip() for line in block.splitlines()] for block in blocks]


def internet(lab, machines):
    """A router between all machines: machine number n has 203.0.113.(4n+1)/30."""
    net = lab.host("net")
    for n, machine in enumerate(machines):
        lab.wire(machine.host, f"203.0.113.{4 * n + 1}/30", net, f"203.0.113.{4 * n + 2}/30", "eth0", f"wire{n}")
        machine.host.ip("route", "add", "default", "via", f"203.0.113.{4 * n + 2}")
        machine.address = f"203.0.113.{4 * n + 1}"
    net.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    for address in (RESOLVER, "198.51.100.80"):
        net.ip("address", "add", f"{address}/32", "dev", "lo")
    net.popen("python3", "-c", MIRROR)
    wait_for(lambda: ":7 " in net.run("ss", "-ltn").stdout, 5, "the mirror listens")


def server_and_client(server, client, name, endpoint, options="", client_options=""):
    """The recipe of five commands. `name`: of the server, if it shall have another than the page's."""
    on_server, on_client = recipe(
        "A server and its clients in five commands", alice=client.name, **{"vpn.example.org": endpoint}
    )
    if name != "server":
        on_server = [line.replace("@server", f"@{name}") for line in on_server]
        on_server[0] += f" --name {name}"
        on_server[2] += f" --config /etc/tunneld/{name}.yaml"
        on_client = [line.replace("@client", f"@{name}") for line in on_client]
    on_server[0] += options
    on_server[2] += client_options
    said = [server.type(line) for line in on_server] + [client.type(line) for line in on_client]
    return "".join(said)


def link(here, there, name, networks):
    """Site to site; `networks`: behind each."""
    here.environment.update(HERE=here.address, THERE=there.address, EDITOR=str(here.home / "editor"))
    here.environment.update(NETWORK_HERE=networks[0], NETWORK_THERE=networks[1])
    first, on_both = recipe("Site to site", office=name, other_host=there.name)
    for line in first:
        here.type(line)
    for machine in (here, there):
        for line in on_both:
            output = machine.type(line)
            check("is taken by" not in output, f"{machine.name}# {line}:\n{output}")


def run(lab):
    names = "203.0.113.1 vpn.example.org\n203.0.113.5 hq.example.org"
    provider, hq, branch, shop, alice = machines = [
        Machine(lab, name, names, RESOLVER) for name in ("provider", "hq", "branch", "shop", "alice")
    ]
    internet(lab, machines)
    (hq.home / "editor").write_text(EDITOR)
    (hq.home / "editor").chmod(0o755)
    desk, till = lab.host("desk"), lab.host("till")
    for machine, behind, network in ((hq, desk, 10), (branch, till, 20)):
        lab.wire(machine.host, f"10.{network}.0.1/16", behind, f"10.{network}.0.2/16", "lan")
        behind.ip("route", "add", "default", "via", f"10.{network}.0.1")
    shop.host.ip("address", "add", "10.30.0.1/32", "dev", "lo")

    # All on hq: a client, a server, two links.
    server_and_client(provider, hq, "server", "vpn.example.org")
    wait_for(lambda: hq.host.reaches("10.8.0.1"), 10, "hq reaches its server")
    said = server_and_client(hq, alice, "server", "hq.example.org")
    link(hq, branch, "office", ("10.10.0.0/16", "10.20.0.0/16"))
    link(hq, shop, "shop", ("10.10.0.0/16", "10.30.0.1/32"))
    etc = hq.type("ls /etc/tunneld").split()
    check("private.key" not in etc, f"files are called after their connections: {etc}")
    for name in ("client", "server", "office", "shop"):
        check({f"{name}.yaml", f"{name}.key"} <= set(etc), f"files of {name}: {etc}")
        hq.host.ip("link", "show", "dev", name)
    ports = re.findall(r"listen_port: (\d+)", hq.type("cat /etc/tunneld/*.yaml"))
    check(ports == ["51821", "51820", "51822"], f"ports of office, server and shop: {ports}\n{said}")

    # The usual network is that of hq's server elsewhere.
    own = re.search(r"addresses: \[\"?(10\.[0-9.]+)/24", hq.type("cat /etc/tunneld/server.yaml")).group(1)
    check(own != "10.8.0.1" and alice.host.ping(own) == 3, f"alice reaches hq's own server at {own}")
    check(hq.host.ping("10.8.0.1") == 3, "hq reaches its server")
    check(till.ping("10.10.0.2") == 3 and desk.ping("10.20.0.2") == 3, "from one network to the other, forwarded by both")
    check(desk.ping("10.30.0.1") == 3, "the second link")

    # Nothing is replaced, by whatever the same recipe does again.
    before = hq.type("cd /etc/tunneld && md5sum $(find . -type f)")
    for line in ("server --endpoint hq.example.org", "client", "site --name office"):
        words = line.split()
        directory = "/tmp/again" if words[0] == "site" else "/etc/tunneld"
        output = hq.type(f"tunneld init {line} --dir {directory}", code=1)
        check("File exists: give this connection another name" in output, output)
    provider.type("tunneld client add again")
    copy = f"tar -C again -c . | nsenter -t {hq.pid} --mount -- tar -xk -C /etc/tunneld"
    check("File exists" in provider.type(copy, code=2), "a file was replaced")
    check(hq.type("cd /etc/tunneld && md5sum $(find . -type f)") == before, "a file was changed")

    # The same again under another name: each thing that is taken is named, with who has it.
    hq.type("cp /etc/tunneld/office.yaml /etc/tunneld/twin.yaml")
    output = hq.type("tunneld check --config /etc/tunneld/twin.yaml --plan")
    for taken in (
        "the name 'office' is taken by /etc/tunneld/office.yaml",
        "UDP port 51821 is taken by /etc/tunneld/office.yaml",
        "the address 10.255.0.0 is taken by /etc/tunneld/office.yaml",
        "the route to 10.20.0.0/16 in table main is taken by /etc/tunneld/office.yaml",
    ):
        check(taken in output, f"'{taken}' is not said:\n{output}")
    failed = hq.type("tunneld --config /etc/tunneld/twin.yaml", code=1)
    check("another tunneld runs on office" in failed and not re.search("stop|down", failed), failed)
    hq.type("rm /etc/tunneld/twin.yaml")

    # Everything of alice's goes through the provider, and comes out with its address; names are asked there, too.
    said = server_and_client(provider, alice, "internet", "vpn.example.org", " --internet eth0", " --all-traffic")
    check(f"use the name servers {RESOLVER} (as this host does)" in said, said)
    check("warning" not in said, said)
    way = alice.host
    wait_for(lambda: "dev internet" in way.ip("route", "get", "198.51.100.80"), 10, "a full tunnel")
    check("dev internet" in way.ip("-6", "route", "get", "2001:db8:9::1"), "of IPv6, too")
    check(way.run("python3", "-c", ASK).stdout.strip() == provider.address, "behind the server's address")
    taken = json.loads(alice.type("tunneld status internet --json"))["client"]
    check(RESOLVER in json.dumps(taken), f"name servers: {taken}")
    check(RESOLVER in alice.type("cat /etc/resolv.conf"), "resolv.conf")
    # On a server that is not made for it, all that is missing is named.
    output = hq.type("tunneld client add bob --all-traffic")
    for missing in ("'0.0.0.0/0' in 'push.routes'", "'::/0' in 'push.routes'", "'push.dns'", "'forwarding: {"):
        check(missing in output, f"{missing} is not said to be missing:\n{output}")

    # The only server of a host needs no --config; of two, which one is to be said.
    shop.type("tunneld init server --dir /etc/tunneld --name store --endpoint shop.example.org")
    check("wrote eve/store.yaml" in shop.type("tunneld client add eve"), "a client of the only server")
    check("eve" in shop.type("tunneld client list"), "its list")
    shop.type("tunneld init server --dir /etc/tunneld --name depot --endpoint shop.example.org")
    output = shop.type("tunneld client add mallory", code=2)
    check("several servers: choose one with --config: /etc/tunneld/depot.yaml, /etc/tunneld/store.yaml" in output, output)

    # Where somebody switches forwarding off, doctor says so.
    branch.host.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
    desk.popen("ping", "-n", "-i", "0.5", "10.20.0.2")
    output = branch.host.run(lab.tunneld, "doctor", "--interface", "office", check_exit=False).stdout
    check("forwarding is off on this host (net.ipv4.ip_forward = 0)" in output, output)


if __name__ == "__main__":
    main(run)

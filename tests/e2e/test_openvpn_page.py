"""docs/from_openvpn.md is true where it tells how to move: beside a network 10.8.0.0/24 that another VPN has on the server, its
commands make a server in a network of its own, `check --plan` finds nothing taken, and while some clients are in each network, the
server routes between the two."""
import re

from harness import ROOT, check, main, wait_for
from machines import Machine


def run(lab):
    page = (ROOT / "docs/from_openvpn.md").read_text()
    server, alice = (Machine(lab, name, "203.0.113.1 vpn.example.org") for name in ("server", "alice"))
    bob = lab.host("bob")
    lab.wire(server.host, "203.0.113.1/24", alice.host, "203.0.113.2/24")
    # New network namespaces have this from the machine's first one.
    server.host.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
    # OpenVPN's side, with what step 4 has it push.
    lab.wire(server.host, "10.8.0.1/24", bob, "10.8.0.2/24", name_a="tun9")
    bob.ip("route", "add", "10.18.0.0/24", "via", "10.8.0.1")

    commands = [line.strip() for line in re.findall(r"^ {7}(tunneld .*)$", page, re.M)]
    check(len(commands) == 2 and "--pool 10.18.0.0/24" in commands[0], f"commands of the page: {commands}")
    for command in commands:
        output = server.type(command)
    check("is taken by" not in output, f"something is taken: {output}")

    steps = re.search(r"\n4\. (.*?)\n5\. ", page, re.S).group(1)
    forwarding = re.search(r"`(forwarding: [^`]*)` in `server`", steps).group(1)
    route = re.search(r"`([0-9./]+)` in `server.push.routes`", steps).group(1)
    config = "/etc/tunneld/office.yaml"
    server.type(rf"sed -i 's|^server:|server:\n  {forwarding}\n  push: {{ routes: [{route}] }}|' {config}")
    server.type("systemctl enable --now tunneld@office")
    server.type(re.search(r"`(tunneld client add alice --config [^`]*)`", page).group(1))
    server.type("tar -C alice -c . | ssh root@alice.example.org tar -xk -C /etc/tunneld && rm -r alice")
    alice.type("systemctl enable --now tunneld@office")

    wait_for(lambda: alice.host.reaches("10.18.0.1"), 10, "alice reaches the server")
    check("10.8.0.0/24 dev office" in alice.host.ip("route"), alice.host.ip("route"))
    check(alice.host.ping("10.8.0.2") == 3, "from tunneld's network to OpenVPN's")
    address = re.search(r"inet (10\.18\.0\.\d+)", alice.host.ip("address", "show", "office")).group(1)
    check(bob.ping(address) == 3, "from OpenVPN's network to tunneld's")

    # What takes her access away.
    server.type(re.search(r"`(tunneld client remove alice)`", page).group(1))
    check(not bob.reaches(address), "alice was removed")


if __name__ == "__main__":
    main(run)

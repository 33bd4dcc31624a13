"""docs/road_warrior.md is true: its commands, taken from the page and run in its order on two machines that have nothing in
/etc/tunneld, make a server with clients that reach it. A laptop's wg-quick is not run, its file is read by wg."""
import re

from enrolment import connect_phone, read_qr
from harness import ROOT, check, main
from machines import Machine


def commands_of(page):
    """(machine, command) in the order of the page. Whose commands they are stands before them: "On the server:"."""
    where = None
    for line in page.splitlines():
        if re.match("On the server:", line):
            where = "server"
        elif re.match("On alice's machine:", line):
            where = "alice"
        elif line.startswith("    "):
            check(where, f"the page does not say where to run '{line}'")
            yield where, line.strip()


def run(lab):
    names = "203.0.113.1 vpn.example.org"
    all_machines = {name: Machine(lab, name, names) for name in ("server", "alice", "laptop")}
    server, alice = all_machines["server"].host, all_machines["alice"].host
    phone = lab.host("phone")
    for n, client in enumerate((alice, phone)):
        lab.wire(server, f"192.0.2.{n * 4 + 1}/30", client, f"192.0.2.{n * 4 + 2}/30", name_a=f"wire{n}")
        client.ip("route", "add", "default", "via", f"192.0.2.{n * 4 + 1}")
    server.ip("address", "add", "203.0.113.1/32", "dev", "lo")
    server.ip("link", "add", "eth0", "type", "bridge")

    commands = list(commands_of((ROOT / "docs/road_warrior.md").read_text()))
    check(len(commands) >= 10, f"commands were not found: {commands}")
    first_ping = next(i for i, (_, command) in enumerate(commands) if command.startswith("ping"))
    check(first_ping == 5, f"the page promises five commands before the tunnel is there: {commands[:first_ping]}")
    outputs = {}
    for where, command in commands:
        if command == "tunneld client remove phone":
            # By now the page has shown the QR code: a phone scans it.
            conf = read_qr(lab, outputs["tunneld client add phone --qr"])
            connect_phone(lab, phone, conf.replace("vpn.example.org", "203.0.113.1"))
            check(phone.ping("10.8.0.1") == 3, "the phone reaches the server")
        outputs[command] = all_machines[where].type(command)
    check("3 received" in outputs["ping -c 3 10.8.0.1"], outputs["ping -c 3 10.8.0.1"])
    check(" up " in outputs["tunneld status"], outputs["tunneld status"])
    check("alice" in outputs["tunneld client list"] and "laptop" in outputs["tunneld client list"], "list")
    check(not phone.reaches("10.8.0.1"), "the phone was removed")
    check(alice.ping("10.8.0.1") == 3, "alice was not")
    # What was copied to the laptop is a file for wg-quick.
    stripped = all_machines["laptop"].type("wg-quick strip /etc/wireguard/wg0.conf")
    check("[Peer]" in stripped, stripped)
    check(not list(all_machines["server"].home.iterdir()), "the commands leave nothing of the clients on the server")


if __name__ == "__main__":
    main(run)

"""docs/road_warrior.md is true: its commands, taken from the page and run in its order on two machines that have nothing in
/etc/tunneld, make a server with clients that reach it. systemctl and scp are stand-ins (the real systemd has a test of its
own); a laptop's wg-quick is not run, its file is read by wg."""
import os
import re

from enrolment import connect_phone, read_qr
from harness import ROOT, check, main, sh, wait_for

SYSTEMCTL = """#!/bin/bash
# "systemctl enable --now tunneld@NAME": what the unit does.
[ "$1 $2" = "enable --now" ] || exit 2
name=${3#tunneld@}
setsid tunneld --config "/etc/tunneld/$name.yaml" >"$LOG" 2>&1 </dev/null &
# Then the time that it takes to type the next command.
for _ in {1..100}; do tunneld status >/dev/null 2>&1 && sleep 2 && exit 0; sleep 0.1; done
cat "$LOG"
exit 1
"""
SCP = """#!/bin/bash
# "scp [-r] SOURCE root@NAME.example.org:/PATH/": into the machine of that name, whose process holds its /etc.
[ "$1" = -r ] && shift
machine=${2#root@} path=${2#*:}
machine=${machine%%.*}
[ -d "$1" ] && from=(-C "$1" .) || from=(-C "$(dirname "$1")" "$(basename "$1")")
tar -c "${from[@]}" | nsenter -t "$(cat "$MACHINES/$machine")" --mount -- bash -c "mkdir -p '$path' && tar -x -C '$path'"
"""


class Machine:
    """A host with an /etc of its own: the real one below, a layer in memory on top."""

    def __init__(self, lab, name, machines, bin):
        self.host = lab.host(name)
        self.name = name
        memory = self.host.directory / "memory"
        memory.mkdir()
        ready = self.host.directory / "ready"
        process = self.host.popen(
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "bash",
            "-ec",
            f"""
            mount -t tmpfs tmpfs {memory}
            mkdir {memory}/upper {memory}/work
            mount -t overlay overlay -o lowerdir=/etc,upperdir={memory}/upper,workdir={memory}/work /etc
            rm -rf /etc/tunneld /etc/wireguard
            echo "203.0.113.1 vpn.example.org" >> /etc/hosts
            touch {ready}
            exec sleep infinity""",
            stdout=open(self.host.directory / "machine.txt", "w"),
        )
        wait_for(ready.exists, 5, f"the machine {name}")
        self.pid = process.pid
        (machines / name).write_text(str(self.pid))
        self.home = self.host.directory / "home"
        self.home.mkdir()
        self.environment = {
            **os.environ,
            "PATH": f"{bin}:{os.environ['PATH']}",
            "MACHINES": str(machines),
            "LOG": str(self.host.directory / "daemon.txt"),
            **self.host.directories(),
        }

    def type(self, command):
        result = sh(
            "nsenter",
            "-t",
            self.pid,
            "--mount",
            "--net",
            f"--wd={self.home}",
            "--",
            "bash",
            "-ec",
            f"cd {self.home}; {command}",
            env=self.environment,
            check_exit=False,
        )
        check(result.returncode == 0, f"{self.name}# {command}: exit {result.returncode}\n{result.stdout}")
        return result.stdout


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
    machines, bin = lab.directory / "machines", lab.directory / "bin"
    machines.mkdir()
    bin.mkdir()
    (bin / "tunneld").symlink_to(lab.tunneld)
    for name, text in (("systemctl", SYSTEMCTL), ("scp", SCP)):
        (bin / name).write_text(text)
        (bin / name).chmod(0o755)
    all_machines = {name: Machine(lab, name, machines, bin) for name in ("server", "alice", "laptop")}
    server, alice = all_machines["server"].host, all_machines["alice"].host
    phone = lab.host("phone")
    for n, client in enumerate((alice, phone)):
        lab.wire(server, f"192.0.2.{n * 4 + 1}/30", client, f"192.0.2.{n * 4 + 2}/30", name_a=f"wire{n}")
        client.ip("route", "add", "default", "via", f"192.0.2.{n * 4 + 1}")
    server.ip("address", "add", "203.0.113.1/32", "dev", "lo")

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

"""Machines on which commands are typed as a page has them: hosts with an /etc of their own that has nothing in /etc/tunneld, and
stand-ins for systemctl and ssh (the real systemd has tests of its own)."""
import os

from harness import check, sh, wait_for

SYSTEMCTL = """#!/bin/bash
# "systemctl enable --now tunneld@NAME" and so on: what the units do.
name=${3#*@}
case "$*" in
  "enable --now wg-quick@"*) exec wg-quick up "$name" ;;
  "disable --now wg-quick@"*) exec wg-quick down "$name" ;;
  "disable --now tunneld@"*) exec tunneld down --config "/etc/tunneld/$name.yaml" ;;
  "enable --now tunneld@"*) ;;
  *) exit 2 ;;
esac
setsid tunneld --config "/etc/tunneld/$name.yaml" >"$LOGS/$name.txt" 2>&1 </dev/null &
# Then the time that it takes to type the next command.
for _ in {1..100}; do tunneld status --config "/etc/tunneld/$name.yaml" >/dev/null 2>&1 && sleep 2 && exit 0; sleep 0.1; done
cat "$LOGS/$name.txt"
exit 1
"""
SSH = """#!/bin/bash
# "ssh root@NAME[.example.org] COMMAND...": in the machine of that name, whose process holds its /etc.
machine=${1#root@}
shift
exec nsenter -t "$(cat "$MACHINES/${machine%%.*}")" --mount -- bash -c "$*"
"""


class Machine:
    """A host with an /etc of its own: the real one below, a layer in memory on top."""

    def __init__(self, lab, name, names="", resolver="192.0.2.53"):
        """`names`: more lines of /etc/hosts."""
        machines, bin = lab.directory / "machines", lab.directory / "bin"
        machines.mkdir(exist_ok=True)
        bin.mkdir(exist_ok=True)
        for program, text in (("systemctl", SYSTEMCTL), ("ssh", SSH)):
            (bin / program).write_text(text)
            (bin / program).chmod(0o755)
        if not (bin / "tunneld").exists():
            (bin / "tunneld").symlink_to(lab.tunneld)
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
            rm -rf /etc/tunneld /etc/wireguard /etc/resolv.conf
            mkdir -m 750 /etc/tunneld
            mkdir -m 700 /etc/wireguard
            echo "nameserver {resolver}" > /etc/resolv.conf
            echo "{names}" >> /etc/hosts
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
            "LOGS": str(self.host.directory),
            **self.host.directories(),
        }

    def type(self, command, code=0):
        """Output (stdout and stderr) of a command line, whose exit code must be `code`."""
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
        check(result.returncode == code, f"{self.name}# {command}: exit {result.returncode}\n{result.stdout}")
        return result.stdout

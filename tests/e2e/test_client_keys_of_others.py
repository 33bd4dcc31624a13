"""A peer that was renamed keeps the key file of its first name, and another may use it, too: `client add` and `client remove`
leave it to them. Who may only read the configuration's directory holds no command up."""
import fcntl
import os
import re
import subprocess

from enrolment import tree, tunneld
from harness import check, main, wait_for


def run(lab):
    server = lab.host("server")
    etc = server.directory / "etc"
    peers, config = etc / "peers.d", etc / "server.yaml"
    tunneld(server, "init", "server", "--dir", "etc", "--endpoint", "vpn.example.org")
    for name in ("alice", "eve"):
        tunneld(server, "client", "add", name, "--config", config)

    # alice is called bob now, in a file of that name.
    (peers / "bob.yaml").write_text(re.sub("name: .*", "name: bob", (peers / "alice.yaml").read_text()))
    (peers / "alice.yaml").unlink()
    tunneld(server, "check", "--config", config)
    before = tree(etc)
    output = tunneld(server, "client", "add", "alice", "--config", config, "--out", "new", code=2)
    check("alice.psk is the key of peer 'bob'" in output, output)
    check(tree(etc) == before, "a refused command has changed something")
    check(not (server.directory / "new").exists(), "a refused command has left files")

    # One key for two peers.
    (peers / "twin.yaml").write_text(
        'peers: [ { name: twin, public_key: "oTmJPFXm17CyFoqxGk0TdklXA8YlLhXgq748G9ec1ho=", '
        "preshared_key_file: eve.psk } ]\n"
    )
    output = tunneld(server, "client", "remove", "eve", "--config", config)
    check(f"kept {peers}/eve.psk: peer 'twin'" in output, output)
    check((peers / "eve.psk").exists() and not (peers / "eve.yaml").exists(), "the wrong file was removed")
    tunneld(server, "check", "--config", config)
    tunneld(server, "client", "remove", "twin", "--config", config)
    # Nobody uses what is left of them: the names are free again.
    tunneld(server, "client", "remove", "bob", "--config", config)
    for name in ("alice", "eve"):
        (server.directory / name).rename(server.directory / f"{name}.before")
        tunneld(server, "client", "add", name, "--config", config)
    tunneld(server, "check", "--config", config)

    # A reader's lock, and a command that hangs.
    for path in (etc, config):
        reader = os.open(path, os.O_RDONLY)
        fcntl.flock(reader, fcntl.LOCK_EX)
        server.run(lab.tunneld, "client", "remove", "eve", "--config", config, cwd=server.directory, timeout=10)
        tunneld(server, "client", "add", "eve", "--config", config, "--out", f"again-{path.name}")
        os.close(reader)
    lock = etc / ".tunneld-client.lock"
    check(not lock.exists(), "the lock's file stays")
    held = server.directory / "held"
    holder = subprocess.Popen(["flock", "-F", lock, "sh", "-c", f"touch {held}; exec sleep 100"])
    lab.processes.append(holder)
    wait_for(held.exists, 10, "the lock")
    output = server.run(lab.tunneld, "client", "remove", "eve", "--config", config, check_exit=False, timeout=50)
    check(output.returncode == 1 and f"(pid {holder.pid})" in output.stdout, f"{output.returncode}: {output.stdout}")
    check((peers / "eve.yaml").exists(), "removed in spite of the lock")


if __name__ == "__main__":
    main(run)

"""A machine with a real systemd: this one's files with a layer on top, in memory."""
import contextlib
import os
import pathlib
import shutil
import subprocess

from harness import Failure, Skip, sh, wait_for


@contextlib.contextmanager
def layer(lab):
    """The root directory of such a machine, to be filled before it boots."""
    if shutil.which("systemd-nspawn") is None:
        raise Skip("systemd-nspawn is not installed")
    memory = lab.directory / "memory"
    memory.mkdir()
    sh("mount", "-t", "tmpfs", "tmpfs", memory)
    try:
        for name in ("upper", "work", "merged"):
            (memory / name).mkdir()
        sh(
            "mount",
            "-t",
            "overlay",
            "overlay",
            "-o",
            f"lowerdir=/,upperdir={memory}/upper,workdir={memory}/work",
            memory / "merged",
        )
        yield memory / "merged"
    finally:
        sh("umount", memory / "merged", check_exit=False)
        sh("umount", memory, check_exit=False)


def install(lab, root):
    """The build that is tested, as `cmake --install` puts it in its place."""
    installed = lab.directory / "installed"
    sh(
        "cmake",
        "--install",
        pathlib.Path(lab.tunneld).parent,
        "--prefix",
        "/usr",
        env={**os.environ, "DESTDIR": str(installed)},
    )
    shutil.copytree(installed / "usr", root / "usr", dirs_exist_ok=True)
    # As a package does, or the next boot.
    sh("systemd-sysusers", f"--root={root}", "tunneld.conf")


def configure_near(lab, root):
    """A tunneld@near, with nobody at the other end, whose name server is 10.9.0.2."""
    configs = root / "etc/tunneld"
    shutil.rmtree(configs, ignore_errors=True)
    configs.mkdir(mode=0o700)
    sh(lab.tunneld, "genkey", "-o", configs / "near.key")
    key = sh(lab.tunneld, "genkey", "-o", configs / "other.key").stdout.strip()
    (configs / "near.yaml").write_text(
        f"""
interface: {{ name: tun0, addresses: [10.9.0.1/24], private_key_file: near.key, dns: {{ servers: [10.9.0.2] }} }}
peers: [{{ name: other, public_key: "{key}", endpoints: ["203.0.113.2:51820"], allowed_ips: [10.9.0.2/32] }}]
"""
    )


def sender(address, device=None):
    """A program that sends a datagram every 2 ms, by whatever way there is, or from this device alone."""
    bound = f'\ns.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"{device}")' if device else ""
    return f"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM){bound}
while True:
    try: s.sendto(b"secret", ("{address}", 4444))
    except OSError: pass
    time.sleep(0.002)
"""


WIRE_TO_FAR = """
ip netns add far
ip link add wire type veth peer name wire netns far
ip address add 203.0.113.1/24 dev wire; ip link set wire up
ip -n far address add 203.0.113.2/24 dev wire; ip -n far link set wire up; ip -n far link set lo up
"""
START_FAR = """
TUNNELD_RUN_DIR=/run/far TUNNELD_STATE_DIR=/run/far-state ip netns exec far tunneld --config /etc/tunneld/far.yaml > /far.log 2>&1 &
"""

# Stops one thread of a process, by its name, and nothing else, until the process is killed.
FREEZE = """
import ctypes, os, pathlib, sys
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
tasks = pathlib.Path(f"/proc/{sys.argv[1]}/task").iterdir()
thread = next(int(task.name) for task in tasks if (task / "comm").read_text() == sys.argv[2] + "\\n")
assert ptrace(0x4206, thread, None, None) == 0, os.strerror(ctypes.get_errno())
assert ptrace(0x4207, thread, None, None) == 0
while True:
    try:
        _, status = os.waitpid(thread, 0x40000000)
    except ChildProcessError:
        break
    if os.WIFEXITED(status) or os.WIFSIGNALED(status):
        break
    print("FROZEN", flush=True)
"""


def configure_pair(lab, root):
    """A tunneld@near, and a far.yaml for another one in the network namespace `far` of the scripts above."""
    configs = root / "etc/tunneld"
    shutil.rmtree(configs, ignore_errors=True)
    configs.mkdir(mode=0o700)
    keys = {name: sh(lab.tunneld, "genkey", "-o", configs / f"{name}.key").stdout.strip() for name in ("near", "far")}
    for name, other, end in (("near", "far", 1), ("far", "near", 2)):
        (configs / f"{name}.yaml").write_text(
            f"""
interface: {{ name: tun0, addresses: [10.9.0.{end}/24], listen_port: 51820, private_key_file: {name}.key }}
peers: [{{ name: {other}, public_key: "{keys[other]}", endpoints: ["203.0.113.{3 - end}:51820"],
          allowed_ips: [10.9.0.{3 - end}/32], persistent_keepalive: 1s }}]
"""
        )


def boot_and_run(root, script, *options, seconds=60):
    """Boots it, runs `script` (bash) as a unit of it, and returns what that printed, its commands included."""
    path = root / "usr/local/bin/tunneld-test"
    path.write_text(f"#!/bin/bash\nexec > /result 2>&1\nset -x\n{script}\necho DONE\n")
    path.chmod(0o755)
    units = root / "etc/systemd/system"
    (units / "tunneld-test.service").write_text("[Service]\nType=oneshot\nExecStart=/usr/local/bin/tunneld-test\n")
    wants = units / "multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    (wants / "tunneld-test.service").symlink_to("/etc/systemd/system/tunneld-test.service")
    container = subprocess.Popen(
        [
            "systemd-nspawn",
            "-q",
            "-D",
            root,
            f"--machine=tunneld{os.getpid()}",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--private-network",
            "--capability=all",
            "--bind=/dev/net/tun",
            *options,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        result = root / "result"
        try:
            wait_for(
                lambda: result.exists() and "\n+ echo DONE" in result.read_text(errors="replace"),
                seconds,
                "the test unit ends",
            )
        except Failure as failure:
            raise Failure(f"{failure}\n{result.read_text(errors='replace') if result.exists() else ''}") from failure
        return result.read_text(errors="replace")
    finally:
        container.terminate()
        try:
            container.wait(timeout=20)
        except subprocess.TimeoutExpired:
            container.kill()
            container.wait()

"""A machine with a real systemd: this one's files with a layer on top, in memory."""
import contextlib
import os
import shutil
import subprocess

from harness import Skip, sh, wait_for


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
        sh("mount", "-t", "overlay", "overlay", "-o",
           f"lowerdir=/,upperdir={memory}/upper,workdir={memory}/work", memory / "merged")
        yield memory / "merged"
    finally:
        sh("umount", memory / "merged", check_exit=False)
        sh("umount", memory, check_exit=False)


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
        ["systemd-nspawn", "-q", "-D", root, f"--machine=tunneld{os.getpid()}", "--boot", "--register=no", "--keep-unit",
         "--private-network", "--capability=all", "--bind=/dev/net/tun", *options],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        result = root / "result"
        wait_for(lambda: result.exists() and "\n+ echo DONE" in result.read_text(errors="replace"), seconds,
                 "the test unit ends")
        return result.read_text(errors="replace")
    finally:
        container.terminate()
        try:
            container.wait(timeout=20)
        except subprocess.TimeoutExpired:
            container.kill()
            container.wait()

"""`cmake --install` puts everything in its place, and a real systemd runs it: start, READY, status, stop, failure."""
import os
import pathlib
import shutil
import subprocess
import time

from harness import ROOT, Skip, check, main, sh, wait_for

ALONE = True


def run(lab):
    build = pathlib.Path(lab.tunneld).parent
    check((build / "cmake_install.cmake").exists(), "--tunneld must be in its build directory")
    root = lab.directory / "root"
    sh("cmake", "--install", build, "--prefix", "/usr", env={**os.environ, "DESTDIR": str(root)})
    for path in ("usr/sbin/tunneld", "usr/lib/systemd/system/tunneld@.service", "usr/share/doc/tunneld/config.md",
                 "usr/share/doc/tunneld/examples/site-a.yaml"):
        check((root / path).exists(), f"{path} is not installed")
    unit = root / "usr/lib/systemd/system/tunneld@.service"
    check("ExecStart=/usr/sbin/tunneld" in unit.read_text(), unit.read_text())
    score = sh("systemd-analyze", "security", "--offline=true", "--threshold=25", unit, check_exit=False)
    check(score.returncode == 0, f"exposure: {score.stdout[-200:]}")

    if shutil.which("systemd-nspawn") is None:
        raise Skip("systemd-nspawn is not installed")
    # A machine that is this one's files with a layer on top, in memory.
    memory = lab.directory / "memory"
    memory.mkdir()
    sh("mount", "-t", "tmpfs", "tmpfs", memory)
    merged = memory / "merged"
    machine = f"tunneld{os.getpid()}"
    container = None
    try:
        for name in ("upper", "work", "merged"):
            (memory / name).mkdir()
        sh("mount", "-t", "overlay", "overlay", "-o",
           f"lowerdir=/,upperdir={memory}/upper,workdir={memory}/work", merged)
        shutil.copytree(root / "usr", merged / "usr", dirs_exist_ok=True)
        etc = merged / "etc/tunneld"
        if etc.exists():
            shutil.rmtree(etc)
        sh(lab.tunneld, "init", "site", "--dir", lab.directory / "init")
        shutil.copytree(lab.directory / "init/site-a", etc)
        # The test itself is a unit of the container.
        script = merged / "usr/local/bin/tunneld-test"
        script.write_text("""#!/bin/bash
exec > /result 2>&1
set -x
ip address show dev tun0 && exit 1
ip route > /before
systemctl start tunneld@site && echo STARTED
systemctl show -p ActiveState -p StatusText tunneld@site
ip address show dev tun0
tunneld status
systemctl reload tunneld@site && echo RELOADED
echo 'nonsense: 1' >> /etc/tunneld/site.yaml
systemctl reload tunneld@site || echo REFUSED
sed -i '$ d' /etc/tunneld/site.yaml
tunneld status --config /etc/tunneld/site.yaml && echo STILL-THERE
systemctl stop tunneld@site && echo STOPPED
systemctl show -p ActiveState -p Result tunneld@site
ip route > /after
cmp /before /after && echo SAME-ROUTES
systemctl start tunneld@site
ls /run/tunneld/tun0.journal && echo JOURNAL
kill -KILL $(systemctl show -p MainPID --value tunneld@site)
sleep 1
ls /run/tunneld/tun0.journal || echo CLEANED
sleep 3
systemctl show -p ActiveState -p NRestarts tunneld@site
echo DONE
""")
        script.chmod(0o755)
        units = merged / "etc/systemd/system"
        (units / "tunneld-test.service").write_text(
            "[Service]\nType=oneshot\nExecStart=/usr/local/bin/tunneld-test\n")
        wants = units / "multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        link = wants / "tunneld-test.service"
        link.symlink_to("/etc/systemd/system/tunneld-test.service")
        container = subprocess.Popen(
            ["systemd-nspawn", "-q", "-D", merged, f"--machine={machine}", "--boot", "--register=no", "--keep-unit",
             "--private-network", "--capability=all", "--bind=/dev/net/tun"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        result = merged / "result"
        wait_for(lambda: result.exists() and "+ echo DONE" in result.read_text(), 60, "the test unit ends")
        text = result.read_text()
        for words in ("STARTED", "ActiveState=active", "StatusText=tun0: 1 peers",
                      "10.255.0.0/31", "RELOADED", "REFUSED", "STILL-THERE", "STOPPED", "Result=success", "JOURNAL", "CLEANED", "SAME-ROUTES", "NRestarts=1"):
            check(words in text, f"{words!r} is missing:\n{text}")
    finally:
        if container is not None:
            container.terminate()
            try:
                container.wait(timeout=20)
            except subprocess.TimeoutExpired:
                container.kill()
                container.wait()
        sh("umount", merged, check_exit=False)
        sh("umount", memory, check_exit=False)


if __name__ == "__main__":
    main(run)

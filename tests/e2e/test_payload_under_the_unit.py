"""Code that runs in the daemon's place, under the unit as it is installed, becomes nobody else, writes nowhere but to its own
folders, reads no secrets of others, reaches neither systemd nor other processes, takes no low port, and adds nothing to the kernel;
but it can do what the daemon does. The same code without the unit's sandbox does all of it, so that the test can fail."""
import shutil

from booted import boot_and_run, configure_near, install, layer
from harness import ROOT, Skip, check, main, sh

ALONE = True

SCRIPT = """
mount -o remount,bind,rw /proc/sys
sleep infinity & echo $! > /run/victim.pid
systemctl start dbus
systemctl start tunneld@near && echo STARTED
id $(ps -o user= -p $(systemctl show -p MainPID --value tunneld@near))
systemctl stop tunneld@near
cat /var/lib/tunneld/payload
echo UNCONFINED
systemctl start payload && echo STARTED-UNCONFINED
cat /var/lib/payload/payload
journalctl -u tunneld@near -n 20 --no-pager
"""


def outcomes(text):
    """NAME → what came of it."""
    return {line.rpartition(": ")[0]: line for line in text.splitlines() if ": refused (" in line or ": done (" in line}


def run(lab):
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        raise Skip("no compiler for the payload")
    payload = lab.directory / "payload"
    sh(compiler, "-std=c++20", "-o", payload, ROOT / "tests/e2e/payload.cc")
    with layer(lab) as root:
        install(lab, root)
        configure_near(lab, root)
        programs = root / "usr/local/bin"
        for name, mode in (("payload", 0o755), ("payload-suid", 0o4755)):
            shutil.copy(payload, programs / name)
            (programs / name).chmod(mode)
        for name in ("var/lib/other", "home/payload"):
            (root / name).mkdir(parents=True)
            (root / name / "secret").write_text("secret\n")
            (root / name / "secret").chmod(0o600)
            shutil.chown(root / name / "secret", "nobody")
            (root / name).chmod(0o755)
        units = root / "etc/systemd/system"
        (units / "canary.service").write_text("[Service]\nType=oneshot\nExecStart=/bin/true\n")
        (units / "payload.service").write_text(
            "[Service]\nType=oneshot\nExecStart=/usr/local/bin/payload\nStateDirectory=payload\nRuntimeDirectory=tunneld\n"
        )
        drop_in = units / "tunneld@near.service.d"
        drop_in.mkdir()
        (drop_in / "payload.conf").write_text("[Service]\nExecStart=\nExecStart=/usr/local/bin/payload\n")
        text = boot_and_run(root, SCRIPT, seconds=120)
    confined, _, unconfined = text.partition("+ echo UNCONFINED")
    check("\nSTARTED\n" in confined and "\nSTARTED-UNCONFINED\n" in unconfined, text)
    inside, outside = outcomes(confined), outcomes(unconfined)
    check(len(inside) > 30 and inside.keys() == outside.keys(), f"all were tried:\n{text}")
    for name, line in outside.items():
        check(": done (" in line, f"without the unit: {line}\n{text}")
    for name, line in inside.items():
        expected = ": done (" if name.startswith("own: ") else ": refused ("
        check(expected in line, f"under the unit: {line}\n{text}")


if __name__ == "__main__":
    main(run)

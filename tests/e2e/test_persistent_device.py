"""A device that outlives the daemon: one that `persist` makes, with an owner, and one that root made before, which a daemon
without any privilege opens and leaves as it was. Log and status tell which of the two it is; what root forgot, a device of the
other kind and one that is in use are errors that say so."""
import json
import os

from harness import check, check_same_state, main, wait_for

NOBODY = 65534
# Where udev does not run, only root may open /dev/net/tun; everywhere else everybody may.
UNPRIVILEGED = (
    "sh",
    "-c",
    '[ -e "$1" ] || mknod -m 666 "$1" c 10 200; mount --bind "$1" /dev/net/tun && shift && exec "$@"',
    "sh",
    "NODE",
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
)
# Holds the device's only queue.
HOLD = """
import fcntl, os, struct, time
device = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x1001))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
print("held", flush=True)
time.sleep(60)
"""


def run(lab):
    a, b = lab.pair(start=False)
    b.daemon = lab.start(b, b.config_path)
    wait_for(lambda: "NO-CARRIER" not in a.ip("link", "show", "wire"), 5, "the wire carries")
    config = json.loads(a.config_path.read_text())

    unprivileged = [str(a.directory / "tun") if word == "NODE" else word for word in UNPRIVILEGED]

    def write(**interface):
        a.config_path.write_text(json.dumps({**config, "interface": {**config["interface"], **interface}}))
        return a.config_path

    def fails(words, code=1, **options):
        daemon = lab.start(a, a.config_path, ready=False, **options)
        result = daemon.process.wait(timeout=10)
        check(result == code and words in daemon.log(), f"wanted {code} and '{words}', got {result}:\n{daemon.log()}")
        return daemon.log()

    # Made to stay.
    write(persist={"owner": "nobody", "group": NOBODY})
    daemon = lab.start(a, a.config_path)
    check(daemon.status()["interface"]["device"] == "made to stay", f"status: {daemon.status()['interface']}")
    check("tun0 was created, and stays" in daemon.log(), daemon.log())
    check(a.reaches("10.9.0.2") or a.reaches("10.9.0.2"), "the tunnel")
    daemon.stop()
    left = a.ip("-d", "address", "show", "tun0")
    check("persist on" in left and "user nobody" in left and "group nogroup" in left, f"the device: {left}")
    check("inet 10.9.0.1" not in left and ",UP" not in left, f"what else it was given is taken away: {left}")
    once = a.state()
    daemon = lab.start(a, a.config_path)
    check(daemon.status()["interface"]["device"] == "taken over" and "tun0 existed already" in daemon.log(), daemon.log())
    check(a.reaches("10.9.0.2") or a.reaches("10.9.0.2"), "the tunnel on a device that was there")
    daemon.stop()
    check_same_state(once, a.state(), "after a second time")
    write()
    fails("tun0 exists already")

    # Somebody else has it, or it is of the other kind.
    write(persist=True)
    a.ip("link", "del", "tun0")
    a.ip("tuntap", "add", "dev", "tun0", "mode", "tun")
    holder = a.popen("python3", "-c", HOLD, stdout=-1, text=True)
    check(holder.stdout.readline() == "held\n", "the device is held")
    fails(f"tun0 is in use by python3 (pid {holder.pid})")
    holder.kill()
    holder.wait()
    # At a tap there are no allowed IPs.
    peer = {key: value for key, value in config["peers"][0].items() if key != "allowed_ips"}
    a.config_path.write_text(
        json.dumps({**config, "interface": {**config["interface"], "type": "tap", "persist": True}, "peers": [peer]})
    )
    fails("tun0 exists already and is a tun device")
    a.ip("link", "del", "tun0")

    # Made by root for a user, and opened by that user's daemon, which has no privilege at all.
    a.ip("tuntap", "add", "dev", "tun0", "mode", "tun", "user", "nobody")
    a.ip("link", "set", "tun0", "mtu", "1400", "up")
    lab.directory.chmod(0o755)
    a.run_directory.mkdir(mode=0o700, exist_ok=True)
    for path in (a.directory, a.run_directory, a.directory / "private.key", a.config_path):
        os.chown(path, NOBODY, NOBODY)
    for path in a.run_directory.iterdir():
        os.chown(path, NOBODY, NOBODY)
    write(persist=True)
    log = fails("root has to run this first", code=3, wrapper=unprivileged)
    for command in ("ip address add 10.9.0.1/24 dev tun0", "ip address add fd09::1/64 dev tun0"):
        check(command in log, f"the log does not name '{command}':\n{log}")
        a.run(*command.split())
    before = a.state()
    os.umask(0)  # it may say that it is ready
    daemon = lab.start(a, a.config_path, wrapper=unprivileged)
    capabilities = next(line for line in open(f"/proc/{daemon.process.pid}/status") if line.startswith("CapEff"))
    check(int(capabilities.split()[1], 16) == 0, f"it is not unprivileged: {capabilities}")
    check(a.ping("10.9.0.2", wait=3) == 3 and a.ping("fd09::2") == 3, "the tunnel of an unprivileged daemon")
    check(a.iperf(b, "10.9.0.2", seconds=1)["bits_per_second"] > 10e6, "TCP through it")
    check(daemon.status()["interface"]["device"] == "taken over", f"status: {daemon.status()['interface']}")
    daemon.stop()
    for path in a.run_directory.iterdir():
        os.chown(path, 0, 0)
    wait_for(lambda: "state DOWN" in a.ip("link", "show", "tun0"), 5, "the kernel says that nobody uses tun0")
    check_same_state(before, a.state(), "after an unprivileged daemon")


if __name__ == "__main__":
    main(run)

"""`status` shows the MTU that the device has, and not the one that it should have: others may have set it, and are not
contradicted more often than once in 5 s."""
import re

from harness import check, main, wait_for


def run(lab):
    a, _ = lab.pair(interface={"mtu": 1380})

    def device():
        return int(re.search(r"mtu (\d+)", a.ip("link", "show", "tun0")).group(1))

    def shown():
        return a.daemon.status()["interface"]["mtu"]

    check(device() == shown() == 1380, f"the device has {device()}, status shows {shown()}")
    a.ip("link", "set", "tun0", "mtu", "1300")
    wait_for(lambda: device() == 1380, 5, "it is put back at once the first time")
    a.ip("link", "set", "tun0", "mtu", "1290")
    check((shown(), device()) == (1290, 1290), f"status shows {shown()} while the device has {device()}")
    wait_for(lambda: shown() == 1380, 15, "the configured one again")


if __name__ == "__main__":
    main(run)

"""A resolvconf that hangs while the tunnel is up: handshakes go on, the log says why the name servers are missing, and the end
does not wait for it either; when it works again, `reload` sets them."""
import json
import time

from harness import check, main, wait_for
from test_dns_through_resolvconf import install

PACKAGE = "openresolv"
PROGRAM = "/usr/sbin/resolvconf"


def run(lab):
    a, b = lab.pair(start=False)
    install(lab, a, PACKAGE)
    config = json.loads(a.config_path.read_text())
    config["interface"]["dns"] = {"servers": ["10.9.0.2"], "own_resolver": True}
    a.config_path.write_text(json.dumps(config))
    other = lab.start(b, b.config_path)
    daemon = lab.start(a, a.config_path)
    wait_for(lambda: a.reaches("10.9.0.2"), 5, "the tunnel")
    check(daemon.status()["host"]["missing"] == [], daemon.log())

    script = "#!/bin/sh\necho $1 >> /run/hangs; exec sleep 1000\n"
    a.run("mv", PROGRAM, PROGRAM + ".good")
    a.run("sh", "-c", f"cat > {PROGRAM}; chmod 755 {PROGRAM}", input=script)
    a.run("sh", "-c", "find /run/resolvconf -name tun0 -delete")
    wait_for(
        lambda: a.run("sh", "-c", "cat /run/hangs 2> /dev/null", check_exit=False).stdout,
        10,
        "the program is called, and hangs",
    )
    # Without a session, the first packet needs a handshake.
    other.stop()
    other = lab.start(b, b.config_path)
    began = time.monotonic()
    wait_for(lambda: a.reaches("10.9.0.2"), 20, "a handshake while it hangs")
    seconds = time.monotonic() - began
    check(seconds < 8, f"a handshake took {seconds:.1f} s")
    wait_for(lambda: "took too long" in daemon.log(), 10, "the log says so")
    check("dns 10.9.0.2" in str(daemon.status()["host"]["missing"]), f"{daemon.status()['host']}")

    a.run("mv", PROGRAM + ".good", PROGRAM)
    a.run(lab.tunneld, "reload", "tun0")
    check("nameserver 10.9.0.2" in a.run("cat", "/etc/resolv.conf").stdout, daemon.log())
    check(daemon.status()["host"]["missing"] == [], f"{daemon.status()['host']}")
    daemon.stop()
    check("10.9.0.2" not in a.run("cat", "/etc/resolv.conf").stdout, daemon.log())
    print(f"a handshake after {seconds:.1f} s")


if __name__ == "__main__":
    main(run)

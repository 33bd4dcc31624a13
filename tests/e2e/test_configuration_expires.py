"""What a server has given a client holds for as long as the server is there, and for `lease_time` after that: then addresses
and routes are gone from the host, and are back with the server."""
import time

from harness import check, main, wait_for
from road_warriors import Server, configured

SLOW = True


def run(lab):
    server = Server(lab, lease_time="1m", push={"routes": ["10.66.0.0/16"]})
    client = server.client("client", accept={"routes": True})
    server.start()
    daemon = lab.start(client, client.config_path)
    told = configured(daemon)
    address = next(a for a in told["addresses"] if "." in a)

    def has_all():
        return address in client.ip("address", "show", "dev", "tun0") and "10.66.0.0/16" in client.ip("route")

    check(has_all(), "the client is not configured: nothing would be tested")
    # Longer than the lifetime and than the client looks at it.
    time.sleep(135)
    check(has_all() and "has expired" not in daemon.log(), "it has expired although the server is there")

    server.daemon.stop()
    stopped = time.monotonic()
    time.sleep(50)
    check(has_all(), "gone before its time")
    wait_for(lambda: not has_all(), 90, "the end of what the server gave")
    took = time.monotonic() - stopped
    check("has expired: its addresses may be somebody else's now" in daemon.log(), "the log does not say so")
    check("10.66.0.0/16" not in client.ip("route") and address not in client.ip("address"), "half of it is gone")
    check(daemon.status()["client"]["configured_by"] is None, f"status: {daemon.status()['client']}")

    server.start()
    wait_for(has_all, 20, "the configuration is back with the server")
    lab.check_nothing_left()
    print(f"gone {took:.0f} s after the server had left")


if __name__ == "__main__":
    main(run)

"""What a server has given a client holds for as long as the server is there, and for `lease_time` after that: then addresses
and routes are gone from the host, also where the other end is there, but as a server no longer. They are back with the server."""
import time

from harness import check, main, wait_for
from road_warriors import SERVER_ADDRESSES, Server, configured

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
    time.sleep(130)
    check(has_all() and "has expired" not in daemon.log(), "it has expired although the server is there")

    server.daemon.stop()
    stopped = time.monotonic()
    time.sleep(30)
    plain = lab.start(
        server.host,
        lab.config(
            server.host,
            {"addresses": SERVER_ADDRESSES, "listen_port": 51820},
            [{"name": "client", "public_key": server.peers[0]["public_key"], "allowed_ips": [f"{address}/32"]}],
        ),
    )
    wait_for(lambda: daemon.peer("office")["state"] == "up", 15, "a session with what was the server")
    check(has_all(), "gone before its time")
    wait_for(lambda: not has_all(), 90, "the end of what the server gave")
    took = time.monotonic() - stopped
    check("has expired: its addresses may be somebody else's now" in daemon.log(), "the log does not say so")
    check("10.66.0.0/16" not in client.ip("route") and address not in client.ip("address"), "half of it is gone")
    check(daemon.peer("office")["state"] == "up", "the session has ended: that it does not renew was not tested")
    check(daemon.status()["client"]["configured_by"] is None, f"status: {daemon.status()['client']}")

    plain.stop()
    server.start()
    wait_for(has_all, 20, "the configuration is back with the server")
    lab.check_nothing_left()
    print(f"gone {took:.0f} s after the server had left")


if __name__ == "__main__":
    main(run)

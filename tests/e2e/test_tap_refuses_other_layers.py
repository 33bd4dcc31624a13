"""A tap exchanges nothing with a tun or a stock peer, and both log and status say so by name."""
from harness import check, main, wait_for


def run(lab):
    tap, tun, stock = lab.host("tap"), lab.host("tun"), lab.host("stock")
    lab.wire(tap, "192.0.2.1/30", tun, "192.0.2.2/30", name_a="w1")
    lab.wire(tap, "192.0.2.5/30", stock, "192.0.2.6/30", name_a="w2")
    keys = {host: lab.key(host) for host in (tap, tun, stock)}
    peers = [
        {"name": "tun", "public_key": keys[tun], "endpoints": ["192.0.2.2:51820"]},
        {"name": "stock", "public_key": keys[stock], "endpoints": ["192.0.2.6:51820"]},
    ]
    daemon = lab.start(
        tap, lab.config(tap, {"name": "tap0", "type": "tap", "addresses": ["10.9.0.1/24"], "listen_port": 51820}, peers)
    )
    for host, n in ((tun, 2), (stock, 3)):
        peer = {"name": "tap", "public_key": keys[tap], "allowed_ips": ["10.9.0.1/32"]}
        interface = {"addresses": [f"10.9.0.{n}/24"], "listen_port": 51820}
        if host == stock:
            interface["extension"] = "off"  # says no HELLO, as any other WireGuard
        host.daemon = lab.start(host, lab.config(host, interface, [peer]))

    check(tap.ping("10.9.0.2", wait=1) == 0, "a tap reaches a tun")
    for name, words in (("tun", "runs a tun, and this is a tap"), ("stock", "is no tunneld, and only tunnelds have taps")):
        wait_for(lambda: daemon.peer(name)["state"] == "refused", 10, f"{name} is refused")
        check(daemon.peer(name)["note"] == words, f"{daemon.peer(name)}")
        check(f"peer {name} " in daemon.log() and words in daemon.log(), f"the log does not name {name}")
    check(tun.daemon.peer("tap")["note"] == "runs a tap, and this is a tun", f"{tun.daemon.peer('tap')}")
    check(tun.ping("10.9.0.1", wait=1) == 0 and stock.ping("10.9.0.1", wait=1) == 0, "somebody reaches a tap")
    check(daemon.status()["drops"]["wrong_layer"] >= 3, f"not counted: {daemon.status()['drops']}")


if __name__ == "__main__":
    main(run)

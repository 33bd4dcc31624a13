"""A hub and three spokes: each spoke reaches the hub, and through it (the hub forwards) the other spokes."""
from harness import check, main

VARIANTS = True


def run(lab):
    hub = lab.host("hub")
    spokes = [lab.host(f"s{n}") for n in (1, 2, 3)]
    hub_key = lab.key(hub)
    keys = [lab.key(spoke) for spoke in spokes]
    for n, spoke in enumerate(spokes, 1):
        lab.wire(hub, f"192.0.2.{n * 4 + 1}/30", spoke, f"192.0.2.{n * 4 + 2}/30", name_a=f"wire{n}")
    hub.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    config = lab.config(
        hub,
        {"addresses": ["10.9.0.254/24"], "listen_port": 51820},
        [{"name": f"s{n}", "public_key": key, "allowed_ips": [f"10.9.0.{n}/32"]} for n, key in enumerate(keys, 1)],
    )
    hub_daemon = lab.start(hub, config)
    for n, spoke in enumerate(spokes, 1):
        config = lab.config(
            spoke,
            {"addresses": [f"10.9.0.{n}/24"]},
            [
                {
                    "name": "hub",
                    "public_key": hub_key,
                    "endpoints": [f"192.0.2.{n * 4 + 1}:51820"],
                    "allowed_ips": ["10.9.0.0/24"],
                    "persistent_keepalive": "25s",
                }
            ],
        )
        lab.start(spoke, config)
    for n, spoke in enumerate(spokes, 1):
        check(spoke.ping("10.9.0.254") == 3, f"spoke {n} to the hub")
    for n, spoke in enumerate(spokes, 1):
        for other in (1, 2, 3):
            check(other == n or spoke.ping(f"10.9.0.{other}") == 3, f"spoke {n} to spoke {other}")
    # A spoke that takes another's address gets nowhere: cryptokey routing on the hub.
    before = hub_daemon.status()["drops"]["source_not_allowed"]
    spokes[0].ip("address", "add", "10.9.0.3/32", "dev", "tun0")
    check(spokes[0].ping("10.9.0.254", source="10.9.0.3", wait=1) == 0, "a false source is answered")
    check(hub_daemon.status()["drops"]["source_not_allowed"] >= before + 3, "a false source is not counted")


if __name__ == "__main__":
    main(run)

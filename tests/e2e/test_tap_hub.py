"""A hub and three spokes of taps: spokes see the hub and not each other, until `client_to_client` lets them, by a reload. A
spoke that floods the hub with 100,000 source addresses does not grow it, nor push the others out."""
import json
import pathlib
import re
import time

from harness import check, main

FLOOD = """
import socket, sys, time
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
packets.bind(("tap0", 0))
hub = bytes.fromhex(sys.argv[1].replace(":", ""))
for number in range(int(sys.argv[2])):
    packets.send(hub + b"\\x02\\x77" + number.to_bytes(4, "big") + b"\\x88\\xb5" + bytes(46))
    if number % 50 == 0:
        time.sleep(0.001)  # the device's queue drops without a word
"""


def resident_kb(daemon):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()).group(1))


def mac(host):
    return json.loads(host.ip("-j", "link", "show", "tap0"))[0]["address"]


def run(lab):
    hub, spokes = lab.host("hub"), [lab.host(f"s{n}") for n in (1, 2, 3)]
    hub_key, keys = lab.key(hub), [lab.key(spoke) for spoke in spokes]
    for n, spoke in enumerate(spokes, 1):
        lab.wire(hub, f"192.0.2.{n * 4 + 1}/30", spoke, f"192.0.2.{n * 4 + 2}/30", name_a=f"wire{n}")
    tap = {"name": "tap0", "type": "tap"}
    peers = [{"name": f"s{n}", "public_key": key} for n, key in enumerate(keys, 1)]
    config = lab.config(hub, {**tap, "addresses": ["10.9.0.254/24"], "listen_port": 51820}, peers)
    daemon = lab.start(hub, config, log_level="info")
    for n, spoke in enumerate(spokes, 1):
        lab.start(
            spoke,
            lab.config(
                spoke,
                {**tap, "addresses": [f"10.9.0.{n}/24"]},
                [
                    {
                        "name": "hub",
                        "public_key": hub_key,
                        "endpoints": [f"192.0.2.{n * 4 + 1}:51820"],
                        "persistent_keepalive": "25s",
                    }
                ],
            ),
        )
        check(spoke.ping("10.9.0.254", wait=3) == 3, f"spoke {n} to the hub")

    before = daemon.status()["drops"]["not_forwarded"]
    check(not spokes[0].reaches("10.9.0.2"), "a spoke reaches another one")
    # With the neighbour's address known, too: the frame itself is not passed on.
    spokes[0].ip("neigh", "replace", "10.9.0.2", "lladdr", mac(spokes[1]), "dev", "tap0")
    check(not spokes[0].reaches("10.9.0.2"), "a spoke reaches another one whose address it knows")
    check(
        daemon.status()["drops"]["not_forwarded"] > before, "nothing came to the hub for another spoke: nothing was tested"
    )
    lab.config(hub, {**tap, "addresses": ["10.9.0.254/24"], "listen_port": 51820}, peers, switch={"client_to_client": True})
    hub.run(lab.tunneld, "reload", "tap0")
    check(spokes[0].ping("10.9.0.2") == 3 and spokes[2].ping("10.9.0.1") == 3, "spokes reach each other when they may")

    memory = resident_kb(daemon)
    flood = spokes[0].popen("python3", "-c", FLOOD, mac(hub), 100_000)
    pings = 0
    while flood.poll() is None or pings == 0:
        check(spokes[1].ping("10.9.0.254", count=20, interval=0.01) == 20, "a ping is lost during the flood")
        pings += 20
    begin = time.monotonic()
    # On a busy machine the device's queue drops some of them.
    while daemon.peer("s1")["rx_packets"] < 95_000 and time.monotonic() - begin < 5:
        time.sleep(0.05)
    check(flood.returncode == 0 and daemon.peer("s1")["rx_packets"] >= 95_000, f"no flood arrived: {daemon.peer('s1')}")
    grown = resident_kb(daemon) - memory
    check(grown < 2048, f"the hub has grown by {grown} KiB")
    learned = daemon.peer("s1")["learned_addresses"]
    check(100 < learned <= 1024, f"{learned} stations learned of the flooding peer")
    check(daemon.peer("s2")["learned_addresses"] == 1, f"an honest peer's station was pushed out: {daemon.peer('s2')}")
    tcp = spokes[1].iperf(spokes[2], "10.9.0.3", seconds=1)
    check(tcp["bits_per_second"] > 10e6, f"TCP between honest spokes after the flood: {tcp}")
    print(f"100,000 source addresses: {learned} learned, {grown} KiB more, {pings} pings beside it")


if __name__ == "__main__":
    main(run)

"""One greedy peer leaves the others their part: two peers with one greedy TCP flow each get within 20 % of equal, sending
and receiving; and while one floods the hub with small UDP packets, the other's ping loses nothing, its TCP goes on, the control
socket answers, and a new session is made."""
import json
import re
import time

from harness import check, main, wait_for

ALONE = True


def greedy(hub, spokes, seconds, *extra):
    """Bits per second of each spoke's flow, all at once; each to a server of its own on the hub."""
    servers = [hub.iperf_server(5201 + n) for n in range(len(spokes))]
    flows = []
    for n, spoke in enumerate(spokes):
        output = open(spoke.directory / "iperf.json", "w")
        flows.append(
            spoke.popen("iperf3", "-c", "10.9.0.254", "-p", 5201 + n, "-t", seconds, "-O", 1, "-J", *extra, stdout=output)
        )
    for process in flows + servers:
        process.wait(timeout=seconds + 30)
    return [
        json.loads((spoke.directory / "iperf.json").read_text())["end"]["sum_received"]["bits_per_second"]
        for spoke in spokes
    ]


def run(lab):
    hub, spokes = lab.host("hub"), [lab.host(f"s{n}") for n in (1, 2)]
    hub_key = lab.key(hub)
    keys = [lab.key(spoke) for spoke in spokes]
    for n, spoke in enumerate(spokes, 1):
        lab.wire(hub, f"192.0.2.{n * 4 + 1}/30", spoke, f"192.0.2.{n * 4 + 2}/30", name_a=f"wire{n}")
    hub_daemon = lab.start(
        hub,
        lab.config(
            hub,
            {"addresses": ["10.9.0.254/24"], "listen_port": 51820},
            [{"name": f"s{n}", "public_key": key, "allowed_ips": [f"10.9.0.{n}/32"]} for n, key in enumerate(keys, 1)],
        ),
    )
    for n, spoke in enumerate(spokes, 1):
        spoke.daemon = lab.start(
            spoke,
            lab.config(
                spoke,
                {"addresses": [f"10.9.0.{n}/24"]},
                [
                    {
                        "name": "hub",
                        "public_key": hub_key,
                        "endpoints": [f"192.0.2.{n * 4 + 1}:51820"],
                        "allowed_ips": ["10.9.0.0/24"],
                    }
                ],
            ),
        )
        check(spoke.ping("10.9.0.254") == 3, f"spoke {n} reaches the hub")

    for words in ((), ("-R",)):
        shares = []
        for _ in range(3):  # TCP's own luck in one run is not the tunnel's doing
            rates = greedy(hub, spokes, 4, *words)
            shares.append(min(rates) / (sum(rates) / 2))
            if shares[-1] >= 0.8:
                break
        check(max(shares) >= 0.8, f"{words}: the smaller share is {shares} of an equal one")

    # The first floods: far more than the hub can open. The second's ping goes on, and so does its TCP.
    alone = greedy(hub, spokes[1:], 3)[0]
    server = hub.iperf_server(5301)
    before = hub_daemon.peer("s1")["rx_packets"]
    flood = spokes[0].popen("iperf3", "-c", "10.9.0.254", "-p", "5301", "-u", "-b", "0", "-l", "64", "-t", "20")
    time.sleep(1)
    ping = spokes[1].run("ping", "-n", "-c", "100", "-i", "0.02", "10.9.0.254").stdout
    with_flood = greedy(hub, spokes[1:], 3)[0]
    begin = time.monotonic()
    hub_daemon.status()
    answered = time.monotonic() - begin
    spokes[1].daemon.stop()
    lab.start(spokes[1], spokes[1].daemon.config)
    connected = wait_for(lambda: spokes[1].reaches("10.9.0.254"), 10, "a new session under a flood")
    check(flood.poll() is None, "the flood ended too early: nothing was tested")
    packets = hub_daemon.peer("s1")["rx_packets"] - before
    check(packets > 100_000, f"only {packets} packets of a flood")
    check("100 received" in ping, f"pings lost under a flood: {ping[-200:]}")
    average = float(re.search(r"= [\d.]+/([\d.]+)/", ping).group(1))
    check(average < 20, f"ping under a flood takes {average} ms on average")
    check(answered < 3 and connected < 6, f"status took {answered} s, a new session {connected} s")
    check(with_flood > alone / 4, f"TCP fell from {alone / 1e9:.2f} to {with_flood / 1e9:.2f} Gbit/s")
    server.kill()
    flood.kill()
    print(
        f"shares of an equal one {shares}, ping under a flood {average} ms, "
        f"TCP {alone / 1e9:.2f} alone and {with_flood / 1e9:.2f} Gbit/s beside it"
    )


if __name__ == "__main__":
    main(run)

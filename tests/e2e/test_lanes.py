"""Four workers at each end share one peer's traffic over lanes: each has a port of its own. While they open nothing is lost,
and each flow keeps its order on them. Where a firewall lets those ports not through, everything stays on the first; when the
peer roams, they are opened again."""
from harness import check, main
from numbered_flows import numbered_flows
from traffic import check_traffic


def source_ports(host, seconds, count):
    """UDP source ports of what comes in to the tunnel's port."""
    words = f"timeout {seconds} tcpdump -n -i wire -c {count} udp and dst port 51820 and greater 1000 2>/dev/null || true"
    lines = host.run("sh", "-c", words).stdout.splitlines()
    return {line.split(" > ")[0].rsplit(".", 1)[1] for line in lines if " > " in line}


def load(a, b, seconds=2):
    return a.iperf(b, "10.9.0.2", "-P", "8", seconds=seconds)["bits_per_second"]


def all_lanes_open(a, b):
    """Which flows leave by which worker is the kernel's choice: further ones are tried until each has had some."""
    for _ in range(5):
        load(a, b, 1)
        if a.daemon.peer("b")["lanes"] == 4:
            return True
    return False


def run(lab):
    a, b = lab.pair(start=False)
    for host in (a, b):
        host.config_path.write_text(host.config_path.read_text().replace("{", '{"workers": 4, ', 1))
        host.daemon = lab.start(host, host.config_path)
    check(a.ping("10.9.0.2") == 3, "ping")
    # Runs of datagrams from the beginning of the session: the lanes open under them.
    sent, got = numbered_flows(a, b, "10.9.0.2", 8, 2)
    check(a.daemon.peer("b")["lanes"] >= 2, f"no lanes were opened meanwhile: {a.daemon.peer('b')}")
    check(got["arrived"] == [sent] * 8, f"of {sent} on each flow, while lanes open: {got}")
    check(max(got["late"]) <= sent // 10, f"a flow overtakes itself once, when its lane opens: {got}")
    sent, got = numbered_flows(a, b, "10.9.0.2", 8, 2)
    check(got == {"arrived": [sent] * 8, "late": [0] * 8}, f"of {sent} on each flow, on open lanes: {got}")
    check_traffic(a, b)
    check(all_lanes_open(a, b), f"lanes of a: {a.daemon.peer('b')}")
    server = b.iperf_server()
    sender = a.popen("iperf3", "-c", "10.9.0.2", "-P", "8", "-t", "3")
    ports = source_ports(b, 2, 20000)
    sender.wait(timeout=20)
    server.wait(timeout=20)
    check(len(ports - {"51820"}) >= 2, f"data comes from {ports} only")
    check(b.daemon.peer("a")["endpoint"] == "203.0.113.1:51820", "a lane moved the endpoint")

    # a moves: the lanes are opened again under the new address, within the session.
    a.ip("address", "del", "203.0.113.1/24", "dev", "wire")
    a.ip("address", "add", "203.0.113.9/24", "dev", "wire")
    check(a.ping("10.9.0.2", count=20) >= 15, "traffic after a has moved")
    check(
        all_lanes_open(a, b) and b.daemon.peer("a")["endpoint"] == "203.0.113.9:51820",
        f"after a has moved: {a.daemon.peer('b')} {b.daemon.peer('a')}",
    )

    # A firewall that knows one port. A restart, because lanes that are open are not asked for again.
    a.daemon.stop()
    b.daemon.stop()
    for host in (a, b):
        host.run(
            "nft",
            "add table inet wall; add chain inet wall in { type filter hook input priority 0; }; "
            "add rule inet wall in iifname wire udp sport != 51820 counter drop",
        )
        host.daemon = lab.start(host, host.config_path)
    check(a.ping("10.9.0.2") >= 2, "ping behind the firewall")
    check(load(a, b, 3) > 10e6, "TCP behind the firewall")
    check(a.daemon.peer("b")["lanes"] == 0, "a lane is open that cannot be")
    dropped = b.run("nft", "list", "ruleset").stdout
    check("packets 0 " not in dropped, f"nobody asked for a lane: nothing was tested: {dropped}")


if __name__ == "__main__":
    main(run)

"""`tunneld doctor` names what keeps a tunnel down, each fault made for real: a wrong key of the server, an unknown client,
different preshared keys, a filtered port, nobody who listens, no route, a name that does not exist, addresses that are not
allowed. With a healthy tunnel it finds nothing."""
import concurrent.futures
import json

from harness import check, main, wait_for


def fault(lab, n, name):
    """A pair of hosts with one fault between them; returns what doctor must say on a and on b (None: not asked)."""
    a, b = lab.host(f"a{n}"), lab.host(f"b{n}")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    keys = {a: lab.key(a), b: lab.key(b)}
    other = lab.key(a, "other.key")
    configs = {}
    for host, peer, i in ((a, b, 1), (b, a, 2)):
        configs[host] = {
            "interface": {"addresses": [f"10.9.0.{i}/24"], "listen_port": 51820},
            "peer": {"name": "other", "public_key": keys[peer], "allowed_ips": [f"10.9.0.{3 - i}/32"]},
        }
    configs[a]["peer"].update(endpoints=["203.0.113.2:51820"], persistent_keepalive="1s")
    sections = {"client": {"kill_switch": True}} if name.endswith("with a kill switch") else {}
    start_b, on_a, on_b = True, "nothing comes back from 203.0.113.2:51820", None
    if name == "wrong key of the server":
        configs[a]["peer"]["public_key"] = other
        on_b = "configuration there has a wrong one for this host; the right one is " + keys[b]
    elif name == "unknown client":
        configs[b]["peer"]["public_key"] = other
        on_b = "handshakes arrive from a public key that is not in this configuration"
    elif name == "preshared key":
        lab.psk(a)
        lab.psk(b)
        for host in (a, b):
            configs[host]["peer"]["preshared_key_file"] = "preshared.key"
        on_a = "other: it answers, but its answers do not decrypt: the preshared keys differ"
    elif name == "filtered":
        b.run(
            "nft",
            "add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c udp dport 51820 drop",
        )
        on_b = "other: it has not called yet"
    elif name == "nobody listens":
        start_b = False
        on_a = "203.0.113.2:51820: nothing listens there"
    elif name == "nobody listens behind a full tunnel":
        start_b = False
        configs[a]["peer"]["allowed_ips"] = ["0.0.0.0/0"]
        on_a = "203.0.113.2:51820: nothing listens there"
    elif name == "nobody listens with a kill switch":
        start_b = False
    elif name == "no route":
        configs[a]["peer"]["endpoints"] = ["198.51.100.7:51820"]
        on_a = "no route"
    elif name == "no such name":
        configs[a]["peer"]["endpoints"] = ["no-such-host.invalid:51820"]
        on_a = "no-such-host.invalid"
    elif name == "source not allowed":
        configs[b]["peer"]["allowed_ips"] = ["10.9.0.77/32"]
        on_a = (
            "it drops packets from 10.9.0.1: there, add 10.9.0.1/32 to the 'allowed_ips' of this host (it has 10.9.0.77/32)"
        )
        on_b = "from addresses that do not belong to their peer here"
    elif name == "destination not allowed":
        configs[a]["peer"]["allowed_ips"] = ["10.9.0.77/32"]
        on_a = "for addresses that belong to no peer"
    elif name == "healthy with a kill switch":
        on_a = "[ok]   other: there is a session"
    else:
        on_a = on_b = "[ok]   other: there is a session"
    for host in (b, a):
        if host is a or start_b:
            own = sections if host is a else {}
            lab.start(host, lab.config(host, configs[host]["interface"], [configs[host]["peer"]], **own))
    # Somebody uses the tunnel, or tries to.
    a.popen("ping", "-n", "-i", "0.5", "10.9.0.2")
    return name, [(a, on_a), (b, on_b)]


def run(lab):
    names = [
        "healthy",
        "wrong key of the server",
        "unknown client",
        "preshared key",
        "filtered",
        "nobody listens",
        "nobody listens behind a full tunnel",
        "healthy with a kill switch",
        "nobody listens with a kill switch",
        "no route",
        "no such name",
        "source not allowed",
        "destination not allowed",
    ]
    pairs = [fault(lab, n, name) for n, name in enumerate(names)]
    wait_for(lambda: "up" in json.dumps([peer["state"] for peer in lab.daemons[1].status()["peers"]]), 10, "the healthy one")
    patients = [(name, host, words) for name, ends in pairs for host, words in ends if words is not None]

    def examine(patient):
        return patient, patient[1].run(lab.tunneld, "doctor", "other", check_exit=False)

    with concurrent.futures.ThreadPoolExecutor(len(patients)) as pool:
        for (name, host, words), result in pool.map(examine, patients):
            check(words in result.stdout, f"{name}, on {host.name}: '{words}' is not said:\n{result.stdout}")
            sick = "[FAIL]" in result.stdout
            check(result.returncode == (1 if sick else 0), f"{name}: exit {result.returncode}\n{result.stdout}")
            # It lets out the daemon's own datagrams and not doctor's, which is no fault of the tunnel's.
            check("on this host forbids" not in result.stdout, f"{name}:\n{result.stdout}")
            if name.startswith("healthy"):
                check(not sick and "[?]" not in result.stdout, f"a healthy tunnel:\n{result.stdout}")
            elif words != "other: it has not called yet":
                check(sick, f"{name} is not said to be wrong:\n{result.stdout}")
    # Both sides are told when that is put right.
    (a, _), (b, _) = pairs[names.index("source not allowed")][1]
    at_b = next(daemon for daemon in lab.daemons if daemon.host is b)
    at_b.config.write_text(at_b.config.read_text().replace("10.9.0.77/32", "10.9.0.1/32"))
    b.run(lab.tunneld, "reload")
    at_a = next(daemon for daemon in lab.daemons if daemon.host is a)
    wait_for(lambda: at_a.peer("other")["accepts"] == {"networks": ["10.9.0.1/32"], "more": False}, 5, "what b accepts now")
    check("[ok]   other: there is a session" in a.run(lab.tunneld, "doctor", "other").stdout, "a repaired one")

    first = pairs[0][1][0][0]
    check(first.run(lab.tunneld, "doctor", "nobody", check_exit=False).returncode == 2, "an unknown peer")


if __name__ == "__main__":
    main(run)

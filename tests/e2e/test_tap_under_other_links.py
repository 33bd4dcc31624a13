"""A tap that links stand on which tunneld knows nothing of: a bridge that somebody has put it into, a macvlan, a VLAN (where the
kernel has those). No peer becomes the host's IPv6 router through any of them, takes its address, or reaches another peer through
its forwarding; machines behind the bridge hear the advertisements all the same."""
import contextlib

from harness import check, main, wait_for
from test_tap_protects_its_host import ADVERTISE, SPOOF, mac, routers

TAG = {10: "8100000a", None: ""}


def has_vlan_devices(host):
    made = host.run("ip", "link", "add", "link", "lo", "name", "probe.1", "type", "vlan", "id", "1", check_exit=False)
    host.run("ip", "link", "del", "probe.1", check_exit=False)
    return made.returncode == 0


@contextlib.contextmanager
def bridge(host):
    host.ip("link", "add", "br9", "type", "bridge")
    for port in ("tap0", "lan"):
        host.ip("link", "set", port, "master", "br9")
    yield "br9", None
    host.ip("link", "del", "br9")


@contextlib.contextmanager
def macvlan(host):
    host.ip("link", "add", "link", "tap0", "name", "mv0", "type", "macvlan", "mode", "bridge")
    yield "mv0", None
    host.ip("link", "del", "mv0")


@contextlib.contextmanager
def vlan_device(host):
    host.ip("link", "add", "link", "tap0", "name", "tap0.10", "type", "vlan", "id", "10")
    yield "tap0.10", 10
    host.ip("link", "del", "tap0.10")


def run(lab):
    hub, spokes = lab.host("hub"), [lab.host(f"s{n}") for n in (1, 2)]
    machine = lab.host("machine")
    lab.wire(hub, [], machine, [], name_a="lan", name_b="eth0")
    hub_key, keys = lab.key(hub), [lab.key(spoke) for spoke in spokes]
    for n, spoke in enumerate(spokes, 1):
        lab.wire(hub, f"192.0.2.{n * 4 + 1}/30", spoke, f"192.0.2.{n * 4 + 2}/30", name_a=f"wire{n}")
        peer = {
            "name": "hub",
            "public_key": hub_key,
            "endpoints": [f"192.0.2.{n * 4 + 1}:51820"],
            "persistent_keepalive": "1s",
        }
        lab.start(spoke, lab.config(spoke, {"name": "tap0", "type": "tap", "addresses": [f"10.9.0.{n}/24"]}, [peer]))
    hub.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    # Answers that take over the mark of what they answer are the host's own all the same.
    hub.run("sysctl", "-qw", "net.ipv4.fwmark_reflect=1")
    before = hub.run("nft", "list", "ruleset").stdout
    peers = [{"name": f"s{n}", "public_key": key} for n, key in enumerate(keys, 1)]
    interface = {"name": "tap0", "type": "tap", "listen_port": 51820}

    def advertise(tag):
        spokes[0].run("python3", "-c", ADVERTISE, "tap0", TAG[tag])

    def through_the_hub(above):
        """Whether the first spoke's packets reach the second one by the hub's address on this link."""
        for spoke, other in ((spokes[0], 2), (spokes[1], 1)):
            spoke.ip("neigh", "replace", f"10.9.0.{other}", "lladdr", mac(hub, above), "dev", "tap0")
        return spokes[0].reaches("10.9.0.2")

    def meet(daemon, stands_on_it, is_guarded):
        with stands_on_it(hub) as (above, tag):
            hub.ip("link", "set", above, "up")
            hub.ip("addr", "add", "10.9.0.254/24", "dev", above)
            words = f"{above} in VLAN {tag}" if tag else above
            if tag is None:
                for spoke in spokes:
                    spoke.ip("neigh", "flush", "dev", "tap0")
                    wait_for(lambda: spoke.reaches("10.9.0.254"), 10, f"{words}: {spoke.name} reaches the hub")
                check(
                    through_the_hub(above) != is_guarded,
                    f"{words}: forwarded from peer to peer: {not is_guarded} was expected",
                )
            if is_guarded:
                dropped = daemon.status()["drops"]["source_not_allowed"]
                spokes[0].run("python3", "-c", SPOOF, mac(hub, above))
                wait_for(
                    lambda: daemon.status()["drops"]["source_not_allowed"] >= dropped + 20,
                    5,
                    f"{words}: its address is refused",
                )
                advertised = hub.run("nft", "list", "counter", "inet", "tunneld-tap0", "advertised").stdout
                advertise(tag)
                wait_for(
                    lambda: hub.run("nft", "list", "counter", "inet", "tunneld-tap0", "advertised").stdout != advertised,
                    5,
                    f"{words}: the advertisement comes to the hub, and is dropped",
                )
                check(not routers(hub), f"{words}: a peer is the hub's router: {hub.ip('-6', 'route')}")
            else:
                advertise(tag)
                wait_for(lambda: routers(hub), 5, f"{words}: a router, when it may")
            if stands_on_it is bridge:
                wait_for(lambda: routers(machine), 5, "a machine behind the bridge hears the advertisement")

    above_it = [bridge, macvlan] + ([vlan_device] if has_vlan_devices(hub) else [])
    daemon = lab.start(hub, lab.config(hub, interface, peers))
    for stands_on_it in above_it:
        meet(daemon, stands_on_it, is_guarded=True)
    # What others take away is put back.
    hub.run("nft", "flush", "ruleset")
    wait_for(lambda: "netdev tunneld-tap0" in hub.run("nft", "list", "ruleset").stdout, 5, "the table is back")
    meet(daemon, macvlan, is_guarded=True)
    daemon.stop()
    check(hub.run("nft", "list", "ruleset").stdout == before, "rules stay")

    # What is refused is what these frames would do: with leave they do it.
    daemon = lab.start(
        hub, lab.config(hub, interface, peers, switch={"client_to_client": True, "router_advertisements": True})
    )
    for stands_on_it in above_it:
        meet(daemon, stands_on_it, is_guarded=False)


if __name__ == "__main__":
    main(run)

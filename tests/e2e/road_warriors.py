"""A server that hands out addresses, and clients that ask it: hosts, wires and configurations."""
import json

from harness import wait_for

POOL = ["10.8.0.0/24", "fd08::/64"]
SERVER_ADDRESSES = ["10.8.0.1/24", "fd08::1/64"]


class Server:
    """A host "server" with one wire to each client: 192.0.2.(4n+1) on its side."""

    def __init__(self, lab, **section):
        self.lab = lab
        self.host = lab.host("server")
        self.key = lab.key(self.host)
        self.section = {"pool": POOL, **section}
        self.peers = []
        self.clients = 0

    def write(self, **interface):
        return self.lab.config(
            self.host, {"addresses": SERVER_ADDRESSES, "listen_port": 51820, **interface}, self.peers, server=self.section
        )

    def start(self, **options):
        self.daemon = self.lab.start(self.host, self.write(), **options)
        return self.daemon

    def reload(self):
        self.write()
        reply = self.host.run(self.lab.tunneld, "reload", "tun0").stdout
        return reply

    def wire(self, name):
        """A host on a wire of its own; returns it and the server's endpoint on that wire."""
        self.clients += 1
        n = self.clients
        host = self.lab.host(name)
        self.lab.wire(self.host, f"192.0.2.{n * 4 + 1}/30", host, f"192.0.2.{n * 4 + 2}/30", name_a=f"wire{n}")
        return host, f"192.0.2.{n * 4 + 1}:51820"

    def client(self, name, accept=None, peer=None, **server_peer):
        """A host for a tunneld client, known to the server. Not started."""
        host, endpoint = self.wire(name)
        self.peers.append({"name": name, "public_key": self.lab.key(host), **server_peer})
        host.server_peer = {"name": "office", "public_key": self.key, "endpoints": [endpoint], **(peer or {})}
        host.accept = accept
        self.configure(host)
        return host

    def configure(self, host):
        host.config_path = self.lab.config(
            host, {}, [host.server_peer], client={"accept": host.accept} if host.accept is not None else {}
        )
        return host.config_path

    def leases(self):
        """By peer name."""
        return {lease["peer"]: lease["addresses"] for lease in self.daemon.status()["server"]["leases"]}


def configured(daemon, seconds=10):
    """Waits until the client has its configuration; returns it, as in status."""
    wait_for(lambda: daemon.status()["client"]["configured_by"], seconds, f"{daemon.host.name} is configured")
    return daemon.status()["client"]


def addresses(host):
    """Of tun0, as the kernel has them, without link-local ones."""
    found = json.loads(host.ip("-j", "address", "show", "dev", "tun0") or "[]")
    return sorted(each["local"] for link in found for each in link.get("addr_info", []) if each["scope"] == "global")


def routes(host):
    """Networks through tun0, in the main table."""
    both = [json.loads(host.ip("-j", family, "route", "show", "dev", "tun0") or "[]") for family in ("-4", "-6")]
    return sorted(route["dst"] for family in both for route in family if "/" in route["dst"])

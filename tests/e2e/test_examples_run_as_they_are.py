"""The configurations in config/ run unchanged, with the example keys that their own first lines give: the two sites against
each other, a spoke against the hub, and a client that its server configures."""
import re
import shutil

from harness import ROOT, check, main
from road_warriors import configured, routes


def install(lab, host, example):
    path = host.directory / example
    shutil.copy(ROOT / "config" / example, path)
    keys = re.findall(r"\(umask 077; echo '(\S+)' > (\S+)\)", path.read_text())
    check(keys, f"{example} does not say how to make its keys")
    for text, name in keys:
        (host.directory / name).write_text(text + "\n")
        (host.directory / name).chmod(0o600)
    return lab.start(host, path)


def run(lab):
    a, b = lab.host("sitea"), lab.host("siteb")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    install(lab, a, "site-a.yaml")
    install(lab, b, "site-b.yaml")
    check(a.ping("10.255.0.1") == 3 and b.ping("fd00:255::") == 3, "site to site")
    check("10.20.0.0/16 dev tun0" in a.ip("route"), "the route to the other site")

    hub, spoke = lab.host("hub"), lab.host("spoke")
    lab.wire(hub, "198.51.100.1/24", spoke, "198.51.100.2/24")
    install(lab, hub, "hub.yaml")
    install(lab, spoke, "spoke.yaml")
    check(spoke.ping("10.8.0.1") == 3 and spoke.ping("fd08::1") == 3, "spoke to hub")
    check(hub.ping("10.8.0.2") == 3, "hub to spoke")

    server, client = lab.host("server"), lab.host("client")
    lab.wire(server, "198.51.100.1/24", client, "198.51.100.2/24")
    install(lab, server, "server.yaml")
    configured(install(lab, client, "client.yaml"))
    check(client.ping("10.8.0.1") == 3 and client.ping("fd08::1") == 3, "client to server")
    check("10.30.0.0/16" in routes(client), f"the office is not reached through the server: {routes(client)}")


if __name__ == "__main__":
    main(run)

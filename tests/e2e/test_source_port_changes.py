"""Nobody answers: a device on the way may hold on to what it knows of our port, so a client whose `listen_port` is auto calls from
another one. Where the port is configured, others may count on it, and it stays."""
import re

from harness import check, main, wait_for

SLOW = True


def run(lab):
    silent = lab.host("silent")
    silent.run("nft", "table inet t { chain i { type filter hook input priority 0; udp dport 51820 drop; }; }")
    daemons = {}
    for n, (name, port) in enumerate((("auto", "auto"), ("fixed", 40000)), 1):
        host = lab.host(name)
        lab.wire(silent, f"192.0.2.{n * 4 + 1}/30", host, f"192.0.2.{n * 4 + 2}/30", name_a=f"wire{n}")
        peer = {"name": "silent", "public_key": lab.key(silent), "endpoints": [f"192.0.2.{n * 4 + 1}:51820"]}
        peer |= {"allowed_ips": ["10.9.0.9/32"], "persistent_keepalive": "5s"}
        lab.key(host)
        daemons[name] = lab.start(host, lab.config(host, {"addresses": [f"10.9.0.{n}/24"], "listen_port": port}, [peer]))
        silent.directory.joinpath("private.key").unlink()

    def port(name):
        return daemons[name].status()["interface"]["listen_port"]

    def unanswered(name):
        found = re.search(r"no answer to (\d+)", daemons[name].peer("silent")["note"])
        return int(found.group(1)) if found else 0

    before = {name: port(name) for name in daemons}
    check(before["fixed"] == 40000, f"ports: {before}")
    wait_for(lambda: port("auto") != before["auto"], 40, "another port")
    check(f"sending from udp port {port('auto')}" in daemons["auto"].log(), "the log does not name the new port")
    check(unanswered("auto") >= 3, "the port has changed too soon")
    wait_for(lambda: unanswered("fixed") >= 5, 40, "the other one has had as many tries")
    check(port("fixed") == 40000, "a configured port has changed")
    check("sending from" not in daemons["fixed"].log(), "a configured port was to change")
    sockets = daemons["fixed"].host.run("ss", "-Hlun").stdout
    check(":40000 " in sockets, f"sockets: {sockets}")


if __name__ == "__main__":
    main(run)

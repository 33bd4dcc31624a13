"""A server pushes the default route and name servers: its client sends everything inside, and asks for names only there; but
what the server pushes in the client's own network takes nothing of that network into the tunnel. A reload of the server
takes the default route away again; afterwards the client's host is as it was."""
import signal
import subprocess

from harness import check, check_same_state, main, wait_for
from road_warriors import Server, configured

INTERNET = ("198.51.100.80", "2001:db8:80::80")
DNS = {"servers": ["10.8.0.1", "192.0.2.6"], "search": ["corp.example"]}


def run(lab):
    server = Server(lab, push={"routes": ["0.0.0.0/0", "::/0"], "dns": DNS})
    client = server.client("client", accept={"default_route": True})
    for address in INTERNET:
        server.host.ip("address", "add", address + ("/128" if ":" in address else "/32"), "dev", "lo")
    client.ip("route", "add", "default", "via", "192.0.2.5")
    client.ask_names_of("192.0.2.5")
    logs = {name: server.host.directory / f"{name}.log" for name in ("outside", "inside")}
    server.host.serve_names("192.0.2.5", logs["outside"]).write_text("www.corp.example 198.51.100.80")
    wait_for(lambda: "NO-CARRIER" not in client.ip("link", "show", "wire"), 5, "the wire carries")

    def finds(name):
        return "198.51.100.80" in client.run("getent", "ahostsv4", name, check_exit=False).stdout

    wait_for(lambda: finds("www.corp.example"), 5, "the name is found outside: nothing is tested without it")
    check(client.reaches(INTERNET[0]), "the internet without a tunnel: nothing is tested without it")
    before = client.state()
    asked_outside = logs["outside"].read_text()

    server.start()
    server.host.serve_names("10.8.0.1", logs["inside"])
    daemon = lab.start(client, client.config_path)
    told = configured(daemon)
    wait_for(lambda: "fwmark 0xca6c" in client.ip("rule"), 10, "the full tunnel takes effect")
    way = client.ip("route", "get", "192.0.2.5")
    check("dev wire" in way, f"the way to a neighbour: {way}")
    check("name server 192.0.2.6 (this host is connected" in str(told["refused"]), f"refused: {told['refused']}")
    sniffer = client.popen(
        "tcpdump",
        "-n",
        "-l",
        "-i",
        "wire",
        "-Q",
        "out",
        "not arp and not (udp and dst host 192.0.2.5 and dst port 51820) and not icmp6 and not ip6 multicast",
        stdout=open(client.directory / "leaks.txt", "w"),
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: "wire" in client.run("ss", "-0np").stdout, 5, "tcpdump listens")
    received = daemon.peer("office")["rx_packets"]
    for address in INTERNET:
        wait_for(lambda: client.reaches(address), 5, f"{address} through the tunnel")
    check(finds("www.corp.example") and finds("www"), "names are found through the tunnel, by search domain too")
    check(daemon.peer("office")["rx_packets"] >= received + 4, "the answers did not come through the tunnel")
    check("www.corp.example" in logs["inside"].read_text(), "the tunnel's name server was not asked")
    sniffer.send_signal(signal.SIGINT)
    sniffer.wait(timeout=5)
    leaks = (client.directory / "leaks.txt").read_text()
    check(not leaks.strip(), f"around the tunnel went: {leaks}")
    check(logs["outside"].read_text() == asked_outside, "the name server outside was asked")

    server.section["push"] = {"dns": DNS}
    server.reload()
    wait_for(lambda: "fwmark 0xca6c" not in client.ip("rule"), 5, "the default route is taken away")
    check(client.reaches(INTERNET[0]) and finds("www.corp.example"), "the internet outside, and names inside, after that")
    words = "full tunnel of one address family only"
    check(words not in daemon.log(), "both families were pushed until now")
    server.section["push"] = {"routes": ["0.0.0.0/0"], "dns": DNS}
    server.reload()
    wait_for(lambda: words in daemon.log(), 5, "what is pushed leaves IPv6 out, and nobody says so")
    server.section["push"] = {"routes": ["0.0.0.0/0", "::/0"], "dns": DNS}
    server.reload()
    wait_for(lambda: "fwmark 0xca6c" in client.ip("-6", "rule"), 5, "the default route is pushed again")
    check(client.reaches(INTERNET[0]), "the internet through the tunnel again")

    daemon.stop()
    check_same_state(before, client.state(), "after SIGTERM")
    daemon = lab.start(client, client.config_path)
    wait_for(lambda: "fwmark 0xca6c" in client.ip("rule"), 10, "the full tunnel takes effect once more")
    daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
    client.run(lab.tunneld, "cleanup")
    check_same_state(before, client.state(), "after SIGKILL and cleanup")


if __name__ == "__main__":
    main(run)

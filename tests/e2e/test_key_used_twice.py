"""Two hosts with one key take the tunnel from each other: the server's log, its status and doctor say so."""
import json
import shutil

from harness import check, main, wait_for


def run(lab):
    server, one, other = lab.host("server"), lab.host("one"), lab.host("other")
    lab.wire(server, "203.0.113.1/24", one, "203.0.113.2/24", name_a="wire1")
    lab.wire(server, "198.51.100.1/24", other, "198.51.100.2/24", name_a="wire2")
    key, copied = lab.key(server), lab.key(one)
    shutil.copy(one.directory / "private.key", other.directory / "private.key")
    peer = {"name": "laptop", "public_key": copied, "allowed_ips": ["10.9.0.2/32"]}
    daemon = lab.start(server, lab.config(server, {"addresses": ["10.9.0.1/24"], "listen_port": 51820}, [peer]))

    def is_named():
        return [each["key_used_twice"] for each in daemon.status()["peers"]] == [True]

    for host, endpoint in ((one, "203.0.113.1:51820"), (other, "198.51.100.1:51820")):
        check(not is_named(), "there is one host only until now")
        peer = {"name": "server", "public_key": key, "endpoints": [endpoint], "allowed_ips": ["10.9.0.1/32"]}
        lab.start(host, lab.config(host, {"addresses": ["10.9.0.2/24"]}, [{**peer, "persistent_keepalive": "1s"}]))
        check(host.reaches("10.9.0.1"), "each of them reaches the server, alone")
        host.popen("ping", "-q", "-i", "0.2", "10.9.0.1", stdout=open(host.directory / "ping.txt", "w"))
    words = "one key is used by two hosts at once"
    wait_for(is_named, 60, "status names it")
    wait_for(lambda: words in daemon.log(), 5, "the log names it")
    said = server.run(lab.tunneld, "doctor", check_exit=False)
    check(said.returncode != 0 and words in said.stdout, f"doctor: {said.stdout}")
    check(words in json.dumps(daemon.status()["peers"]), "status has the words")


if __name__ == "__main__":
    main(run)

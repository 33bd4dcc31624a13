"""Somebody floods a host with forged ICMP errors about its tunnel's datagrams, while it calls a peer that is really not there
and so listens to them: a session beside it ends by none of them and loses no packet."""
import json
import pathlib
import sys
import time

from harness import check, main, wait_for

FORGER = pathlib.Path(__file__)


def forge(source, destination, port):
    """Until killed: ICMP of all kinds to `source`, about a datagram from there to `destination`, in bursts."""
    import socket
    import struct

    def checksum(data):
        total = sum(struct.unpack(f"!{len(data) // 2}H", data))
        total = (total & 0xffff) + (total >> 16)
        return ~(total + (total >> 16)) & 0xffff

    a, b = socket.inet_aton(source), socket.inet_aton(destination)
    quoted = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 176, 1, 0, 64, 17, 0, a, b)
    quoted = quoted[:10] + struct.pack("!H", checksum(quoted)) + quoted[12:]
    # As if it were about an initiation, of which the sender index can only be guessed.
    quoted += struct.pack("!HHHH", port, port, 156, 0) + bytes([1, 0, 0, 0, 1, 2, 3, 4]) + bytes(140)
    messages = []
    for code in (3, 1, 0, 13, 2, 5):
        icmp = struct.pack("!BBHI", 3, code, 0, 0) + quoted
        messages.append(icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:])
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    while True:
        for message in messages * 5:
            raw.sendto(message, (source, 0))
        time.sleep(0.005)


def errors_heard(host):
    lines = [line.split() for line in host.run("cat", "/proc/net/snmp").stdout.splitlines() if line.startswith("Icmp:")]
    return int(lines[1][lines[0].index("InDestUnreachs")])


def run(lab):
    a, b = lab.pair(start=False)
    config = json.loads(a.config_path.read_text())
    # Nobody is at that port. It is called every 5 s, whatever happens.
    config["peers"].append({"name": "gone", "public_key": lab.key(a, "gone.key"), "allowed_ips": ["10.77.0.0/16"],
                            "endpoints": ["203.0.113.2:9"], "persistent_keepalive": "1s"})
    config["workers"] = 2
    a.config_path.write_text(json.dumps(config))
    lab.start(b, b.config_path)
    daemon = lab.start(a, a.config_path)
    wait_for(lambda: a.reaches("10.9.0.2"), 10, "the tunnel")
    wait_for(lambda: "peer gone" in daemon.log() and "nothing listens at 203.0.113.2:9" in daemon.log(), 10, "a refusal")
    before = errors_heard(a)
    b.popen(sys.executable, FORGER, "--forge", "203.0.113.1", "203.0.113.2", 51820)
    wait_for(lambda: errors_heard(a) > before + 100, 5, "the flood")
    answered = a.ping("10.9.0.2", count=1500, interval=0.008, wait=5)
    heard = errors_heard(a) - before
    check(heard > 5000, f"only {heard} errors were heard")
    check(answered == 1500, f"{1500 - answered} of 1500 packets were lost")
    check("session renewed" not in daemon.log(), "the session was begun anew")
    check(daemon.peer("b")["state"] == "up", f"status: {daemon.peer('b')}")
    check(daemon.log().count("nothing listens") == 1, "a forged error was believed")
    print(f"{heard} forged errors, nothing lost")


if __name__ == "__main__":
    if "--forge" in sys.argv:
        forge(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    main(run)

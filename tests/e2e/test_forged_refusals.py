"""Somebody floods a host with forged ICMP errors about its tunnel's datagrams, while it calls a peer that is really not there
and so listens to them: a session beside it ends by none of them and loses no packet, and a peer that is silent is not taken for
one that is not there."""
import json
import pathlib
import sys
import time

from harness import check, main, wait_for

FORGER = pathlib.Path(__file__)
GONE, SILENT = 9, 10


def forge(source, port, destination, destination_ports):
    """Until killed: ICMP of all kinds to `source`, about datagrams from `port` there to `destination`, in bursts."""
    import socket
    import struct

    def checksum(data):
        total = sum(struct.unpack(f"!{len(data) // 2}H", data))
        total = (total & 0xFFFF) + (total >> 16)
        return ~(total + (total >> 16)) & 0xFFFF

    a, b = socket.inet_aton(source), socket.inet_aton(destination)
    quoted = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 176, 1, 0, 64, 17, 0, a, b)
    quoted = quoted[:10] + struct.pack("!H", checksum(quoted)) + quoted[12:]
    messages = []
    for destination_port in destination_ports:
        # As if it were about an initiation, of which the sender index can only be guessed.
        udp = struct.pack("!HHHH", port, destination_port, 156, 0) + bytes([1, 0, 0, 0, 1, 2, 3, 4]) + bytes(140)
        for code in (3, 1, 0, 13, 2, 5):
            icmp = struct.pack("!BBHI", 3, code, 0, 0) + quoted + udp
            messages.append(icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:])
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    while True:
        for message in messages * 3:
            raw.sendto(message, (source, 0))
        time.sleep(0.005)


def errors_heard(host):
    lines = [line.split() for line in host.run("cat", "/proc/net/snmp").stdout.splitlines() if line.startswith("Icmp:")]
    return int(lines[1][lines[0].index("InDestUnreachs")])


def run(lab):
    a, b = lab.pair(start=False)
    config = json.loads(a.config_path.read_text())
    # Nobody is at the one port, and at the other one who never answers. Both are called every 5 s, whatever happens.
    for name, port, n in (("gone", GONE, 77), ("silent", SILENT, 78)):
        config["peers"].append(
            {
                "name": name,
                "public_key": lab.key(a, name + ".key"),
                "allowed_ips": [f"10.{n}.0.0/16"],
                "endpoints": [f"203.0.113.2:{port}"],
                "persistent_keepalive": "1s",
            }
        )
    config["workers"] = 2
    a.config_path.write_text(json.dumps(config))
    lab.start(b, b.config_path)
    b.popen(
        sys.executable,
        "-c",
        f"import signal, socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
        f"s.bind(('203.0.113.2', {SILENT})); signal.pause()",
    )
    wait_for(lambda: f":{SILENT}" in b.run("ss", "-ulnH").stdout, 10, "the silent one's port")
    daemon = lab.start(a, a.config_path)
    wait_for(lambda: a.reaches("10.9.0.2"), 10, "the tunnel")
    wait_for(
        lambda: "peer gone" in daemon.log() and f"nothing listens at 203.0.113.2:{GONE}" in daemon.log(), 10, "a refusal"
    )
    before = errors_heard(a)
    b.popen(sys.executable, FORGER, "--forge", "203.0.113.1", 51820, "203.0.113.2", 51820, GONE, SILENT)
    wait_for(lambda: errors_heard(a) > before + 100, 10, "the flood")
    answered = a.ping("10.9.0.2", count=1500, interval=0.008, wait=5)
    heard = errors_heard(a) - before
    check(heard > 5000, f"only {heard} errors were heard")
    check(answered == 1500, f"{1500 - answered} of 1500 packets were lost")
    check("session renewed" not in daemon.log(), "the session was begun anew")
    check(daemon.peer("b")["state"] == "up", f"status: {daemon.peer('b')}")
    check(
        f"203.0.113.2:{SILENT}, says its host" not in daemon.log() and daemon.log().count("nothing listens") == 1,
        "a forged error was believed",
    )
    print(f"{heard} forged errors, nothing lost")


if __name__ == "__main__":
    if "--forge" in sys.argv:
        forge(sys.argv[2], int(sys.argv[3]), sys.argv[4], [int(port) for port in sys.argv[5:]])
    main(run)

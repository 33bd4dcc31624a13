"""Under systemd, a restart or a crash of either side takes nothing off the host: no packet of a full tunnel leaves beside
it, TCP goes on, and after a restart the tunnel carries packets again at once. A stop takes everything away."""
import json
import re
import shutil

from booted import WIRE_TO_FAR, boot_and_run, install, layer, sender
from harness import check, main, sh

ALONE = True

# Most of it is systemd's, for the sandbox of the new daemon: 0.27 s on two quiet cores.
LONGEST_GAP = 2.0

SCRIPT = (
    WIRE_TO_FAR
    + """
ip route add default via 203.0.113.2
ip netns exec far nft 'table ip seen { counter beside {}; chain in { type filter hook prerouting priority raw; iifname "wire" ip daddr 198.51.100.9 counter name beside; }; }'
beside() { ip netns exec far nft list counter ip seen beside | grep -o 'packets [0-9]*' | cut -d' ' -f2; }
python3 /usr/local/bin/tunneld-sender &
sleep 0.3
[ "$(beside)" -gt 0 ] && echo SENDER-IS-HEARD
mkdir -p /etc/systemd/system/tunneld@far.service.d
printf '[Service]\\nNetworkNamespacePath=/run/netns/far\\n' > /etc/systemd/system/tunneld@far.service.d/namespace.conf
systemctl daemon-reload
systemctl start tunneld@far tunneld@near
tunneld wait tun0 --for configured --timeout 20s && echo CONFIGURED
ip -4 -br address show dev tun0
ip netns exec far python3 /usr/local/bin/tunneld-stream listen 10.9.0.1 > /stream.txt &
sleep 0.3
python3 /usr/local/bin/tunneld-stream connect 10.9.0.1 &
ping -n -D -i 0.01 10.9.0.1 > /ping.txt &
sleep 1
ip -4 rule > /rules; ip -4 route show table all > /routes
before=$(beside)
phase() { echo "PHASE $1 $(date +%s.%N)"; }
ip monitor address route rule link > /monitor.txt & monitor=$!
phase restart-near; systemctl restart tunneld@near; sleep 3
ip -4 rule | cmp - /rules && ip -4 route show table all | cmp - /routes && echo AS-BEFORE
phase restart-far; systemctl restart tunneld@far; sleep 3
kill $monitor
grep -c Deleted.*tun0 /monitor.txt; grep Deleted.*tun0 /monitor.txt || echo NOTHING-DELETED
phase kill-near; systemctl kill -s KILL tunneld@near; sleep 5
phase kill-far; systemctl kill -s KILL tunneld@far; sleep 5
phase hang-near; systemctl kill -s STOP --kill-whom=main tunneld@near; sleep 0.5; systemctl kill -s KILL tunneld@near; sleep 5
phase end
ip -4 rule | cmp - /rules && ip -4 route show table all | cmp - /routes && echo STILL-AS-BEFORE
echo "BESIDE: $(( $(beside) - before ))"
systemctl show -p NRestarts tunneld@near
tunneld status tun0
systemctl stop tunneld@near
sleep 0.5
ip -br link show dev tun0 || echo DEVICE-GONE
ip -4 rule | grep -v -e 'lookup local' -e 'lookup main' -e 'lookup default' || echo RULES-GONE
ls /run/tunneld/
systemctl start tunneld@near
tunneld wait tun0 --for configured --timeout 20s
tunneld down tun0
sleep 0.5
ip -br link show dev tun0 || echo DEVICE-GONE-AGAIN
systemctl start tunneld@near
tunneld wait tun0 --for configured --timeout 20s
echo 'nonsense: 1' >> /etc/tunneld/near.yaml
systemctl restart tunneld@near
ip -4 rule | grep -v -e 'lookup local' -e 'lookup main' -e 'lookup default' || echo RULES-GONE-AFTER-A-MISTAKE
journalctl --sync; journalctl -q -o cat -u tunneld@near | tail -150
kill %1 %2 %3 %4
cp /ping.txt /stream.txt /monitor.txt /var/tmp/
"""
)

STREAM = """
import socket, sys, time
role, address = sys.argv[1:]
if role == "listen":
    listener = socket.create_server((address, 5000))
    connection = listener.accept()[0]
    while data := connection.recv(65536):
        print(time.time(), len(data), flush=True)
    print("CLOSED")
else:
    s = socket.create_connection((address, 5000))
    while True:
        s.sendall(bytes(1000))
        time.sleep(0.005)
"""


def gaps(times):
    return [(after - before, before) for before, after in zip(times, times[1:])]


def run(lab):
    with layer(lab) as machine:
        install(lab, machine)
        etc = machine / "etc/tunneld"
        shutil.rmtree(etc, ignore_errors=True)
        etc.mkdir(mode=0o700)
        keys = {name: sh(lab.tunneld, "genkey", "-o", etc / f"{name}.key").stdout.strip() for name in ("near", "far")}
        (etc / "far.yaml").write_text(
            json.dumps(
                {
                    "interface": {
                        "name": "tun1",
                        "addresses": ["10.9.0.1/24"],
                        "listen_port": 51820,
                        "private_key_file": "far.key",
                    },
                    "server": {"pool": ["10.9.0.0/24"], "push": {"routes": ["0.0.0.0/0"]}},
                    "peers": [{"name": "near", "public_key": keys["near"]}],
                }
            )
        )
        (etc / "near.yaml").write_text(
            json.dumps(
                {
                    "interface": {"name": "tun0", "private_key_file": "near.key"},
                    "client": {"accept": {"default_route": True}},
                    "peers": [{"name": "far", "public_key": keys["far"], "endpoints": ["203.0.113.2:51820"]}],
                }
            )
        )
        (machine / "usr/local/bin/tunneld-sender").write_text(sender("198.51.100.9"))
        (machine / "usr/local/bin/tunneld-stream").write_text(STREAM)
        text = boot_and_run(machine, SCRIPT, seconds=120)
        pings = (machine / "var/tmp/ping.txt").read_text()
        stream = (machine / "var/tmp/stream.txt").read_text()

    for words in (
        "\nSENDER-IS-HEARD",
        "\nCONFIGURED",
        "\nAS-BEFORE\n",
        "\nSTILL-AS-BEFORE\n",
        "\nNOTHING-DELETED",
        "\nBESIDE: 0\n",
        "\nDEVICE-GONE\n",
        "\nRULES-GONE\n",
        "\nDEVICE-GONE-AGAIN",
        "\nRULES-GONE-AFTER-A-MISTAKE",
    ):
        check(words in text, f"{words!r} is missing:\n{text}")

    phases = [(name, float(at)) for name, at in re.findall(r"^PHASE (\S+) ([0-9.]+)$", text, re.M)]
    answers = [float(at) for at in re.findall(r"^\[([0-9.]+)\].*icmp_seq=", pings, re.M)]
    arrivals = [float(line.split()[0]) for line in stream.splitlines() if line[:1].isdigit()]
    check("CLOSED" not in stream, "the TCP connection ended")
    for (name, begin), (_, end) in zip(phases, phases[1:]):
        ping, tcp = (max(gaps([begin, *[at for at in times if begin <= at < end], end]))[0] for times in (answers, arrivals))
        print(f"{name}: no answer to a ping for {ping * 1000:.0f} ms, no TCP data for {tcp * 1000:.0f} ms")
        if name.startswith("restart"):
            check(ping < LONGEST_GAP, f"{name}: no answer for {ping:.2f} s\n{text}")


if __name__ == "__main__":
    main(run)

"""Under systemd, a restart or a crash of a server whose client is Debian's wireguard-go: the next run knows where the client was,
calls it, and the client's pings are answered again, long before the client itself would try anew (after 15 s)."""
import re
import shutil

from booted import WIRE_TO_FAR, boot_and_run, install, layer
from harness import Skip, check, main, sh

ALONE = True

# A stock peer that notices nothing goes on sending under keys that are gone.
LONGEST_GAP = {"restart": 2.0, "kill": 6.0}

SCRIPT = (
    WIRE_TO_FAR
    + """
systemctl start tunneld@near
LOG_LEVEL=error ip netns exec far wireguard-go -f wg0 &
timeout 5 sh -c 'until ip netns exec far wg show wg0 > /dev/null 2>&1; do sleep 0.1; done'
ip netns exec far wg set wg0 private-key /etc/tunneld/far.key peer $(tunneld pubkey < /etc/tunneld/near.key) \
    endpoint 203.0.113.1:51820 allowed-ips 10.9.0.1/32
ip -n far address add 10.9.0.2/24 dev wg0; ip -n far link set wg0 up
ip netns exec far ping -c 1 -W 5 10.9.0.1 && echo SESSION
ip netns exec far ping -n -D -i 0.01 10.9.0.1 > /ping.txt &
# A run that is killed has written down where its peers are by then.
sleep 7
phase() { echo "PHASE $1 $(date +%s.%N)"; }
phase restart; systemctl restart tunneld@near; sleep 8
phase kill; systemctl kill -s KILL tunneld@near; sleep 8
phase end
journalctl --sync; journalctl -q -o short-precise -u tunneld@near | tail -40
kill %1 %2
cp /ping.txt /var/tmp/
"""
)


def run(lab):
    if shutil.which("wireguard-go") is None:
        raise Skip("wireguard-go is not installed")
    with layer(lab) as machine:
        install(lab, machine)
        etc = machine / "etc/tunneld"
        shutil.rmtree(etc, ignore_errors=True)
        etc.mkdir(mode=0o700)
        keys = {name: sh(lab.tunneld, "genkey", "-o", etc / f"{name}.key").stdout.strip() for name in ("near", "far")}
        (etc / "near.yaml").write_text(
            f"""
interface: {{ name: tun0, addresses: [10.9.0.1/24], listen_port: 51820, private_key_file: near.key }}
peers: [{{ name: far, public_key: "{keys["far"]}", allowed_ips: [10.9.0.2/32] }}]
"""
        )
        text = boot_and_run(machine, SCRIPT, seconds=120)
        pings = (machine / "var/tmp/ping.txt").read_text()
    check("\nSESSION\n" in text, text)
    phases = [(name, float(at)) for name, at in re.findall(r"^PHASE (\S+) ([0-9.]+)$", text, re.M)]
    answers = [float(at) for at in re.findall(r"^\[([0-9.]+)\].*icmp_seq=", pings, re.M)]
    for (name, begin), (_, end) in zip(phases, phases[1:]):
        times = [begin, *[at for at in answers if begin <= at < end], end]
        gap = max(after - before for before, after in zip(times, times[1:]))
        print(f"{name}: no answer to a stock peer's ping for {gap * 1000:.0f} ms")
        check(gap < LONGEST_GAP[name], f"{name}: no answer for {gap:.2f} s:\n{text}")


if __name__ == "__main__":
    main(run)

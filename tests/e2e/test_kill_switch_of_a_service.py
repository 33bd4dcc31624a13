"""The service's kill switch, on a machine without a system bus: its own tunnel passes it, and a stop that was asked for opens it,
whatever state the daemon is in: running, hung, just killed, not started again because of a mistake. A restart keeps it closed, by
whomever, and so does a stop of the daemon alone."""
import json
import shutil

from booted import FREEZE, START_FAR, WIRE_TO_FAR, boot_and_run, install, layer, sender
from harness import check, main, sh

ALONE = True

SCRIPT = (
    WIRE_TO_FAR
    + """
ip netns exec far nft 'table ip seen { counter heard {}; chain in { type filter hook input priority 0; udp dport 4444 counter name heard; }; }'
heard() { ip netns exec far nft list counter ip seen heard | grep -o 'packets [0-9]*'; }
quiet() { test "$(cat /before)" = "$(heard)" && echo "$1: CLOSED" || echo "$1: OPEN: $(cat /before), $(heard)"; }
opened() { soon '! nft list tables | grep -q tunneld' && echo "$1: NO-TABLE"; sleep 0.3; quiet $1; }
closed() { systemctl start tunneld@near; sleep 0.1; heard > /before; }
pid() { systemctl show -p MainPID --value tunneld@near; }
soon() { timeout 20 bash -c "until $1; do sleep 0.1; done"; }
mistake() { sed -i 's/^{/{"nonsense": 1, /' /etc/tunneld/near.yaml; }
no_mistake() { sed -i 's/^{"nonsense": 1, /{/' /etc/tunneld/near.yaml; }
drop_in() { printf "[Service]\\n$1\\n" > /etc/systemd/system/tunneld@near.service.d/times.conf; systemctl daemon-reload; }
mkdir -p /etc/systemd/system/tunneld@near.service.d
drop_in 'RestartSec=30s\\nTimeoutStopSec=1s'
systemctl is-active dbus.service dbus.socket
test -e /run/dbus/system_bus_socket || echo NO-BUS
python3 /sender.py &
sleep 0.3
heard | grep -qv 'packets 0' && echo SENDER-IS-HEARD
"""
    + START_FAR
    + """
closed
tunneld wait tun0 --timeout 20s && echo SESSION
ping -c 3 -i 0.2 -W 2 10.9.0.2 && echo PING-INSIDE
quiet RUNNING
ps -o user= -p $(pid)
systemctl restart tunneld@near
systemctl try-restart tunneld@near
quiet RESTART
kill $(pid)
soon '! systemctl is-active -q tunneld@near'
quiet TERM
closed
journalctl --sync
journalctl -q -o cat -u tunneld@near | grep 'to open it'
systemctl stop tunneld@near
opened STOP
journalctl --sync; journalctl -q -o cat -u tunneld-kill-switch@near

closed
python3 /freeze.py $(pid) tunneld > /frozen &
soon 'grep -q FROZEN /frozen'
systemctl stop tunneld@near
opened HUNG

closed
kill -KILL $(pid)
soon 'systemctl show -p SubState tunneld@near | grep auto-restart'
sleep 0.3
quiet KILL
systemctl stop tunneld@near
opened KILL-STOP

drop_in 'RestartSec=300ms\\nTimeoutStopSec=1s'
closed
kill -KILL $(pid)
soon 'systemctl show -p NRestarts tunneld@near | grep -q =1 && systemctl is-active -q tunneld@near'
quiet AUTOMATIC
mistake
systemctl restart tunneld@near || echo MISTAKE
sleep 0.5
quiet MISTAKE
systemctl stop tunneld@near
opened MISTAKE-STOP
no_mistake

closed
grep -q tun0 /proc/net/dev && ip rule | grep -q 'not from all fwmark' && echo RULES
mistake
kill -KILL $(pid)
soon 'systemctl is-failed -q tunneld@near'
quiet KILL-MISTAKE
ip rule | grep 'not from all fwmark' || echo RULES-GONE-AFTER-A-KILL
systemctl stop tunneld@near
opened KILL-MISTAKE-STOP
no_mistake

closed
systemctl stop tunneld@near; systemctl start tunneld@near && echo STARTED-AT-ONCE
systemctl is-active tunneld@near tunneld-kill-switch@near
sleep 1; nft list tables | grep tunneld && echo CLOSED-AGAIN
systemctl show -p NRestarts tunneld@near
"""
)


def run(lab):
    with layer(lab) as root:
        install(lab, root)
        configs = root / "etc/tunneld"
        shutil.rmtree(configs, ignore_errors=True)
        configs.mkdir(mode=0o700)
        keys = {name: sh(lab.tunneld, "genkey", "-o", configs / f"{name}.key").stdout.strip() for name in ("near", "far")}
        for name, other, end in (("near", "far", 1), ("far", "near", 2)):
            peer = {"name": other, "public_key": keys[other], "allowed_ips": ["10.9.0.1/32"]}
            if name == "near":
                peer.update(endpoints=["203.0.113.2:51820"], allowed_ips=["0.0.0.0/0"], persistent_keepalive="1s")
            interface = {"name": "tun0", "addresses": [f"10.9.0.{end}/24"], "private_key_file": f"{name}.key"}
            if name == "far":
                interface["listen_port"] = 51820
            config = {"interface": interface, "peers": [peer]}
            if name == "near":
                config["client"] = {"kill_switch": True}
            (configs / f"{name}.yaml").write_text(json.dumps(config) + "\n")
        (root / "sender.py").write_text(sender("203.0.113.2", "wire"))
        (root / "freeze.py").write_text(FREEZE)
        for name in ("dbus.service", "dbus.socket"):
            (root / "etc/systemd/system" / name).unlink(missing_ok=True)
            (root / "etc/systemd/system" / name).symlink_to("/dev/null")
        text = boot_and_run(root, SCRIPT, seconds=120)
    for words in (
        "NO-BUS",
        "SENDER-IS-HEARD",
        "SESSION",
        "PING-INSIDE",
        "tunneld",
        "RULES",
        "RULES-GONE-AFTER-A-KILL",
        "STARTED-AT-ONCE",
        "active\nactive",
        "CLOSED-AGAIN",
        "NRestarts=0",
    ):
        check(f"\n{words}\n" in text, f"{words!r} is missing:\n{text}")
    for when in ("RUNNING", "RESTART", "TERM", "KILL", "AUTOMATIC", "MISTAKE", "KILL-MISTAKE"):
        check(f"\n{when}: CLOSED\n" in text, f"{when}: it has opened:\n{text}")
    for when in ("STOP", "HUNG", "KILL-STOP", "MISTAKE-STOP", "KILL-MISTAKE-STOP"):
        check(f"\n{when}: OPEN: " in text and f"\n{when}: NO-TABLE\n" in text, f"{when}: it has not opened:\n{text}")
    check("the kill switch stays closed; to open it, use `tunneld cleanup tun0`" in text, f"nobody is told:\n{text}")


if __name__ == "__main__":
    main(run)

"""Under a real systemd: `tunneld wait` and tunneld-wait@ wait for a session, not for a daemon; the watchdog leaves a healthy idle
daemon alone, and heals a stopped one and one with a single data thread that stands still; six quick restarts are fine."""
from booted import FREEZE, START_FAR, WIRE_TO_FAR, boot_and_run, configure_pair, install, layer
from harness import check, main

ALONE = True

SCRIPT = (
    WIRE_TO_FAR
    + """
restarts() { systemctl show -p NRestarts --value tunneld@near; }
healed() { timeout 30 bash -c "until [ \\$(systemctl show -p NRestarts --value tunneld@near) = $1 ] && systemctl is-active -q tunneld@near; do sleep 0.1; done"; }
tunneld wait tun0 --timeout 1s; echo "WITHOUT-DAEMON $?"
tunneld wait --timeout 1s; echo "WITHOUT-ANY $?"
tunneld wait --for nonsense; echo "NONSENSE $?"
(tunneld wait tun0; echo "BEGUN-BEFORE $?" > /before) &
systemctl start tunneld@near
tunneld wait tun0 --timeout 1s; echo "WITHOUT-SESSION $?"
tunneld wait tun0 --for configured --timeout 20s; echo "NO-CLIENT $?"
test -e /before || echo STILL-WAITING
systemctl start --no-block needs
sleep 1
systemctl is-active needs
"""
)
SCRIPT += (
    START_FAR
    + """
tunneld wait tun0 --timeout 20s; echo "WITH-SESSION $?"
systemctl start needs; echo "NEEDS $?"
sleep 1
cat /before
timeout 10 sh -c 'until systemctl show -p StatusText tunneld@near | grep "1 of 1 peer connected"; do sleep 0.2; done'
systemctl stop needs tunneld-wait@near
mkdir -p /etc/systemd/system/tunneld@near.service.d
printf '[Service]\\nWatchdogSec=2s\\nRestartSec=200ms\\n' > /etc/systemd/system/tunneld@near.service.d/short.conf
systemctl daemon-reload
systemctl restart tunneld@near
sleep 7
echo "IDLE $(restarts)"
kill -STOP $(systemctl show -p MainPID --value tunneld@near)
healed 1 && echo STOPPED-IS-HEALED
python3 /freeze.py $(systemctl show -p MainPID --value tunneld@near) in-0
healed 2 && echo STUCK-IS-HEALED
tunneld wait tun0 --timeout 20s; echo "AGAIN $?"
for i in 1 2 3 4 5 6 7 8; do systemctl restart tunneld@near || echo RESTART-REFUSED; done
systemctl is-active tunneld@near
journalctl --sync
journalctl -q -o cat -u tunneld@near
systemctl stop tunneld@near
echo END-OF-LOG
"""
)


def run(lab):
    with layer(lab) as root:
        install(lab, root)
        configure_pair(lab, root)
        (root / "freeze.py").write_text(FREEZE)
        (root / "etc/systemd/system/needs.service").write_text(
            "[Unit]\nRequires=tunneld-wait@near.service\nAfter=tunneld-wait@near.service\n"
            "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=ping -c 1 -W 2 10.9.0.2\n"
        )
        text = boot_and_run(root, SCRIPT, seconds=120)
    for words in (
        "tunneld: not within 1s: no tunneld runs on tun0 (/run/tunneld/tun0.sock)",
        "WITHOUT-DAEMON 4",
        "WITHOUT-ANY 4",
        "NONSENSE 2",
        "tunneld: not within 1s: tun0: no session with a peer; far: ",
        "WITHOUT-SESSION 4",
        "NO-CLIENT 2",
        "STILL-WAITING",
        "inactive",
        "WITH-SESSION 0",
        "NEEDS 0",
        "BEGUN-BEFORE 0",
        "StatusText=tun0: 1 of 1 peer connected",
        "IDLE 0",
        "STOPPED-IS-HEALED",
        "FROZEN",
        "STUCK-IS-HEALED",
        "AGAIN 0",
        "data thread in-0 is stuck: ",
        "active",
    ):
        check(f"\n{words}" in text, f"{words!r} is missing:\n{text}")
    check("\nRESTART-REFUSED" not in text, f"a start limit:\n{text}")


if __name__ == "__main__":
    main(run)

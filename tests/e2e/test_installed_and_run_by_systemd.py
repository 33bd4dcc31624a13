"""`cmake --install` puts everything in its place, and a real systemd runs it: start, READY, status, stop, failure. A
restart leaves a kill switch closed, a stop opens it."""
import json
import os
import pathlib
import re
import shutil

from booted import FREEZE, boot_and_run, layer, sender
from harness import check, main, sh

ALONE = True


SCRIPT = """
ip address show dev tun0 && exit 1
power() { sed -n 's/^Cap\\(Prm\\|Eff\\|Amb\\):\\t0*//p' /proc/$(systemctl show -p MainPID --value tunneld@site)/status | tr '\\n' ' '; }
systemctl start tunneld@site && echo "WITHOUT: $(power)$(ps -o comm= -p $(systemctl show -p MainPID --value tunneld@site))"
sed -i 's/listen_port: 51820/listen_port: 443/' /etc/tunneld/site.yaml
tunneld reload --config /etc/tunneld/site.yaml
systemctl stop tunneld@site
mkdir -p /etc/systemd/system/tunneld@site.service.d
printf '[Service]\\nAmbientCapabilities=\\nAmbientCapabilities=CAP_NET_ADMIN\\n' \
    > /etc/systemd/system/tunneld@site.service.d/less.conf
systemctl daemon-reload
systemctl start tunneld@site || echo LOW-PORT-REFUSED
echo "LOW-PORT: $(systemctl show -p NRestarts -p ActiveState tunneld@site | tr '\\n' ' ')"
journalctl -q -o cat -u tunneld@site | grep 'UDP port 443'
rm -r /etc/systemd/system/tunneld@site.service.d
systemctl daemon-reload
ip route > /before
systemctl start tunneld@site && echo IS-STARTED
echo "WITH: $(power)"
systemctl show -p ActiveState -p StatusText tunneld@site
ip address show dev tun0
ps -o user= -p $(systemctl show -p MainPID --value tunneld@site)
tunneld status
systemctl reload tunneld@site && echo RELOADED
echo 'nonsense: 1' >> /etc/tunneld/site.yaml
systemctl reload tunneld@site || echo REFUSED
sed -i '$ d' /etc/tunneld/site.yaml
tunneld status --config /etc/tunneld/site.yaml && echo STILL-THERE
systemctl stop tunneld@site && echo STOPPED
systemctl show -p ActiveState -p Result tunneld@site
ip route > /after
cmp /before /after && echo SAME-ROUTES
systemctl start tunneld@site
ls /run/tunneld/tun0.journal && echo JOURNAL
ip route > /running
kill -KILL $(systemctl show -p MainPID --value tunneld@site)
sleep 1
ip route | cmp - /running && echo KEPT-FOR-THE-NEXT
sleep 3
systemctl show -p ActiveState -p NRestarts tunneld@site
ss -Hlun sport = 443 | grep -q 443 && echo TOOK-LOW-PORT
systemctl stop tunneld@site
ls /run/tunneld/tun0.journal || echo CLEANED
ip netns add far
ip link add wire type veth peer name wire netns far
ip address add 203.0.113.1/24 dev wire; ip link set wire up
ip -n far address add 203.0.113.2/24 dev wire; ip -n far link set wire up
ip netns exec far nft 'table ip seen { counter heard {}; chain in { type filter hook input priority 0; udp dport 4444 counter name heard; }; }'
heard() { ip netns exec far nft list counter ip seen heard | grep -o 'packets [0-9]*'; }
python3 /usr/local/bin/tunneld-sender &
sleep 0.3
heard | grep -qv 'packets 0' && echo SENDER-IS-HEARD
systemctl start tunneld@closed
heard > /closed1
systemctl restart tunneld@closed && echo RESTARTED
systemctl try-restart tunneld@closed
systemctl reload tunneld@closed
heard > /closed2
cmp /closed1 /closed2 && echo RESTART-KEEPS-CLOSED
journalctl -u tunneld@closed -n 40 --no-pager | grep 'stopping: '
systemctl stop tunneld@closed
sleep 0.3
heard > /closed3
cmp -s /closed2 /closed3 || echo STOP-OPENS
nft list tables | grep tunneld || echo NO-TABLE
mkdir -p /etc/systemd/system/tunneld@closed.service.d
printf '[Service]\\nTimeoutStopSec=1s\\n' > /etc/systemd/system/tunneld@closed.service.d/short.conf
systemctl daemon-reload
systemctl start tunneld@closed
nft list tables | grep tunneld-tun1 && echo CLOSED-AGAIN
python3 /freeze.py $(systemctl show -p MainPID --value tunneld@closed) tunneld > /frozen &
timeout 10 sh -c 'until grep -q FROZEN /frozen; do sleep 0.1; done'
systemctl stop tunneld@closed
# By tunneld-kill-switch@closed, which systemctl does not wait for.
timeout 2 sh -c 'while nft list tables | grep -q tunneld; do sleep 0.1; done' && echo STOP-OPENS-WHAT-HANGS
echo 'nonsense: 1' >> /etc/tunneld/site.yaml
systemctl start tunneld@site || echo NOT-STARTED
sleep 3
echo "MISTAKE: $(systemctl show -p ActiveState -p NRestarts tunneld@site | tr '\\n' ' ')"
journalctl --sync
journalctl -q -o cat -p err -u tunneld@site
"""


def run(lab):
    build = pathlib.Path(lab.tunneld).parent
    check((build / "cmake_install.cmake").exists(), "--tunneld must be in its build directory")
    root = lab.directory / "root"
    sh("cmake", "--install", build, "--prefix", "/usr", env={**os.environ, "DESTDIR": str(root)})
    for path in (
        "usr/sbin/tunneld",
        "usr/lib/systemd/system/tunneld@.service",
        "usr/lib/systemd/system/tunneld-names.socket",
        "usr/lib/systemd/system/tunneld-names.service",
        "usr/lib/sysusers.d/tunneld.conf",
        "usr/lib/tmpfiles.d/tunneld.conf",
        "usr/lib/systemd/system/tunneld-wait@.service",
        "usr/lib/systemd/system/tunneld-kill-switch@.service",
        "usr/share/doc/tunneld/docs/config.md",
        "usr/share/doc/tunneld/config/site-a.yaml",
    ):
        check((root / path).exists(), f"{path} is not installed")
    documents = root / "usr/share/doc/tunneld"
    for document in documents.rglob("*.md"):
        for link in re.findall(r"\]\(([^)#:]+)", document.read_text()):
            check((document.parent / link).exists(), f"{document.relative_to(root)} links to {link}, which is not installed")
    unit = root / "usr/lib/systemd/system/tunneld@.service"
    check("ExecStart=/usr/sbin/tunneld" in unit.read_text(), unit.read_text())
    score = sh("systemd-analyze", "security", "--offline=true", "--threshold=16", unit, check_exit=False)
    check(score.returncode == 0, f"exposure: {score.stdout[-200:]}")

    with layer(lab) as machine:
        shutil.copytree(root / "usr", machine / "usr", dirs_exist_ok=True)
        sh("systemd-sysusers", f"--root={machine}", "tunneld.conf")
        etc = machine / "etc/tunneld"
        if etc.exists():
            shutil.rmtree(etc)
        sh(lab.tunneld, "init", "site", "--dir", lab.directory / "init")
        shutil.copytree(lab.directory / "init/site-a", etc)
        # What follows looks for tun0.
        (etc / "site.yaml").write_text((etc / "site.yaml").read_text().replace('name: "site"', "name: tun0"))
        key = sh(lab.tunneld, "genkey", "-o", etc / "closed.key").stdout.strip()
        peer = {"name": "far", "public_key": key, "endpoints": ["203.0.113.2:51820"], "allowed_ips": ["0.0.0.0/0"]}
        (etc / "closed.yaml").write_text(
            json.dumps(
                {
                    "interface": {"name": "tun1", "addresses": ["10.9.0.1/24"], "private_key_file": "own.key"},
                    "client": {"kill_switch": True},
                    "peers": [peer],
                }
            )
        )
        sh(lab.tunneld, "genkey", "-o", etc / "own.key")
        (machine / "usr/local/bin/tunneld-sender").write_text(sender("203.0.113.2", "wire"))
        (machine / "freeze.py").write_text(FREEZE)
        text = boot_and_run(machine, SCRIPT)
    for words in (
        "IS-STARTED",
        "\nWITHOUT: 1000 1000 1000 tunneld\n",
        "interface.listen_port has changed: it takes effect after a restart",
        "LOW-PORT-REFUSED",
        "ports below 1024 need CAP_NET_BIND_SERVICE",
        "\ntunneld\n",
        "ActiveState=active",
        "StatusText=tun0: 0 of 1 peer connected\n",
        "10.255.0.0/31",
        "RELOADED",
        "REFUSED",
        "STILL-THERE",
        "STOPPED",
        "Result=success",
        "JOURNAL",
        "\nKEPT-FOR-THE-NEXT",
        "\nCLEANED",
        "SAME-ROUTES",
        "NRestarts=1",
        "SENDER-IS-HEARD",
        "RESTARTED",
        "RESTART-KEEPS-CLOSED",
        "STOP-OPENS",
        "NO-TABLE",
        "CLOSED-AGAIN",
        "STOP-OPENS-WHAT-HANGS",
        "TOOK-LOW-PORT",
        "NOT-STARTED",
        "\nWITH: 1400 1400 1400 \n",
        "\nLOW-PORT: NRestarts=0 ActiveState=failed",
        "\nMISTAKE: NRestarts=0 ActiveState=failed",
    ):
        check(words in text, f"{words!r} is missing:\n{text}")
    check("unknown key" in text.rpartition("-p err -u")[2], f"the mistake is no error in the journal:\n{text}")


if __name__ == "__main__":
    main(run)

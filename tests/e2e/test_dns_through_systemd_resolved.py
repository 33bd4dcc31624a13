"""`dns` under a real systemd-resolved, with the unit as it is installed: the servers belong to the link, get the questions that
are theirs and, where everything is to go through the tunnel, all of them; nothing is left when the link goes. What others take
away of it, or a restart of systemd-resolved, is put back."""
import re
import shutil

from booted import boot_and_run, install, layer
from harness import ROOT, check, main, sh
from packages import unpack

ALONE = True

# Outside: a wire to a namespace, whose name server is the one that the network's owner has given us. Inside: 10.9.0.2.
SCRIPT = """
systemctl is-active systemd-resolved dbus
ls -l /etc/resolv.conf
ip netns add far
ip link add wire type veth peer name wire netns far
ip address add 203.0.113.1/24 dev wire; ip link set wire up
ip -n far address add 203.0.113.2/24 dev wire; ip -n far link set wire up; ip -n far link set lo up
ip netns exec far env TUNNELD_RUN_DIR=/run/far tunneld --config /etc/far.yaml > /far.log 2>&1 &
ip netns exec far python3 /opt/dns.py 203.0.113.2 /opt/outside.zone /opt/outside.log &
resolvectl dns wire 203.0.113.2
resolvectl default-route wire true
for i in $(seq 50); do ip -n far address show dev tun0 | grep -q 10.9.0.2 && break; sleep 0.1; done
ip netns exec far python3 /opt/dns.py 10.9.0.2 /opt/inside.zone /opt/inside.log &
sleep 0.5
resolvectl query -4 --cache=false www.outside.example

: 1 SPLIT
systemctl start tunneld@near && echo STARTED
for i in $(seq 50); do ping -c 1 -W 1 10.9.0.2 > /dev/null && break; done
resolvectl status tun0
busctl get-property org.freedesktop.resolve1 /org/freedesktop/resolve1 org.freedesktop.resolve1.Manager Domains
cp /etc/resolv.conf /resolv.conf.during
resolvectl query -4 --cache=false www.corp.example
resolvectl query -4 --cache=false www.outside.example
getent ahostsv4 www

: 1 FOREIGN
ip netns exec far env TUNNELD_RUN_DIR=/run/foreign timeout 5 tunneld --config /etc/foreign.yaml 2>&1
resolvectl dns

: 2 ALL
cp /etc/tunneld/all.yaml /etc/tunneld/near.yaml
systemctl reload tunneld@near && echo RELOADED
resolvectl status tun0
: > /opt/outside.log
resolvectl query -4 --cache=false www.corp.example
resolvectl query -4 --cache=false one.elsewhere.example
getent ahostsv4 two.elsewhere.example
sleep 0.5
echo "OUTSIDE-HEARD: $(cat /opt/outside.log | sort -u | tr '\\n' ' ')"

: 3 RESTARTED
is_set() { for i in $(seq 100); do resolvectl status tun0 | grep -q 'DNS Servers: 10.9.0.2' && return; sleep 0.1; done; }
systemctl restart systemd-resolved
is_set; resolvectl status tun0
: 4 REVERTED
resolvectl revert tun0
is_set; resolvectl status tun0
resolvectl domain tun0 else.example
sleep 0.5
tunneld status tun0 | grep MISSING
for i in $(seq 100); do resolvectl domain tun0 | grep -q else || break; sleep 0.1; done
resolvectl status tun0
: 5 LOST
systemctl stop systemd-resolved
tunneld status tun0 | sed -n 's/^MISSING/AT-ONCE/p'
timeout 60 sh -c 'until tunneld status tun0 | grep MISSING; do sleep 0.5; done'
systemctl is-active systemd-resolved
rm -f /run/systemd/resolve/netif/$(cat /sys/class/net/tun0/ifindex)
systemctl start systemd-resolved
for i in $(seq 300); do resolvectl dns tun0 | grep -q 10.9.0.2 && break; sleep 0.1; done
resolvectl status tun0
journalctl -u tunneld@near -n 20 --no-pager

: 6 NONE
cp /etc/tunneld/none.yaml /etc/tunneld/near.yaml
systemctl reload tunneld@near
resolvectl status tun0
resolvectl query -4 --cache=false www.outside.example

: 7 STOPPED
cp /etc/tunneld/all.yaml /etc/tunneld/near.yaml
systemctl reload tunneld@near
systemctl stop tunneld@near
resolvectl status
resolvectl query -4 --cache=false www.outside.example

: 8 KILLED
systemctl start tunneld@near
resolvectl dns tun0
systemctl kill -s KILL tunneld@near; systemctl stop tunneld@near
resolvectl dns
# By tunneld-kill-switch@near, which systemctl does not wait for.
timeout 5 sh -c 'while ls /run/tunneld/*.journal > /dev/null 2>&1; do sleep 0.1; done'
ls /run/tunneld/*.journal
resolvectl query -4 --cache=false www.outside.example

: 9 WITHOUT-RESOLVED
systemctl mask --runtime --now systemd-resolved
systemctl start tunneld@near && echo STARTED-WITHOUT
ping -c 5 -i 0.3 -W 3 10.9.0.2
journalctl -u tunneld@near -n 30 --no-pager
systemctl stop tunneld@near
: 10 END
cat /far.log | tail -3
"""

CONFIG = """
interface: {{ name: tun0, addresses: [10.9.0.{own}/24], listen_port: 51820, private_key_file: {keys}/{own}.key{dns} }}
peers: [{{ name: other, public_key: "{key}", endpoints: ["203.0.113.{other}:51820"], allowed_ips: [10.9.0.{other}/32] }}]
"""


def sections(text):
    """What was printed after each `: N TITLE`."""
    parts = re.split(r"^\+ : \d+ (\S+)$", text, flags=re.MULTILINE)
    return {"BEFORE": parts[0], **dict(zip(parts[1::2], parts[2::2]))}


def run(lab):
    with layer(lab) as root:
        unpack(lab, "systemd-resolved", root)
        sh("systemd-sysusers", f"--root={root}", "systemd-resolve.conf")
        install(lab, root)
        resolv_conf = root / "etc/resolv.conf"
        resolv_conf.unlink(missing_ok=True)
        resolv_conf.symlink_to("../run/systemd/resolve/stub-resolv.conf")
        units = root / "etc/systemd/system"
        (units / "sysinit.target.wants").mkdir(parents=True, exist_ok=True)
        (units / "sysinit.target.wants/systemd-resolved.service").symlink_to("/lib/systemd/system/systemd-resolved.service")
        (units / "dbus-org.freedesktop.resolve1.service").symlink_to("/lib/systemd/system/systemd-resolved.service")

        public = {own: sh(lab.tunneld, "genkey", "-o", root / f"etc/{own}.key").stdout.strip() for own in (1, 2)}
        configs = root / "etc/tunneld"
        shutil.rmtree(configs, ignore_errors=True)
        configs.mkdir(mode=0o700)
        shutil.move(root / "etc/1.key", configs)
        split = ", dns: { servers: [10.9.0.2], search: [corp.example] }"
        for name, dns in (("near", split), ("none", ""), ("all", ", dns: { servers: [10.9.0.2] }")):
            (configs / f"{name}.yaml").write_text(CONFIG.format(own=1, other=2, keys="/etc/tunneld", key=public[2], dns=dns))
        (root / "etc/far.yaml").write_text(CONFIG.format(own=2, other=1, keys="/etc", key=public[1], dns=""))
        foreign = CONFIG.format(own=2, other=3, keys="/etc", key=public[1], dns=", dns: { servers: [10.9.0.77] }")
        for old, new in (("tun0", "tun7"), ("10.9.0.2/24", "10.7.0.2/24"), ("port: 51820,", "port: auto,")):
            foreign = foreign.replace(old, new)
        (root / "etc/foreign.yaml").write_text(foreign)
        (root / "opt").mkdir(exist_ok=True)
        shutil.copy(ROOT / "tests/e2e/dns.py", root / "opt/dns.py")
        (root / "opt/inside.zone").write_text("www.corp.example 198.51.100.7")
        (root / "opt/outside.zone").write_text("www.outside.example 198.51.100.9")

        text = boot_and_run(root, SCRIPT, "--resolv-conf=off", seconds=150)
        stub = (root / "resolv.conf.during").read_text()
        check((root / "opt/inside.log").exists(), text)
        inside = (root / "opt/inside.log").read_text()

    part = sections(text)

    def says(section, words):
        check(words in part[section], f"{section}: {words!r} is missing:\n{part[section]}")

    def says_not(section, words):
        check(words not in part[section], f"{section}: {words!r} is there:\n{part[section]}")

    check(re.search(r"^active\nactive$", part["BEFORE"], re.MULTILINE), f"resolved runs:\n{text}")
    says("BEFORE", "www.outside.example: 198.51.100.9")
    says("SPLIT", "\nSTARTED")
    says("SPLIT", "DNS Servers: 10.9.0.2")
    says("SPLIT", "DNS Domain: corp.example\n")
    says("SPLIT", "-DefaultRoute")
    says("SPLIT", "www.corp.example: 198.51.100.7")
    says("SPLIT", "www.outside.example: 198.51.100.9")
    check(re.search(r"^198\.51\.100\.7 +STREAM www", part["SPLIT"], re.MULTILINE), f"by its short name:\n{part['SPLIT']}")
    check("www.outside.example" not in inside, f"inside is asked only for its domain: {inside}")
    check("nameserver 127.0.0.53" in stub and "10.9.0.2" not in stub, f"/etc/resolv.conf stays resolved's: {stub}")

    check(
        re.search(
            r"for all names dev tun7: not done: systemd-resolved: it .* in another network namespace", part["FOREIGN"]
        ),
        f"a resolved that serves another network namespace is told nothing:\n{part['FOREIGN']}",
    )
    says_not("FOREIGN", "): 10.9.0.77")
    says("ALL", "\nRELOADED")
    says("ALL", "DNS Domain: ~.\n")
    says("ALL", "+DefaultRoute")
    says("ALL", "www.corp.example: 198.51.100.7")
    # The file is emptied first, and three names are asked for: the sections around show that it fills otherwise.
    says("ALL", "\nOUTSIDE-HEARD: \n")
    check("one.elsewhere.example" in inside and "two.elsewhere.example" in inside, f"all are asked for inside: {inside}")

    for taken in ("RESTARTED", "REVERTED", "LOST"):
        status = part[taken][part[taken].rfind("+ resolvectl status tun0") :]
        check(
            "DNS Servers: 10.9.0.2\n" in status and "DNS Domain: ~.\n" in status and "+DefaultRoute" in status,
            f"{taken}: put back:\n{part[taken]}",
        )
    says("REVERTED", "MISSING on this host: dns 10.9.0.2 for all names dev tun0 (taken away again and again")
    says(
        "LOST",
        "MISSING on this host: dns 10.9.0.2 for all names dev tun0 (the program that manages the host's name servers does not answer)",
    )
    says_not("LOST", "\nAT-ONCE")
    says("LOST", "\ninactive\n")
    says("LOST", "has taken away: dns 10.9.0.2 for all names dev tun0; put back")

    says_not("NONE", "10.9.0.2\n")
    says_not("NONE", "~.")
    says("NONE", "www.outside.example: 198.51.100.9")
    for ended in ("STOPPED", "KILLED"):
        says(ended, "www.outside.example: 198.51.100.9")
    says_not("STOPPED", "tun0)")
    check(re.search(r"Link \d+ \(tun0\): 10\.9\.0\.2", part["KILLED"]), f"it was set again:\n{part['KILLED']}")
    check(len(re.findall(r"\(tun0\)", part["KILLED"])) == 1, f"and went with the link:\n{part['KILLED']}")
    says("KILLED", "cannot access '/run/tunneld/*.journal'")
    says("WITHOUT-RESOLVED", "\nSTARTED-WITHOUT")
    check(re.search(r"[1-5] received", part["WITHOUT-RESOLVED"]), part["WITHOUT-RESOLVED"])
    says("WITHOUT-RESOLVED", "for all names dev tun0: not done: systemd-resolved: ")


if __name__ == "__main__":
    main(run)

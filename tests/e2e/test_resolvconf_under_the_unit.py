"""`dns` with the unit as it is installed, where Debian's resolvconf keeps /etc/resolv.conf: the servers are set, put back and taken
away, dnsmasq's hook of it does its work below a directory of dnsmasq's, and a hook that the helper's sandbox keeps from its own
stands in nobody's way."""
from booted import boot_and_run, configure_near, install, layer
from harness import check, main
from packages import unpack

ALONE = True

# What dnsmasq's hook does: it writes below a directory that belongs to dnsmasq.
HOOK = """#!/bin/sh
set -e
sed -n 's/^nameserver //p' $(/lib/resolvconf/list-records) > /run/dnsmasq/resolv.conf_new
mv -f /run/dnsmasq/resolv.conf_new /run/dnsmasq/resolv.conf
"""
# One that writes where a service has no business.
OTHER_HOOK = """#!/bin/sh
echo > /usr/share/resolvconf-hook
"""
SCRIPT = """
mkdir -p /run/resolvconf/interface
ln -sf ../run/resolvconf/resolv.conf /etc/resolv.conf; ln -sfn /run/resolvconf /etc/resolvconf/run; resolvconf --enable-updates
install -d -o nobody /run/dnsmasq
echo nameserver 203.0.113.7 | resolvconf -a wire.dhcp
show() { echo "$1: $(sed -n 's/^nameserver //p' $2 | tr '\\n' ' ')"; }
show BEFORE /etc/resolv.conf
systemctl start tunneld@near
show DURING /etc/resolv.conf
echo "HOOK: $(echo $(cat /run/dnsmasq/resolv.conf))"
resolvconf -d tun.tun0
show REMOVED /etc/resolv.conf
timeout 30 sh -c 'until grep -q "^nameserver 10.9.0.2" /etc/resolv.conf; do sleep 0.1; done'
echo nameserver 203.0.113.8 | resolvconf -a wire.dhcp
sleep 1
show PUT-BACK /etc/resolv.conf
tunneld status tun0 | grep MISSING
systemctl stop tunneld@near
show STOPPED /etc/resolv.conf
echo "HOOK-STOPPED: $(echo $(cat /run/dnsmasq/resolv.conf))"
journalctl -u tunneld@near -u tunneld-names -n 40 --no-pager
"""


def run(lab):
    with layer(lab) as root:
        unpack(lab, "resolvconf", root)
        install(lab, root)
        for name, script in (("dnsmasq", HOOK), ("other", OTHER_HOOK)):
            hook = root / "etc/resolvconf/update.d" / name
            hook.write_text(script)
            hook.chmod(0o755)
        (root / "etc/resolv.conf").unlink(missing_ok=True)
        configure_near(lab, root)
        text = boot_and_run(root, SCRIPT, "--resolv-conf=off", seconds=120)
    for words in (
        "BEFORE: 203.0.113.7",
        "DURING: 10.9.0.2 203.0.113.7",
        "REMOVED: 203.0.113.7",
        "PUT-BACK: 10.9.0.2 203.0.113.8",
        "STOPPED: 203.0.113.8",
    ):
        check(f"\n{words} \n" in text, f"{words}:\n{text}")
    check(
        "-a has set our name servers, but reports an error" in text and "Read-only file system" in text,
        f"what the hook said:\n{text}",
    )
    check("\nMISSING" not in text and "cannot be put back" not in text, text)
    hooked = [line.split()[1:] for line in text.splitlines() if line.startswith("HOOK")]
    check(hooked == [["10.9.0.2", "203.0.113.7"], ["203.0.113.8"]], f"what dnsmasq's hook wrote: {hooked}\n{text}")


if __name__ == "__main__":
    main(run)

"""`dns` with the unit as it is installed, where Debian's resolvconf keeps /etc/resolv.conf and dnsmasq's hook of it may not
write under the unit's capabilities: the servers are set, put back and taken away all the same, and the documented drop-in lets the
hook do its work."""
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
SCRIPT = """
mkdir -p /run/resolvconf/interface
ln -sf ../run/resolvconf/resolv.conf /etc/resolv.conf; ln -sfn /run/resolvconf /etc/resolvconf/run; resolvconf --enable-updates
install -d -o nobody /run/dnsmasq
echo nameserver 203.0.113.7 | resolvconf -a wire.dhcp
show() { echo "$1: $(sed -n 's/^nameserver //p' $2 | tr '\\n' ' ')"; }
show BEFORE /etc/resolv.conf
systemctl start tunneld@near
show DURING /etc/resolv.conf
resolvconf -d tun.tun0
show REMOVED /etc/resolv.conf
timeout 30 sh -c 'until grep -q "^nameserver 10.9.0.2" /etc/resolv.conf; do sleep 0.1; done'
echo nameserver 203.0.113.8 | resolvconf -a wire.dhcp
sleep 1
show PUT-BACK /etc/resolv.conf
tunneld status tun0 | grep MISSING
systemctl stop tunneld@near
show STOPPED /etc/resolv.conf
journalctl -u tunneld@near -n 40 --no-pager
mkdir -p /etc/systemd/system/tunneld@near.service.d
printf '[Service]\\nCapabilityBoundingSet=CAP_DAC_OVERRIDE\\n' > /etc/systemd/system/tunneld@near.service.d/dnsmasq.conf
systemctl daemon-reload
systemctl start tunneld@near
show ALLOWED /run/dnsmasq/resolv.conf
cp /run/dnsmasq/resolv.conf /allowed
systemctl stop tunneld@near
cp /run/dnsmasq/resolv.conf /allowed-stopped
"""


def run(lab):
    with layer(lab) as root:
        unpack(lab, "resolvconf", root)
        install(lab, root)
        hook = root / "etc/resolvconf/update.d/dnsmasq"
        hook.write_text(HOOK)
        hook.chmod(0o755)
        (root / "etc/resolv.conf").unlink(missing_ok=True)
        configure_near(lab, root)
        text = boot_and_run(root, SCRIPT, "--resolv-conf=off", seconds=120)
        allowed = [(root / name).read_text().split() for name in ("allowed", "allowed-stopped")]
    for words in (
        "BEFORE: 203.0.113.7",
        "DURING: 10.9.0.2 203.0.113.7",
        "REMOVED: 203.0.113.7",
        "PUT-BACK: 10.9.0.2 203.0.113.8",
        "STOPPED: 203.0.113.8",
    ):
        check(f"\n{words} \n" in text, f"{words}:\n{text}")
    check(
        "-a has done what tunneld needs, and failed at something else" in text and "Permission denied" in text,
        f"what the hook said:\n{text}",
    )
    check("\nMISSING" not in text and "cannot be put back" not in text, text)
    check(allowed == [["10.9.0.2", "203.0.113.8"], ["203.0.113.8"]], f"with the drop-in: {allowed}\n{text}")


if __name__ == "__main__":
    main(run)

"""Under a real systemd every log line is in the journal of its unit, also the last one of a start that fails, with fields for
the interface, the peer and the event; without the journal's socket lines come by stderr; mistakes in the file come once."""
from booted import START_FAR, WIRE_TO_FAR, boot_and_run, configure_pair, install, layer
from harness import check, main

ALONE = True

# One line for each entry that matches.
SCRIPT = (
    WIRE_TO_FAR
    + """
show() { journalctl --sync; echo "BEGIN $1"; journalctl -q -o cat "${@:2}"; echo "END $1"; }
python3 -c "import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('::', 51820)); time.sleep(60)" &
taken=$!
timeout 10 sh -c 'until ss -Hlun sport = 51820 | grep -q 51820; do sleep 0.1; done'
systemctl start tunneld@near
systemctl stop tunneld@near
show FAILED -u tunneld@near -p err
kill $taken; wait $taken
systemctl start tunneld@near
"""
    + START_FAR
    + """
tunneld wait tun0 --timeout 20s
systemctl reload tunneld@near
echo 'nonsense: 1' >> /etc/tunneld/near.yaml
systemctl kill -s HUP --kill-whom=main tunneld@near
timeout 10 sh -c 'until journalctl -q TUNNELD_EVENT="reload refused" | grep -q nonsense; do sleep 0.2; done'
sed -i '$ d' /etc/tunneld/near.yaml
kill $!
timeout 10 sh -c 'until journalctl -q TUNNELD_PEER=far TUNNELD_EVENT=gone | grep -q ended; do sleep 0.2; done'
show CONNECTED -u tunneld@near TUNNELD_INTERFACE=tun0 TUNNELD_PEER=far TUNNELD_EVENT=connected
show GONE TUNNELD_PEER=far TUNNELD_EVENT=gone
show RELOADED TUNNELD_EVENT=reloaded
echo 'nonsense: 1' >> /etc/tunneld/near.yaml
since=$(date '+%F %T')
systemctl reload tunneld@near
show RELOAD-REFUSED -u tunneld@near -p err --since "$since"
sed -i '$ d' /etc/tunneld/near.yaml
show REFUSED TUNNELD_EVENT='reload refused' -p err
systemctl stop tunneld@near
show STOPPED -u tunneld@near TUNNELD_INTERFACE=tun0
mkdir -p /etc/systemd/system/tunneld@near.service.d
printf '[Service]\\nInaccessiblePaths=/run/systemd/journal/socket\\n' > /etc/systemd/system/tunneld@near.service.d/closed.conf
systemctl daemon-reload
since=$(date '+%F %T')
systemctl start tunneld@near
show STDERR -u tunneld@near _TRANSPORT=stdout -p info --since "$since"
systemctl stop tunneld@near
sleep 1
since=$(date '+%F %T')
echo 'nonsense: 1' >> /etc/tunneld/near.yaml
systemctl start tunneld@near
show MISTAKE -u tunneld@near -t tunneld --since "$since"
"""
)


def run(lab):
    with layer(lab) as root:
        install(lab, root)
        configure_pair(lab, root)
        text = boot_and_run(root, SCRIPT, seconds=120)

    def shown(name):
        begin = text.index(f"\nBEGIN {name}\n")
        return text[begin : text.index(f"\nEND {name}\n", begin)]

    for name, words in (
        ("FAILED", "51820"),
        ("CONNECTED", "peer far ("),
        ("GONE", "has ended the session"),
        ("RELOADED", "reloaded /etc/tunneld/near.yaml: 0 peers added"),
        ("REFUSED", "nonsense"),
        ("RELOAD-REFUSED", "unknown key"),
        ("STOPPED", "stopping: SIGTERM"),
        ("STDERR", "tun0 is up: udp port 51820"),
        ("MISTAKE", "unknown key"),
    ):
        check(words in shown(name), f"{name}: {words!r} is missing:\n{text}")
    check(shown("MISTAKE").count("unknown key") == 1, f"a mistake is told more than once:\n{text}")
    check("<6>" not in shown("STDERR"), f"a priority is part of the text:\n{text}")


if __name__ == "__main__":
    main(run)

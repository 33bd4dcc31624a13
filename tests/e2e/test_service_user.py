"""The service is a user of its own, whatever was there before: it takes over what an earlier one that was root has left, reads what
root writes (`client add`, files that were copied), and root by hand works on as that user where the run directory is the service's,
and else as root, with the same little power."""
import shutil

from booted import boot_and_run, install, layer
from harness import check, main, sh

ALONE = True

SCRIPT = """
who() { echo "$1: $(ps -o user= -p $2) $(sed -n 's/^CapEff:\\t0*//p; s/^CapBnd:\\t0*//p; s/^NoNewPrivs:\\t//p' /proc/$2/status | tr '\\n' ' ')"; }
pid() { systemctl show -p MainPID --value tunneld@server; }
up() { timeout 20 sh -c "until tunneld status $1 > /dev/null 2>&1; do sleep 0.1; done"; }

: AS ROOT, AS IT WAS
mkdir -p /etc/systemd/system/tunneld@server.service.d
printf '[Service]\\nUser=root\\nGroup=root\\nExecStopPost=\\nRestart=no\\n' > /etc/systemd/system/tunneld@server.service.d/root.conf
systemctl daemon-reload
systemctl start tunneld@server && who ROOT $(pid)
tunneld client add early --config /etc/tunneld/server.yaml --out /root/early && echo ADDED-EARLY
kill -KILL $(pid)
timeout 20 sh -c 'while systemctl is-active -q tunneld@server; do sleep 0.1; done'
ls -l /run/tunneld /var/lib/tunneld
rm -r /etc/systemd/system/tunneld@server.service.d
systemctl daemon-reload
systemctl reset-failed tunneld@server

: AS THE SERVICE
systemctl start tunneld@server && who SERVICE $(pid)
journalctl -u tunneld@server -o cat | grep undone
echo "FOREIGN: $(find /run/tunneld /var/lib/tunneld ! -user tunneld | tr '\\n' ' ')"
echo "CLOSED: $(find /etc/tunneld -perm /o=rwx | tr '\\n' ' ')"
tunneld client add late --config /etc/tunneld/server.yaml --out /root/late && echo ADDED-LATE
stat -c 'KEY: %a %U %G' /etc/tunneld/peers.d/late.psk /etc/tunneld/peers.d/late.yaml
tunneld status --json | grep -o '"name": "\\(early\\|late\\)"'
tunneld client list --config /etc/tunneld/server.yaml
install -m 600 /etc/tunneld/peers.d/late.yaml /root/copy
sed -i "s/late/copied/; s#public_key:.*#public_key: \\"$(tunneld genkey | tunneld pubkey)\\"#; /preshared/d" /root/copy
cp -p /root/copy /etc/tunneld/peers.d/copied.yaml
stat -c 'COPY: %a %U %G' /etc/tunneld/peers.d/copied.yaml
systemctl reload tunneld@server && echo RELOADED
stat -c 'COPY: %a %U %G' /etc/tunneld/peers.d/copied.yaml
systemctl stop tunneld@server

: BY HAND IN THE RUN DIRECTORY OF THE SERVICE
tunneld --config /etc/tunneld/server.yaml & up
who BY-HAND $!
tunneld reload
kill -KILL $!; wait $!
ls -l /run/tunneld
tunneld cleanup && echo CLEANED
ls /run/tunneld/*.journal

: BY HAND IN ONE OF ROOT
export TUNNELD_RUN_DIR=/run/mine TUNNELD_STATE_DIR=/var/lib/mine
tunneld --config /etc/tunneld/server.yaml & up
who BY-ROOT $!
tunneld down
sed -i 's/listen_port: 51820/listen_port: 443/' /etc/tunneld/server.yaml
tunneld --config /etc/tunneld/server.yaml & up
who LOW-PORT $!
tunneld down
"""


def run(lab):
    with layer(lab) as root:
        install(lab, root)
        shutil.rmtree(root / "etc/tunneld", ignore_errors=True)
        sh(lab.tunneld, "init", "server", "--dir", root / "etc/tunneld", "--endpoint", "203.0.113.1")
        text = boot_and_run(root, SCRIPT, seconds=120)
    net_admin, low_port = "1000", "1400"
    for words in (
        f"ROOT: root {low_port} {low_port} 1 ",
        "ADDED-EARLY",
        f"SERVICE: tunneld {net_admin} {low_port} 1 ",
        "FOREIGN: ",
        "CLOSED: ",
        "ADDED-LATE",
        '"name": "early"',
        '"name": "late"',
        "COPY: 600 root root",
        "RELOADED",
        "COPY: 640 root tunneld",
        f"BY-HAND: tunneld {net_admin} {net_admin} 1 ",
        "CLEANED",
        f"BY-ROOT: root {net_admin} {net_admin} 1 ",
        f"LOW-PORT: root {low_port} {low_port} 1 ",
    ):
        check(f"\n{words}\n" in text, f"{words!r}:\n{text}")
    check(text.count("KEY: 640 root tunneld") == 2, f"what `client add` writes is readable for the service:\n{text}")
    check("cannot access '/run/tunneld/*.journal'" in text, f"cleaned up:\n{text}")


if __name__ == "__main__":
    main(run)

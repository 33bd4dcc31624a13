"""`tunneld import` makes a working configuration of a wg-quick file, `tunneld export` makes a working wg-quick file of that:
both reach wireguard-go. Keys are in files of mode 0600 and nowhere else. A mistake is named with its line and leaves
nothing behind; a file that exists stays as it is."""
import os

import wireguard_go
from harness import check, main, sh


def run(lab):
    a, b = lab.host("a"), lab.host("b")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    key_a, key_b = lab.key(a), lab.key(b)
    psk = lab.psk(a, b)
    device = wireguard_go.start(
        lab,
        a,
        "10.9.0.1/24",
        [
            "private-key",
            a.directory / "private.key",
            "listen-port",
            "51820",
            "peer",
            key_b,
            "preshared-key",
            a.directory / "preshared.key",
            "allowed-ips",
            "10.9.0.2/32,10.20.0.0/16",
        ],
    )
    private = (b.directory / "private.key").read_text().strip()
    text = f"""[Interface]
PrivateKey = {private}
Address = 10.9.0.2/24
MTU = 1400
DNS = 10.9.0.1, corp.example
PostUp = touch {b.directory}/ran

[Peer]
# Name = office
publickey = {key_a}
PresharedKey = {psk}
AllowedIPs = 10.9.0.0/24, 10.77.0.0/16
Endpoint = 203.0.113.1:51820
PersistentKeepalive = 25
"""
    conf = b.directory / "wg0.conf"
    conf.write_text(text)
    conf.chmod(0o600)
    out = b.directory / "out"

    # A mistake: named with its line, nothing is written.
    broken = b.directory / "broken.conf"
    broken.write_text(text.replace("AllowedIPs", "AlowedIPs"))
    result = b.run(lab.tunneld, "import", broken, "-o", out, check_exit=False)
    check(result.returncode == 2 and "broken.conf:12:1: unknown key 'AlowedIPs'" in result.stdout, result.stdout)
    check("everybody can read it" in result.stdout, "warns of a file that is open to all")
    check(not out.exists(), "a failed import has left a directory behind")

    # OpenVPN's: named as such with its line, what has a place here is said, the keys are not, and nothing is written.
    profile = b.directory / "office.conf"
    profile.write_text(f"client\r\nremote vpn.example.org 1194\r\nredirect-gateway def1\r\n<key>\r\n{private}\r\n</key>\r\n")
    result = b.run(lab.tunneld, "import", profile, "-o", out, check_exit=False)
    check(result.returncode == 2, f"exit code of an OpenVPN profile: {result.returncode}")
    for words in (
        "office.conf:1:1: this is an OpenVPN profile ('client' in line 1, 'remote' in line 2, ",
        "docs/from_openvpn.md",
        "line 2: 'remote' becomes 'endpoints: [\"vpn.example.org:51820\"]'",
        "line 3: 'redirect-gateway' becomes 'client.accept.default_route: true'",
    ):
        check(words in result.stdout, f"'{words}' is not said: {result.stdout}")
    check(private not in result.stdout and "[Interface]" not in result.stdout, result.stdout)
    check(not out.exists(), "the import of an OpenVPN profile has left a directory behind")

    output = b.run(lab.tunneld, "import", conf, "-o", out).stdout
    check("wg0.conf:6:10: warning: 'PostUp' is not supported" in output, f"names the hook: {output}")
    check("DNS" not in output, f"DNS is taken over: {output}")
    check(sorted(os.listdir(out)) == ["wg0-office.psk", "wg0.key", "wg0.yaml"], f"files: {os.listdir(out)}")
    for path in out.iterdir():
        check(path.stat().st_mode & 0o777 == 0o600, f"{path} is open to others")
    yaml = (out / "wg0.yaml").read_text()
    check('dns:\n    servers: ["10.9.0.1"]\n    search: ["corp.example"]' in yaml, f"DNS in {yaml}")
    check(private not in yaml + output and psk not in yaml + output, "a secret in the YAML or on the terminal")

    # A second import touches nothing.
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    check(b.run(lab.tunneld, "import", conf, "-o", out, check_exit=False).returncode == 1, "files exist")
    check(before == {path.name: path.read_bytes() for path in out.iterdir()}, "an import over files changed them")

    b.run(lab.tunneld, "check", "--config", out / "wg0.yaml")
    daemon = lab.start(b, out / "wg0.yaml")
    check(b.ping("10.9.0.1") == 3 and a.ping("10.9.0.2") == 3, "the imported configuration works")
    check("mtu 1400" in b.ip("link", "show", "wg0") and "10.77.0.0/16 dev wg0" in b.ip("route"), "MTU and route")
    check(not (b.directory / "ran").exists(), "a hook was run")
    daemon.stop()

    # Out again: a file that wg-quick and wg accept, for the other wireguard-go.
    exported = b.directory / "wgx.conf"
    b.run(lab.tunneld, "export", "--config", out / "wg0.yaml", "-o", exported)
    check(exported.stat().st_mode & 0o777 == 0o600, "an exported file is open to others")
    printed = b.run(lab.tunneld, "export", "--config", out / "wg0.yaml").stdout
    check(
        printed == exported.read_text() and "# Name = office" in printed and "DNS = 10.9.0.1, corp.example" in printed,
        "export prints what it writes",
    )
    stripped = b.directory / "stripped.conf"
    stripped.write_text(sh("wg-quick", "strip", exported).stdout)
    other = wireguard_go.start(lab, b, "10.9.0.2/24", ["listen-port", "0"])
    b.run("wg", "setconf", other, stripped)
    check(b.ping("10.9.0.1") == 3, "the exported file works")
    check(b.run("wg", "show", other, "preshared-keys").stdout.split()[1] == psk, "with its preshared key")
    check("0" not in a.run("wg", "show", device, "latest-handshakes").stdout.split(), "the peer is up")


if __name__ == "__main__":
    main(run)

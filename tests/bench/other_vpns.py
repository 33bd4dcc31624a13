"""Other VPNs between two hosts that share a wire 203.0.113.1 to 203.0.113.2: each function starts one at both ends, gives
them 10.9.0.1 and 10.9.0.2, and returns at once. Every one has its usual settings for speed and an authenticated cipher."""
import shutil

from harness import sh, wait_for

PACKAGES = {"openvpn": "openvpn", "fastd": "fastd", "tincd": "tinc"}
PORT = 51820


def missing(program):
    return shutil.which(program, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") is None


def start_openvpn(hosts, cipher):
    """TLS with self-signed certificates, each pinned by its fingerprint, as openvpn's own peer-fingerprint example."""
    fingerprints = []
    for host in hosts:
        sh(
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "30",
            "-subj",
            f"/CN={host.name}",
            "-keyout",
            host.directory / "key.pem",
            "-out",
            host.directory / "certificate.pem",
            stderr=-3,
        )
        text = sh("openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", host.directory / "certificate.pem").stdout
        fingerprints.append(text.strip().split("=")[1])
    for own, host in enumerate(hosts, 1):
        role = ["--tls-server", "--dh", "none"] if own == 1 else ["--tls-client"]
        host.popen(
            "openvpn",
            "--dev",
            "tun0",
            "--dev-type",
            "tun",
            "--proto",
            "udp",
            "--disable-dco",
            "--local",
            f"203.0.113.{own}",
            "--port",
            PORT,
            "--remote",
            f"203.0.113.{3 - own}",
            "--ifconfig",
            f"10.9.0.{own}",
            f"10.9.0.{3 - own}",
            *role,
            "--key",
            host.directory / "key.pem",
            "--cert",
            host.directory / "certificate.pem",
            "--peer-fingerprint",
            fingerprints[2 - own],
            "--data-ciphers",
            cipher,
            "--sndbuf",
            "4194304",
            "--rcvbuf",
            "4194304",
            "--txqueuelen",
            "1000",
        )


def start_fastd(hosts, method):
    secrets = []
    publics = []
    for _ in hosts:
        secret = sh("fastd", "--generate-key", "--machine-readable").stdout.strip()
        public = sh("fastd", "--show-key", "--machine-readable", "--config", "-", input=f'secret "{secret}";\n').stdout
        secrets.append(secret)
        publics.append(public.split()[-1])
    for own, host in enumerate(hosts, 1):
        path = host.directory / "fastd.conf"
        path.write_text(
            f'mode tun; interface "tun0"; mtu 1426; method "{method}"; bind 203.0.113.{own}:{PORT};\n'
            f'secret "{secrets[own - 1]}";\n'
            f'peer "other" {{ key "{publics[2 - own]}"; remote 203.0.113.{3 - own}:{PORT}; }}\n'
        )
        host.popen("fastd", "--config", path)
        give_addresses(host, own)


def start_tinc(hosts, cipher):
    """tinc 1.0 in router mode; its digest stays on, as its manual advises."""
    names = ["one", "two"]
    for own, host in enumerate(hosts, 1):
        directory = host.directory / "tinc"
        (directory / "hosts").mkdir(parents=True)
        other = "" if own == 1 else "ConnectTo = one\n"
        (directory / "tinc.conf").write_text(
            f"Name = {names[own - 1]}\nInterface = tun0\nDeviceType = tun\nBindToAddress = 203.0.113.{own} {PORT}\n"
            f"UDPRcvBuf = 4194304\nUDPSndBuf = 4194304\n{other}"
        )
        (directory / "hosts" / names[own - 1]).write_text(
            f"Address = 203.0.113.{own} {PORT}\nSubnet = 10.9.0.{own}/32\nCipher = {cipher}\nDigest = sha256\n"
        )
        sh("tincd", "-c", directory, "-K", "2048", stdin=-3)
    for own, host in enumerate(hosts, 1):
        source = host.directory / "tinc/hosts" / names[own - 1]
        shutil.copy(source, hosts[2 - own].directory / "tinc/hosts" / names[own - 1])
    for own, host in enumerate(hosts, 1):
        host.popen("tincd", "-c", host.directory / "tinc", "-D", f"--pidfile={host.directory}/tinc.pid")
        give_addresses(host, own)


def give_addresses(host, own):
    wait_for(lambda: "tun0" in host.run("ip", "-o", "link").stdout, 10, "the device appears")
    host.ip("address", "add", f"10.9.0.{own}/24", "dev", "tun0")
    host.ip("link", "set", "tun0", "up")

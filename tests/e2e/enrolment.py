"""What the tests of enrolment share: running the command line on a host, reading QR codes, being a phone."""
import re

import wireguard_go
from harness import check, sh


def tunneld(host, *words, code=0, **options):
    """Output (stdout and stderr) of a command run in the host's directory; its exit code must be `code`."""
    result = host.run(host.lab.tunneld, *words, cwd=host.directory, check_exit=False, **options)
    check(
        result.returncode == code,
        f"tunneld {' '.join(map(str, words))}: exit {result.returncode}, not {code}\n{result.stdout}",
    )
    return result.stdout


def tree(path):
    """Everything below, to be compared."""
    return {str(file): (file.stat().st_mode, file.read_bytes() if file.is_file() else None) for file in path.rglob("*")}


def read_qr(lab, output):
    """What zbarimg, which knows nothing of us, reads from a picture of the terminal."""
    rows = re.findall("\x1b\\[38;5;16;48;5;231m([\u2588\u2580\u2584 ]+)\x1b\\[0m", output)
    check(len(rows) > 20, f"no QR code in the output:\n{output}")
    check(all(len(row) == len(rows[0]) for row in rows), "lines of different length")
    check(len(rows[0]) <= 80, f"{len(rows[0])} columns do not fit a terminal")
    # Black on white by its own colours: the same picture on a dark and on a light terminal.
    scale = 4
    lines = []
    for row in rows:
        for dark in ("\u2588\u2580", "\u2588\u2584"):
            line = bytes(0 if cell in dark else 255 for cell in row for _ in range(scale))
            lines += [line] * scale
    image = lab.directory / "qr.pgm"
    image.write_bytes(b"P5 %d %d 255\n" % (len(lines[0]), len(lines)) + b"".join(lines))
    return sh("zbarimg", "--nodbus", "--quiet", "--raw", image, stderr=None).stdout.strip() + "\n"


def connect_phone(lab, host, conf):
    """wireguard-go with a wg-quick file, as wg-quick would set it up."""
    path = host.directory / "wg0.conf"
    path.write_text(conf)
    path.chmod(0o600)
    stripped = host.directory / "stripped.conf"
    stripped.write_text(sh("wg-quick", "strip", path).stdout)
    addresses = re.search(r"^Address = (.*)$", conf, re.M).group(1).split(", ")
    device = wireguard_go.start(lab, host, addresses[0], ["listen-port", "0"])
    for address in addresses[1:]:
        host.ip("address", "add", address, "dev", device)
    host.run("wg", "setconf", device, stripped)
    for network in re.search(r"^AllowedIPs = (.*)$", conf, re.M).group(1).split(", "):
        host.ip("-6" if ":" in network else "-4", "route", "add", network, "dev", device)
    return device, [address.split("/")[0] for address in addresses]

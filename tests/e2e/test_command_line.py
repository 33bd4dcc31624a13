"""The commands: exit codes 0 to 3, formats of wg, and `check`, which needs no root and changes nothing."""
import os
import pty
import re
import shutil
import subprocess

from harness import check, check_same_state, main, sh


def run(lab):
    tunneld = lab.tunneld

    def exits(code, *words, **options):
        result = sh(tunneld, *words, check_exit=False, **options)
        check(result.returncode == code, f"{words}: exit {result.returncode}, not {code}\n{result.stdout}")
        return result.stdout

    check("tunneld " in exits(0, "--version"), "--version")
    check("--config" in exits(0, "--help"), "--help")
    for command in ("check", "genkey", "init", "status", "wait", "down", "cleanup", "import", "export"):
        exits(0, command, "--help")
    exits(2)
    exits(2, "--no-such-option")
    exits(2, "no-such-command")
    exits(2, "--config", "/nonexistent.yaml")

    # The formats of wg, both ways.
    private = exits(0, "genkey").strip()
    ours = exits(0, "pubkey", input=private + "\n").strip()
    check(ours == sh("wg", "pubkey", input=private + "\n").stdout.strip(), "pubkey differs from wg's")
    wg_private = sh("wg", "genkey").stdout
    check(exits(0, "pubkey", input=wg_private) == sh("wg", "pubkey", input=wg_private).stdout, "pubkey of a wg key")
    check(len(exits(0, "genpsk").strip()) == 44, "genpsk")
    exits(2, "pubkey", input="no key\n")
    key_file = lab.directory / "new.key"
    exits(0, "genkey", "-o", key_file)
    check(key_file.stat().st_mode & 0o777 == 0o600, "genkey -o must be private")
    exits(1, "genkey", "-o", key_file)  # never overwrites

    # init writes both ends, and what it writes passes check.
    exits(0, "init", "site", "--dir", lab.directory / "site")
    for end in ("site-a", "site-b"):
        config = lab.directory / "site" / end / "site.yaml"
        exits(0, "check", "--config", config)
        check("route 10." in exits(0, "check", "--config", config, "--plan"), "--plan names the routes")
        check("is an example, which nobody has" in exits(0, "check", "--config", config), "examples are named")
        shown = exits(0, "check", "--config", config, "--show", stderr=subprocess.DEVNULL)
        copy = config.with_name("shown.yaml")
        copy.write_text(shown)
        check(
            exits(0, "check", "--config", copy, "--show", stderr=subprocess.DEVNULL) == shown, "--show is not what it read"
        )

    # A server whose address nobody has said: asked for on a terminal, otherwise it is missing, and said to be.
    no_endpoint = exits(0, "init", "server", "--dir", lab.directory / "silent", stdin=subprocess.DEVNULL)
    check("warning: --endpoint is missing" in no_endpoint, no_endpoint)
    exits(0, "check", "--config", lab.directory / "silent/server.yaml")
    refused = exits(2, "client", "add", "alice", "--config", lab.directory / "silent/server.yaml")
    check("does not say where clients reach it" in refused, refused)
    words = [tunneld, "init", "server", "--dir", str(lab.directory / "asked"), "--name", "office"]
    main_end, end = pty.openpty()
    with subprocess.Popen(words, stdin=end, stdout=end, stderr=end) as asking:
        os.close(end)
        said = os.read(main_end, 1000).decode()
        check("Name or address at which clients reach this server" in said, said)
        os.write(main_end, b"198.18.0.1\n")
        check(asking.wait(timeout=10) == 0, "init with an answer")
    os.close(main_end)
    office = (lab.directory / "asked/office.yaml").read_text()
    # Another port than that of the server in "silent", which is there to be started, too.
    check('endpoint: "198.18.0.1:51821"' in office and 'include: ["office.d/*.yaml"]' in office, office)

    # Servers in folders beside each other can run side by side: nothing is in two of them.
    servers = []
    (lab.directory / "beside").mkdir()
    for directory in ("one", "two", "three"):
        exits(0, "init", "server", "--dir", directory, "--endpoint", "198.18.0.1", cwd=lab.directory / "beside")
        servers.append((lab.directory / "beside" / directory / "server.yaml").read_text())
    for key in ("name", "listen_port", "pool", "addresses", "endpoint"):
        values = [re.search(rf"^  {key}: (.*?)( +#|$)", text, re.M).group(1) for text in servers]
        check(len(set(values)) == 3, f"{key} of three servers: {values}")
    check('pool: ["10.8.0.0/24"' in servers[0], servers[0])

    # Names that are none of an interface, or none of a file.
    for name, interface in (("default", "tun0"), ("the.office.in.the.north", "tun0"), ("123", "123"), ("@home", "tun0")):
        exits(0, "init", "site", "--dir", lab.directory / name, "--name", name)
        config = lab.directory / name / "site-a" / f"{name}.yaml"
        check(f'  name: "{interface}"\n' in config.read_text(), config.read_text())
        exits(0, "check", "--config", config)
    for name in ("../x", ".x", "a b", ""):
        check("a connection's name has" in exits(2, "init", "client", "--dir", lab.directory / "x", "--name", name), name)
    check(not (lab.directory / "x").exists(), "a refused init has left files")
    exits(2, "init", "server", "--dir", lab.directory / "x", "--internet", "no-such-if")

    # check as nobody: same answer, no trace.
    a = lab.host("a")
    before = a.state()
    public = lab.directory / "public"
    shutil.copytree(lab.directory / "site" / "site-a", public)
    binary = lab.directory / "tunneld"
    shutil.copy(tunneld, binary)
    for path in (lab.directory, public, binary):
        path.chmod(0o755)
    (public / "site.yaml").chmod(0o644)
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    result = a.run(*as_nobody, binary, "check", "--config", public / "site.yaml", check_exit=False)
    check(result.returncode == 0, f"check as nobody: {result.returncode} {result.stdout}")
    (public / "site.yaml").write_text((public / "site.yaml").read_text() + "nonsense: 1\n")
    result = a.run(*as_nobody, binary, "check", "--config", public / "site.yaml", check_exit=False)
    check(result.returncode == 2 and "site.yaml:" in result.stdout and "nonsense" in result.stdout, result.stdout)
    check_same_state(before, a.state(), "after check")

    # Running as nobody is not permitted, and said so.
    for name in ("site.key", "site.psk"):
        shutil.chown(public / name, 65534, 65534)
    good = (lab.directory / "site" / "site-a" / "site.yaml").read_text()
    (public / "site.yaml").write_text(good)
    result = a.run(*as_nobody, binary, "--config", public / "site.yaml", check_exit=False)
    check(result.returncode == 3, f"run as nobody: {result.returncode}\n{result.stdout}")
    check_same_state(before, a.state(), "after a run as nobody")

    # Nobody to talk to.
    check(a.run(tunneld, "status", check_exit=False).returncode == 1, "status without a daemon")
    check(a.run(tunneld, "down", "tun7", check_exit=False).returncode == 1, "down without a daemon")
    check(a.run(tunneld, "cleanup", check_exit=False).returncode == 0, "cleanup with nothing to do")


if __name__ == "__main__":
    main(run)

"""docs/from_wg_quick.md is true: a hub that wg-quick runs moves to tunneld and back by the page's commands, and its peers, which
are Debian's wireguard-go, notice nothing. What the page says of its `PostUp` lines holds, and the commands that both pages for
those who come from another VPN name are there, with these options."""
import re

import wireguard_go
from harness import ROOT, check, main, wait_for
from machines import Machine

PAGE = ROOT / "docs/from_wg_quick.md"


def commands_of(page, heading):
    section = re.search(rf"## {heading}\n(.*?)\n## ", page, re.S).group(1)
    return [line.strip() for line in re.findall(r"^    .*$", section, re.M)]


def check_commands(lab, host, page):
    """Each `tunneld …` in the middle of the text has a help, which has the options."""
    named = set(re.findall(r"`(tunneld [^`]+)`", page))
    check(len(named) >= 5, f"commands were not found: {named}")
    for command in named:
        words = command.split()[1:]
        subcommands = [word for word in words[:2] if re.fullmatch("[a-z]+", word)]
        if subcommands[:1] in (["client"], ["init"]):
            subcommands = subcommands[:2]
        else:
            subcommands = subcommands[:1]
        help = host.run(lab.tunneld, *subcommands, "--help").stdout
        for option in re.findall(r"(?<= )--?[a-z][a-z-]*", command):
            check(re.search(rf"^ +(-\w,)?{option}\b", help, re.M), f"`{command}`: no {option} in\n{help}")


def stock_peer(lab, hub, number, hub_key):
    """Calls the hub, which is 203.0.113.(4n+1) on its wire."""
    host = lab.host(f"peer{number}")
    lab.wire(hub, f"203.0.113.{4 * number + 1}/30", host, f"203.0.113.{4 * number + 2}/30", name_a=f"wire{number}")
    key = lab.key(host)
    wireguard_go.start(
        lab,
        host,
        f"10.7.0.{number + 1}/24",
        f"private-key {host.directory}/private.key peer {hub_key} allowed-ips 10.7.0.0/24 "
        f"endpoint 203.0.113.{4 * number + 1}:51820 persistent-keepalive 1".split(),
    )
    return host, key


def stripped(machine, path):
    """The settings that wg reads, by section, in an order of their own."""
    text = re.sub(r"#.*| +", "", machine.type(f"wg-quick strip {path}"))
    return [sorted(section.split()) for section in text.split("[")]


def run(lab):
    machine = Machine(lab, "hub")
    hub = machine.host
    machine.type("mkdir -p /run/wireguard && mount -t tmpfs tmpfs /run/wireguard")
    hub_key = lab.key(hub)
    (first, first_key), (second, second_key) = (stock_peer(lab, hub, number, hub_key) for number in (1, 2))
    text = f"""[Interface]
PrivateKey = {(hub.directory / "private.key").read_text().strip()}
Address = 10.7.0.1/24
ListenPort = 51820
PostUp = sysctl -w net.ipv4.ip_forward=1

### Client first
[Peer]
PublicKey = {first_key}
AllowedIPs = 10.7.0.2/32

[Peer]
# second
PublicKey = {second_key}
AllowedIPs = 10.7.0.3/32
"""
    source = hub.directory / "wg0.conf"
    source.write_text(text)
    machine.type(f"install -m 600 {source} /etc/wireguard/wg0.conf && systemctl enable --now wg-quick@wg0")
    try:
        move(lab, machine, first, second)
    finally:
        machine.type("wg-quick down wg0 2>/dev/null || true")


def move(lab, machine, first, second):
    hub = machine.host
    page = PAGE.read_text()

    def reaches(host, address, words):
        wait_for(lambda: host.reaches(address), 20, words)

    reaches(first, "10.7.0.1", "the hub of wg-quick")
    reaches(first, "10.7.0.3", "another peer through the hub of wg-quick")

    # The page's commands, in its order, with what it promises of them.
    commands = commands_of(page, "Moving an interface")
    check([command.split()[:2] for command in commands[:2]] == [["tunneld", "import"], ["tunneld", "check"]], commands)
    check(len(commands) == 4, commands)
    outputs = [machine.type(command) for command in commands]
    check("wg0.conf:5:10: warning: 'PostUp' is not supported" in outputs[0], outputs[0])
    for taken in ("the name 'wg0' is taken by", "UDP port 51820 is taken by"):
        check(taken in outputs[1], f"check does not say '{taken}':\n{outputs[1]}")
    # Peers that send begin a new session 15 s after the first packet without an answer, as with any WireGuard.
    reaches(first, "10.7.0.1", "the hub, now tunneld")
    reaches(second, "10.7.0.1", "the hub, now tunneld")
    status = machine.type("tunneld status wg0")
    check("first" in status and "second" in status, f"names of peers from comments: {status}")
    check("File exists" in machine.type(commands[0], code=1), "a second import overwrites nothing")
    reaches(first, "10.7.0.3", "another peer, because the host forwards since PostUp")

    # What PostUp did, as the page's table has it: forwarding, and peers that reach each other.
    table = dict(re.findall(r"^\| (`iptables.*?) \| .*?`(server: [^`]*)`.*\|$", page, re.M))
    masquerade = next(option for what, option in table.items() if "MASQUERADE" in what).replace("eth0", "wire1")
    among_peers = next(option for what, option in table.items() if "FORWARD" in what)
    hub.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
    check(not first.reaches("10.7.0.3"), "somebody else forwards")
    imported = machine.type("cat /etc/tunneld/wg0.yaml")
    for option, is_between_peers in ((masquerade, False), (among_peers, True)):
        changed = hub.directory / "changed.yaml"
        changed.write_text(f"{imported}\n{option}\n")
        said = machine.type(f"cp {changed} /etc/tunneld/wg0.yaml && tunneld reload wg0")
        if not is_between_peers:
            check("it takes effect after a restart" in said, f"a new section: {said}")
            machine.type("systemctl disable --now tunneld@wg0 && systemctl enable --now tunneld@wg0")
        check(hub.run("sysctl", "-n", "net.ipv4.ip_forward").stdout == "1\n", f"'{option}' does not forward")
        for host in (first, second):
            reaches(host, "10.7.0.1", f"the hub with '{option}'")
        check(first.reaches("10.7.0.3") == is_between_peers, f"peers reach each other, or do not, with '{option}'")

    # Out again, as a file with the same keys and networks; and back to wg-quick by the page's words.
    machine.type("tunneld export --config /etc/tunneld/wg0.yaml -o wg0.conf")
    exported, original = stripped(machine, "./wg0.conf"), stripped(machine, "/etc/wireguard/wg0.conf")
    check(len(original) == 4 and exported == original, f"exported: {exported}\nimported: {original}")
    machine.type("systemctl disable --now tunneld@wg0")
    wait_for(lambda: "wg0" not in hub.ip("link", "show"), 10, "the device is gone")
    check(hub.run("sysctl", "-n", "net.ipv4.ip_forward").stdout == "0\n", "forwarding is undone by a stop")
    machine.type("systemctl enable --now wg-quick@wg0")
    reaches(second, "10.7.0.1", "the hub of wg-quick again")

    for name in ("from_wg_quick.md", "from_openvpn.md"):
        check_commands(lab, hub, (ROOT / "docs" / name).read_text())


if __name__ == "__main__":
    main(run)

"""At the most talkative level the log holds no key: not in base64, not in hex; and no core can be dumped."""
import base64
import pathlib

from harness import check, main, sh


def run(lab):
    a, b = lab.pair(psk=True, start=False)
    daemons = [lab.start(host, host.config_path, log_level="trace") for host in (a, b)]
    check(a.ping("10.9.0.2") == 3, "ping")
    pid = [
        pid
        for pid in sh("ip", "netns", "pids", a.namespace).stdout.split()
        if "tunneld" in pathlib.Path(f"/proc/{pid}/comm").read_text()
    ][0]
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    check(
        any(line.startswith("Max core file size") and line.split()[4] == "0" for line in limits.splitlines()),
        f"cores may be dumped:\n{limits}",
    )
    a.run(lab.tunneld, "status", "--json")
    shown = a.run(lab.tunneld, "status", "--json").stdout
    for daemon in daemons:
        daemon.stop()
    text = shown + "".join(daemon.log() for daemon in daemons)
    check("session up" in text, "the log says nothing: nothing was tested")
    for host in (a, b):
        for name in ("private.key", "preshared.key"):
            key = (host.directory / name).read_text().strip()
            raw = base64.b64decode(key)
            for form in (key, key.rstrip("="), raw.hex(), raw.hex().upper()):
                check(form not in text, f"{host.name}'s {name} is in the log")


if __name__ == "__main__":
    main(run)

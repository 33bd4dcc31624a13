"""A start that fails at any point says why, exits with the right code, and leaves the host as it was."""
import json
import signal

from harness import check, check_same_state, main


def attempt(lab, host, before, change, code, words):
    config = json.loads(host.config_path.read_text())
    change(config)
    path = host.directory / "broken.yaml"
    path.write_text(json.dumps(config))
    daemon = lab.start(host, path, ready=False)
    got = daemon.process.wait(timeout=10)
    check(got == code, f"{words}: exit code {got}, not {code}\n{daemon.log()}")
    check(words in daemon.log(), f"the log does not say {words!r}:\n{daemon.log()}")
    check_same_state(before, host.state(), words)


def run(lab):
    a, b = lab.pair(start=False)
    before = a.state()

    holder = a.popen(
        "python3",
        "-c",
        "import socket,time; s=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); s.bind(('::',51820)); time.sleep(60)",
    )
    import time

    time.sleep(0.5)
    attempt(lab, a, before, lambda config: None, 1, "51820")
    holder.kill()
    holder.wait()

    def no_key(config):
        config["interface"]["private_key_file"] = "missing.key"

    attempt(lab, a, before, no_key, 2, "missing.key")

    # Somebody else's route for the same network: not ours to replace.
    a.ip("route", "add", "10.20.0.0/16", "via", "203.0.113.2")
    with_route = a.state()

    def same_route(config):
        config["peers"][0]["allowed_ips"].append("10.20.0.0/16")

    attempt(lab, a, with_route, same_route, 1, "10.20.0.0/16")
    a.ip("route", "del", "10.20.0.0/16")

    # A device of that name that is not ours.
    a.ip("link", "add", "tun0", "type", "veth", "peer", "name", "tun0peer")
    with_link = a.state()
    attempt(lab, a, with_link, lambda config: None, 1, "tun0")
    a.ip("link", "del", "tun0")

    # And after all that, the good configuration works.
    daemon = lab.start(a, a.config_path)
    daemon.stop(signal.SIGTERM)
    check_same_state(before, a.state(), "in the end")


if __name__ == "__main__":
    main(run)

"""A start without uplink and resolver is ready, says what it waits for, and comes up when both are there."""

from harness import check, main, wait_for

SLOW = True


def run(lab):
    a, b = lab.pair(start=False)
    a.ask_names_of("127.0.0.1")
    a.ip("link", "set", "wire", "down")
    a.config_path.write_text(
        a.config_path.read_text()
        .replace("203.0.113.2:51820", "b.example:51820")
        .replace('"allowed_ips"', '"persistent_keepalive": "5s", "allowed_ips"')
    )
    lab.start(b, b.config_path)
    daemon = lab.start(a, a.config_path)
    wait_for(lambda: "b.example" in daemon.peer("b")["note"], 5, "status says what it waits for")
    check(daemon.peer("b")["state"] == "waiting", f"status: {daemon.peer('b')}")
    human = a.run(lab.tunneld, "status").stdout
    check("b.example" in human, f"and so does the table:\n{human}")

    a.ip("link", "set", "wire", "up")
    a.serve_names("127.0.0.1").write_text("b.example 203.0.113.2")
    wait_for(lambda: daemon.peer("b")["state"] == "up", 20, "the tunnel comes up")
    check(a.ping("10.9.0.2") == 3, "ping")


if __name__ == "__main__":
    main(run)

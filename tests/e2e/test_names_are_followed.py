"""An endpoint is a name. Its address changes and the other end moves there: the tunnel is back within 20 s, by itself.
One peer with a name that nobody knows stops nobody."""

from harness import check, main, wait_for

SLOW = True


def run(lab):
    a, b = lab.pair(start=False)
    a.ask_names_of("127.0.0.1")
    zone = a.serve_names("127.0.0.1")
    zone.write_text("b.example 203.0.113.2")

    text = a.config_path.read_text().replace("203.0.113.2:51820", "b.example:51820")
    import json

    config = json.loads(text)
    config["peers"].append(
        {
            "name": "nowhere",
            "public_key": lab.key(a, "other.key"),
            "allowed_ips": ["10.77.0.0/16"],
            "endpoints": ["nobody-knows.example:51820"],
            "persistent_keepalive": "5s",
        }
    )
    a.config_path.write_text(json.dumps(config))
    # b does not know where a is: only a can bring the tunnel back.
    b_config = json.loads(b.config_path.read_text())
    del b_config["peers"][0]["endpoints"]
    b.config_path.write_text(json.dumps(b_config))

    lab.start(b, b.config_path)
    daemon = lab.start(a, a.config_path)
    wait_for(lambda: a.reaches("10.9.0.2"), 10, "the tunnel by name")
    check("nobody-knows.example" in daemon.peer("nowhere")["note"], f"status: {daemon.peer('nowhere')}")
    check(daemon.peer("nowhere")["state"] == "waiting", f"status: {daemon.peer('nowhere')}")

    zone.write_text("b.example 203.0.113.200")
    b.ip("address", "del", "203.0.113.2/24", "dev", "wire")
    b.ip("address", "add", "203.0.113.200/24", "dev", "wire")
    check(not a.reaches("10.9.0.2"), "the old address still answers: nothing was tested")
    seconds = wait_for(lambda: a.reaches("10.9.0.2"), 20, "the tunnel at the new address")
    check(daemon.peer("b")["endpoint"] == "203.0.113.200:51820", "status shows the new address")
    print(f"back after {seconds:.1f} s")


if __name__ == "__main__":
    main(run)

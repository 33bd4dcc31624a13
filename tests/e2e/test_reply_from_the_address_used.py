"""A server with two addresses answers from the one that the client called, not from the one that routing prefers."""
from harness import check, main

VARIANTS = True


def run(lab):
    a, b = lab.pair(start=False)
    b.ip("address", "add", "203.0.113.99/24", "dev", "wire")
    text = a.config_path.read_text().replace("203.0.113.2:51820", "203.0.113.99:51820")
    a.config_path.write_text(text)
    # Only what comes from the second address gets through to the client.
    a.run(
        "nft",
        "add table netdev t; add chain netdev t c { type filter hook ingress device wire priority 0; };"
        " add rule netdev t c ip protocol udp ip saddr 203.0.113.2 counter drop",
    )
    lab.start(b, b.config_path)
    daemon = lab.start(a, a.config_path)
    check(a.ping("10.9.0.2") == 3, "ping")
    check(daemon.peer("b")["endpoint"] == "203.0.113.99:51820", "the endpoint moved away")
    rules = a.run("nft", "list ruleset").stdout
    check("counter packets 0 " in rules, f"answers from the wrong address:\n{rules}")


if __name__ == "__main__":
    main(run)

"""Two bridges are joined by a tap and by a second wire: log and status of both ends, and doctor, name the ports, a station and what to
do. With the spanning tree protocol there is no loop, and nothing is said."""
from harness import check, main, wait_for


def run(lab):
    a, b, machine = lab.host("a"), lab.host("b"), lab.host("machine")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    lab.wire(a, [], b, [], "second", "second")
    lab.wire(a, [], machine, "10.20.0.9/24", "port", "eth0")
    keys = {host: lab.key(host) for host in (a, b)}
    for host, other, n in ((a, b, 1), (b, a, 2)):
        members = ["second", "port"] if host is a else ["second"]
        interface = {
            "name": "tap0",
            "type": "tap",
            "listen_port": 51820,
            "bridge": {"name": "br0", "create": True, "members": members},
        }
        # A storm of this size is enough.
        path = lab.config(
            host,
            interface,
            [{"name": f"site-{other.name}", "public_key": keys[other], "endpoints": [f"203.0.113.{3 - n}:51820"]}],
            switch={"flood_limit": 50},
        )
        host.daemon = lab.start(host, path)

    shouting = machine.popen("ping", "-n", "-b", "-i", "0.1", "10.20.0.255")
    station = machine.ip("-o", "link", "show", "eth0").split("link/ether ")[1].split()[0]
    for host, other in ((a, "b"), (b, "a")):
        wait_for(lambda: host.daemon.status()["interface"]["switch"]["loops"], 30, f"the loop is seen on {host.name}")
        loop = host.daemon.status()["interface"]["switch"]["loops"][0]
        check(loop["ports"] == [f"peer site-{other}", "the bridge br0"], f"the ports: {loop}")
        check(loop["station"] == station and loop["vlan"] == 0, f"the station is {station}: {loop}")
        words = f"behind peer site-{other} and the bridge br0, for example {station}:"
        check(words in host.daemon.log() and "'stp: true'" in host.daemon.log(), f"no '{words}':\n{host.daemon.log()}")
        check("LOOP: stations" in host.run(lab.tunneld, "status").stdout, "status for people")
    doctor = b.run(lab.tunneld, "doctor", check_exit=False)
    check(doctor.returncode == 1 and words in doctor.stdout, f"doctor:\n{doctor.stdout}")
    shouting.kill()
    check(a.daemon.log().count("frames loop") == 1, "one line is enough")

    # One end with the spanning tree protocol: no frame uses the second connection.
    for host in (a, b):
        host.daemon.stop()
        host.config_path = host.directory / "tunneld.yaml"
        host.config_path.write_text(host.config_path.read_text().replace('"create": true', '"create": true, "stp": true'))
        host.daemon = lab.start(host, host.config_path)
        host.ip("link", "set", "br0", "type", "bridge", "forward_delay", 200, "hello_time", 100)  # 4 s instead of 30
    wait_for(lambda: "state forwarding" in a.run("bridge", "link", "show", "dev", "port").stdout, 60, "the port forwards")
    shouting = machine.popen("ping", "-n", "-b", "-i", "0.1", "10.20.0.255")
    wait_for(
        lambda: b.daemon.status()["interface"]["switch"]["addresses"]
        or a.daemon.status()["interface"]["switch"]["addresses"],
        10,
        "frames pass",
    )
    doctor = a.run(lab.tunneld, "doctor", check_exit=False).stdout  # as long as two samples
    doctor += a.run(lab.tunneld, "doctor", check_exit=False).stdout
    check("frames loop" not in doctor and not a.daemon.status()["interface"]["switch"]["loops"], f"no loop:\n{doctor}")
    shouting.kill()


if __name__ == "__main__":
    main(run)

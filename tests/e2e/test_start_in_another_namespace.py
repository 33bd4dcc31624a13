"""A start that finds the journal of a run in another network namespace (`NetworkNamespacePath=` has changed) goes on, and leaves
what is to be undone there to that namespace: to `cleanup`, or to the next start in it."""
import signal

from harness import check, check_same_state, main


def full_tunnel(lab, host, other):
    peer = {"name": "other", "public_key": lab.key(other), "allowed_ips": ["0.0.0.0/0"]}
    lab.key(host)
    return lab.config(host, {"addresses": ["10.9.0.1/24"]}, [peer])


def run(lab):
    first, second = lab.host("first"), lab.host("second")
    second.run_directory = first.run_directory
    config = {host: full_tunnel(lab, host, lab.host(f"far-of-{host.name}")) for host in (first, second)}
    before = {host: host.state() for host in (first, second)}

    for end in ("cleanup", "cleanup tun0", "start"):
        lab.start(first, config[first]).stop(signal.SIGKILL, expect=-signal.SIGKILL)
        left = first.ip("rule")
        check("lookup 51820" in left, f"nothing is left to be undone: {left}")
        daemon = lab.start(second, config[second])
        check("stays there: `tunneld cleanup` there undoes it" in daemon.log(), "nothing is said of it")
        daemon.stop()
        check(first.ip("rule") == left, "undone from another namespace")
        check("lookup 51820" not in second.ip("rule"), "the second run is not undone")
        if end != "start":
            said = first.run(lab.tunneld, *end.split()).stdout
            check("undone" in said, said)
        else:
            lab.start(first, config[first]).stop()
        for host in (first, second):
            check_same_state(before[host], host.state(), f"after a {end} in the first namespace")


if __name__ == "__main__":
    main(run)

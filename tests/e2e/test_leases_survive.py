"""A lease is kept through a restart of the server, its SIGKILL, and a full disk; with a full disk a new one is refused, the
existing clients go on, and when there is room again the new one is served. A damaged file is moved aside."""
import contextlib
import os
import signal

from harness import check, sh, wait_for
from road_warriors import Server, configured


def run(lab):
    server = Server(lab)
    alice, bob = server.client("alice"), server.client("bob")
    server.host.state_directory.mkdir()
    sh("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", server.host.state_directory)
    try:
        check_leases(lab, server, alice, bob)
    finally:
        sh("umount", "-l", server.host.state_directory)


def check_leases(lab, server, alice, bob):
    server.start()
    daemon = lab.start(alice, alice.config_path)
    first = configured(daemon)["addresses"]
    check(len(first) == 2, f"alice has {first}")

    # A stop says BYE; alice is back as soon as the server is, with the same addresses.
    server.daemon.stop()
    check(daemon.status()["client"]["addresses"] == first, "alice keeps her addresses meanwhile")
    server.start()
    wait_for(lambda: alice.reaches("10.8.0.1"), 10, "alice is back after a restart")
    check(server.leases() == {"alice": first}, f"after a restart: {server.leases()}")

    # Killed: the addresses are routed before alice asks again.
    server.daemon.stop(signal.SIGKILL, expect=-9)
    server.start()
    check(server.leases() == {"alice": first}, f"after SIGKILL: {server.leases()}")
    check(
        set(f"{address}/{128 if ':' in address else 32}" for address in first)
        <= set(server.daemon.peer("alice")["allowed_ips"]),
        "the lease is not routed after SIGKILL",
    )
    wait_for(lambda: alice.reaches("10.8.0.1"), 30, "alice is back after SIGKILL")

    # The disk is full.
    filler = server.host.state_directory / "filler"
    file = os.open(filler, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while os.write(file, b"x" * 4096) == 4096:
            pass
    os.close(file)
    check(os.statvfs(server.host.state_directory).f_bfree == 0, "the disk is not full")
    before = (server.host.state_directory / "tun0.leases").read_bytes()
    bobs = lab.start(bob, bob.config_path)
    wait_for(lambda: any(client["refused"] for client in server.daemon.status()["server"]["clients"]), 10, "bob is refused")
    wait_for(lambda: "cannot keep a lease" in bobs.log(), 5, "bob is told")
    check(bobs.status()["client"]["configured_by"] is None, "bob has a configuration")
    check("lease cannot be written" in server.daemon.log(), "the server's log does not say so")
    bobs.stop()
    bobs = lab.start(bob, bob.config_path)
    wait_for(lambda: "cannot keep a lease" in bobs.log(), 10, "bob is told again")
    said = server.daemon.log().count("lease cannot be written")
    check(said == 1, f"the server says so {said} times")
    check(server.leases() == {"alice": first}, "a lease that is not on disk was given")
    check(alice.ping("10.8.0.1") == 3, "alice is cut off")
    check((server.host.state_directory / "tun0.leases").read_bytes() == before, "the lease file has changed")
    check(sorted(path.name for path in server.host.state_directory.iterdir()) == ["filler", "tun0.leases"], "rubbish")
    filler.unlink()
    bobs.stop()
    bobs = lab.start(bob, bob.config_path)
    second = configured(bobs, 15)["addresses"]
    check(bob.ping("10.8.0.1") == 3, "bob has no way")

    # A damaged file is no reason not to start; and the addresses come out the same, since they follow from the keys.
    server.daemon.stop()
    path = server.host.state_directory / "tun0.leases"
    path.write_bytes(path.read_bytes().replace(b'"seen"', b'"sEEn"'))
    server.start()
    check("is damaged: moved to" in server.daemon.log(), "nothing is said of the damage")
    wait_for(lambda: server.leases() == {"alice": first, "bob": second}, 20, "the same leases again")
    lab.check_nothing_left()


if __name__ == "__main__":
    from harness import main

    main(run)

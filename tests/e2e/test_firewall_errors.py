"""Whatever happens to the process that talks to nftables, the daemon lives, a reload fails with words and changes nothing, and
an end leaves nothing behind."""
import json

from harness import check, check_same_state, main, wait_for

FAULTS = [
    "inject=recvmsg:error=ENOBUFS",
    "inject=sendto:error=EPERM",
    "inject=sendmsg:error=ENOMEM",
    "inject=recvmsg:error=EPERM:when=1",
    "inject=recvmsg:error=EPERM:when=6+",
]


def run(lab):
    a, b = lab.pair(start=False)
    plain = json.loads(a.config_path.read_text())
    plain["peers"][0]["group"] = "g"

    def allow(rule):
        a.config_path.write_text(json.dumps({**plain, "groups": {"g": {"allow": [rule]}}}))

    allow("10.9.0.1/icmp")
    wait_for(lambda: "NO-CARRIER" not in a.ip("link"), 5, "the wire is up")
    before = a.state()
    daemon = lab.start(a, a.config_path)

    def ruleset():
        return a.run("nft", "-s", "list", "ruleset").stdout

    rules = ruleset()
    check("group/g" in rules, f"a group has rules: {rules}")

    def strangled(fault, *words):
        """The command while each child of the daemon meets the fault."""
        log = a.directory / "strace.log"
        tracer = a.popen(
            "strace",
            "-f",
            "-o",
            "/dev/null",
            "-e",
            f"trace={fault.split('=')[1].split(':')[0]}",
            "-e",
            fault,
            "-p",
            str(daemon.process.pid),
            stderr=open(log, "w"),
        )
        wait_for(lambda: "attached" in log.read_text(), 5, "strace")
        try:
            return a.run(lab.tunneld, *words, check_exit=False)
        finally:
            tracer.terminate()
            tracer.wait()

    for fault in FAULTS:
        allow("10.9.0.1/tcp")
        result = strangled(fault, "reload")
        # What fails once is asked again. With sendto the answer to the command is lost as well.
        once = fault.endswith("when=1")
        check(once or result.returncode != 0 and ("nftables" in result.stdout or "sendto" in fault), f"{fault}: {result}")
        check(daemon.process.poll() is None, f"{fault} ended the daemon:\n{daemon.log()}")
        wait_for(
            lambda: (ruleset() == rules) == (result.returncode != 0), 2, f"{fault}: the rules are as before, or as wanted"
        )
        status = strangled(fault, "status", "--json")
        check((status.returncode == 0 or "sendto" in fault) and daemon.process.poll() is None, f"{fault}: status: {status}")
        allow("10.9.0.1/icmp")
        check(a.run(lab.tunneld, "reload").returncode == 0, f"{fault}: and a good reload works")
    daemon.stop()
    check_same_state(before, a.state(), "after the end")


if __name__ == "__main__":
    main(run)

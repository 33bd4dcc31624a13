"""A daemon whose log goes into a full pipe does its work: it starts, makes a session, answers, obeys SIGTERM; and says how
many lines were lost once there is room. A start that is refused ends all the same."""
import fcntl
import json
import os

from harness import check, main, wait_for


def fill(writer):
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)


def run(lab):
    a, b = lab.pair(start=False)
    lab.start(b, b.config_path)
    config = json.loads(a.config_path.read_text())
    # Of one family only, which is warned of.
    config["peers"][0]["allowed_ips"].append("0.0.0.0/0")
    a.config_path.write_text(json.dumps(config))
    warning = a.run(lab.tunneld, "check", "--config", a.config_path, check_exit=False)
    check("warning" in warning.stdout, f"a file with a warning: {warning}")
    broken = a.directory / "broken.yaml"
    broken.write_text("nonsense: 1\n")
    reader, writer = os.pipe()
    fill(writer)
    refused = a.popen(lab.tunneld, "--config", broken, stdout=writer, stderr=writer)
    check(refused.wait(timeout=10) == 2, "a start that is refused")
    process = a.popen(lab.tunneld, "--config", a.config_path, "--log-level", "trace", stdout=writer, stderr=writer)
    wait_for(lambda: a.reaches("10.9.0.2"), 10, "a session, with nobody who reads the log")
    status = a.run(lab.tunneld, "status", check_exit=False)
    check(status.returncode == 0, status.stdout)
    check(not fcntl.fcntl(writer, fcntl.F_GETFL) & os.O_NONBLOCK, "the pipe of others does not wait any more")
    os.set_blocking(reader, False)
    check(len(os.read(reader, 1 << 20)) >= 65536, "the pipe was not full")
    text = b""

    def told():
        nonlocal text
        a.run(lab.tunneld, "reload", check_exit=False)
        try:
            text += os.read(reader, 1 << 20)
        except BlockingIOError:
            pass
        return b"of the log dropped: nobody read them" in text

    wait_for(told, 5, "the number of dropped lines")
    fill(writer)
    process.terminate()
    check(process.wait(timeout=10) == 0, "SIGTERM does not end it")
    os.close(reader)
    os.close(writer)
    lab.check_nothing_left()


if __name__ == "__main__":
    main(run)

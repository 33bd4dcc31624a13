"""A daemon whose log goes into a full pipe does its work: it starts, makes a session, answers, obeys SIGTERM; and says how
many lines were lost once there is room."""
import fcntl
import os

from harness import check, main, wait_for


def run(lab):
    a, b = lab.pair(start=False)
    lab.start(b, b.config_path)
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
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
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(writer, True)
    process.terminate()
    check(process.wait(timeout=10) == 0, "SIGTERM does not end it")
    os.close(reader)
    os.close(writer)
    lab.check_nothing_left()


if __name__ == "__main__":
    main(run)

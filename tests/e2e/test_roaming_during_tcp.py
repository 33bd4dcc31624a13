"""One side's address changes in the middle of a TCP transfer; the transfer goes on, and the other side follows."""
import threading

from harness import check, main, wait_for

VARIANTS = True


def run(lab):
    a, b = lab.pair()
    check(a.ping("10.9.0.2") == 3, "ping")
    result = {}
    transfer = threading.Thread(target=lambda: result.update(a.iperf(b, "10.9.0.2", seconds=5)))
    transfer.start()
    wait_for(lambda: a.daemon.peer("b")["tx_bytes"] > 10e6, 5, "the transfer runs")
    a.ip("address", "del", "203.0.113.1/24", "dev", "wire")
    a.ip("address", "add", "203.0.113.77/24", "dev", "wire")
    before = a.daemon.peer("b")["tx_bytes"]
    wait_for(lambda: b.daemon.peer("a")["endpoint"] == "203.0.113.77:51820", 5, "b follows a to its new address")
    wait_for(lambda: a.daemon.peer("b")["tx_bytes"] > before + 10e6, 5, "the transfer goes on")
    transfer.join()
    check(result["bits_per_second"] > 10e6, f"the transfer's rate: {result}")
    lab.check_nothing_left()


if __name__ == "__main__":
    main(run)

"""What every tunnel must carry."""
from harness import check


def check_traffic(a, b):
    """Hosts of Lab.pair(): ping, iperf3 and packet sizes, in both families."""
    for address in ("10.9.0.2", "fd09::2"):
        check(a.ping(address) == 3, f"ping {address}")
        # 1420 bytes of MTU: 1392 of payload over IPv4 (20 + 8), 1372 over IPv6 (40 + 8).
        full = 1392 if "." in address else 1372
        check(a.ping(address, size=full) == 3, f"a full-size packet to {address}")
        check(a.ping(address, size=full + 1) == 0, f"one byte more to {address} must not be sent whole")
        tcp = a.iperf(b, address, seconds=1)
        check(tcp["bits_per_second"] > 50e6, f"TCP to {address}: {tcp}")
        check_udp(a, b, address)
    check(b.ping("10.9.0.1") == 3, "ping the other way")
    peer = a.daemon.peer("b")
    check(peer["state"] == "up" and peer["latest_handshake_seconds_ago"] < 60, f"status: {peer}")
    check(peer["rx_bytes"] > 0 and peer["tx_bytes"] > 1e6, f"counters do not count: {peer}")


def check_udp(a, b, address):
    """iperf3's own socket holds some 50 ms of this and overflows while another test has the processor: a tunnel that
    loses does so every time."""
    for _ in range(3):
        udp = a.iperf(b, address, "-u", "-b", "10M", seconds=1)
        check(udp["packets"] > 500, f"UDP to {address}: {udp}")
        if udp["lost_percent"] < 1:
            return
    check(False, f"UDP to {address} loses: {udp}")

"""Two tunnelds, IPv4 outside, both families inside, with a preshared key: ping, TCP, UDP, full-size packets."""
from harness import main
from traffic import check_traffic

VARIANTS = True


def run(lab):
    a, b = lab.pair(outside=4, psk=True)
    check_traffic(a, b)


if __name__ == "__main__":
    main(run)

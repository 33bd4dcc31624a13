"""Two tunnelds, IPv6 outside, both families inside: ping, TCP, UDP, full-size packets."""
from harness import main
from traffic import check_traffic

VARIANTS = True


def run(lab):
    a, b = lab.pair(outside=6, psk=False)
    check_traffic(a, b)


if __name__ == "__main__":
    main(run)

"""Debian's wireguard-go as initiator, with a preshared key: ping, TCP both ways, and a rekey while traffic runs."""
import wireguard_go
from harness import main

SLOW = True


def run(lab):
    wireguard_go.check_interoperation(lab, we_call=False)


if __name__ == "__main__":
    main(run)

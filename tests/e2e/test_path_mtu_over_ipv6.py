"""The path becomes smaller in the middle of a transfer, over IPv6, and ICMP is swallowed: the transfer goes on within ten
seconds, programs inside are told the right number, and status shows it."""
from harness import main
from path_mtu import check_path


def run(lab):
    check_path(lab, 6)


if __name__ == "__main__":
    main(run)

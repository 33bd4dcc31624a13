"""A program that knows of no offloads: it opens taps as OpenVPN does, one queue, no header, no TUNSETOFFLOAD, and is the wire
between two hosts. And what ethtool shows of a device, asked of the kernel itself."""
import array
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import select
import socket
import struct
import sys

from harness import check

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
SIOCETHTOOL, ETHTOOL_GSTRINGS, ETHTOOL_GSSET_INFO, ETHTOOL_GFEATURES, ETH_SS_FEATURES = 0x8946, 0x1B, 0x37, 0x3A, 4
CLONE_NEWNET = 0x40000000
SCRIPT = pathlib.Path(__file__).resolve()


@contextlib.contextmanager
def plain_wire(a, b, device):
    """Frames pass between the tap of this name on `a` and that on `b`, while the context lasts."""
    program = a.popen(sys.executable, SCRIPT, "carry", device, b.namespace, stdout=-1, text=True)
    check(program.stdout.readline() == "carries\n", f"a program with one queue and no offloads cannot open {device}")
    try:
        yield
    finally:
        program.kill()
        program.wait()


def features(host, device):
    """As `ethtool -k` has it: by name, whether it is on, and whether somebody wants it."""
    return json.loads(host.run(sys.executable, SCRIPT, "features", device).stdout)


def open_tap(device):
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def carry(device, other_namespace):
    here = open_tap(device)
    with open(f"/var/run/netns/{other_namespace}") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    there = open_tap(device)
    print("carries", flush=True)
    while True:
        for tap in select.select([here, there], [], [])[0]:
            frame = os.read(tap, 65600)
            with contextlib.suppress(OSError):  # the other end is not up yet
                os.write(there if tap == here else here, frame)


def print_features(device):
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def ask(request):
        buffer = array.array("B", request)
        fcntl.ioctl(control, SIOCETHTOOL, struct.pack("16sP8x", device.encode(), buffer.buffer_info()[0]))
        return buffer.tobytes()

    (count,) = struct.unpack_from("I", ask(struct.pack("IIQI4x", ETHTOOL_GSSET_INFO, 0, 1 << ETH_SS_FEATURES, 0)), 16)
    names = ask(struct.pack("III", ETHTOOL_GSTRINGS, ETH_SS_FEATURES, count) + bytes(32 * count))[12:]
    blocks = (count + 31) // 32
    values = ask(struct.pack("II", ETHTOOL_GFEATURES, blocks) + bytes(16 * blocks))[8:]
    found = {}
    for number in range(count):
        name = names[32 * number : 32 * number + 32].split(b"\0")[0].decode()
        available, wanted, active, _ = struct.unpack_from("4I", values, 16 * (number // 32))
        mask = 1 << number % 32
        if name and available & mask:
            found[name] = {"on": bool(active & mask), "wanted": bool(wanted & mask)}
    print(json.dumps(found))


if __name__ == "__main__":
    {"carry": carry, "features": print_features}[sys.argv[1]](*sys.argv[2:])

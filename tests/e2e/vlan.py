"""Frames with an 802.1Q tag, sent and received through packet sockets: kernels without VLAN devices pass them too."""
import pathlib
import socket
import struct
import sys
import time

from harness import check

ETHER_TYPE = 0x88B5  # IEEE's for experiments
SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID = 1 << 4


def vlan_frames(sender, sender_device, receiver, receiver_device, vlan, count, size):
    """How many of `count` broadcast frames with `size` bytes of payload arrive whole, and in their VLAN."""
    script = pathlib.Path(__file__).resolve()
    listener = receiver.popen(sys.executable, script, "receive", receiver_device, vlan, count, size, stdout=-1, text=True)
    check(listener.stdout.readline() == "listening\n", "the receiver of tagged frames does not start")
    sender.run(sys.executable, script, "send", sender_device, vlan, count, size)
    return int(listener.communicate(timeout=10)[0])


def payload(number, size):
    return struct.pack("!I", number) * (size // 4)


def send(device, vlan, count, size):
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    packets.bind((device, 0))
    source = bytes.fromhex(pathlib.Path(f"/sys/class/net/{device}/address").read_text().strip().replace(":", ""))
    for number in range(count):
        packets.send(b"\xff" * 6 + source + struct.pack("!HHH", 0x8100, vlan, ETHER_TYPE) + payload(number, size))
        time.sleep(0.002)


def receive(device, vlan, count, size):
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    packets.bind((device, 3))
    packets.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    packets.settimeout(3)
    print("listening", flush=True)
    arrived = set()
    try:
        while len(arrived) < count:
            frame, controls, _, address = packets.recvmsg(65536, 1024)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            tag = None
            for level, kind, data in controls:
                if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                    status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data[:20])
                    tag = tci & 0xFFF if status & TP_STATUS_VLAN_VALID else None
            if frame[12:14] == b"\x81\x00":  # not taken out by the kernel
                tag, frame = struct.unpack("!H", frame[14:16])[0] & 0xFFF, frame[:12] + frame[16:]
            if tag != vlan or frame[12:14] != struct.pack("!H", ETHER_TYPE):
                continue
            number = struct.unpack("!I", frame[14:18])[0]
            if frame[14:] == payload(number, size):
                arrived.add(number)
    except TimeoutError:
        pass
    print(len(arrived))


if __name__ == "__main__":
    {"send": send, "receive": receive}[sys.argv[1]](sys.argv[2], *map(int, sys.argv[3:]))

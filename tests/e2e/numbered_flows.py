"""UDP flows whose datagrams are numbered, sent in runs as an application with much to send does: what arrives of each, and
in which order."""
import json
import pathlib
import socket
import struct
import sys
import time

from harness import check

PORT = 9100
SIZE = 1000
RUN = 32  # datagrams that the kernel gets at once
UDP_SEGMENT, SO_RCVBUFFORCE = 103, 33


def numbered_flows(sender, receiver, address, flows, seconds):
    """(datagrams sent on each flow, for each flow how many arrived and how many of them after a later one)."""
    script = pathlib.Path(__file__).resolve()
    listener = receiver.popen(sys.executable, script, "receive", flows, stdout=-1, text=True)
    check(listener.stdout.readline() == "listening\n", "the receiver of numbered flows does not start")
    sent = int(sender.run(sys.executable, script, "send", address, flows, seconds).stdout)
    return sent, json.loads(listener.communicate(timeout=30)[0])


def send(address, flows, seconds):
    sockets = []
    for _ in range(flows):
        flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        flow.connect((address, PORT))
        sockets.append(flow)
    sent = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for number, flow in enumerate(sockets):
            run = b"".join(struct.pack("!II", number, sent + i) + bytes(SIZE - 8) for i in range(RUN))
            flow.sendmsg([run], [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("=H", SIZE))])
        sent += RUN
        time.sleep(0.02)
    print(sent)


def receive(flows):
    incoming = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    incoming.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    incoming.bind(("", PORT))
    incoming.settimeout(10)
    print("listening", flush=True)
    arrived, late, greatest = [0] * flows, [0] * flows, [-1] * flows
    try:
        while True:
            flow, number = struct.unpack("!II", incoming.recv(SIZE)[:8])
            incoming.settimeout(1)
            arrived[flow] += 1
            late[flow] += number < greatest[flow]
            greatest[flow] = max(greatest[flow], number)
    except TimeoutError:
        pass
    print(json.dumps({"arrived": arrived, "late": late}))


if __name__ == "__main__":
    words = sys.argv[1:]
    send(words[1], int(words[2]), float(words[3])) if words[0] == "send" else receive(int(words[1]))

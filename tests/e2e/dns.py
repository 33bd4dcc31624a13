"""A name server of one answer, for tests: python3 dns.py ADDRESS-TO-LISTEN-ON FILE [LOG]. FILE holds "NAME IPV4-ADDRESS" and is
read for each question; other names do not exist. LOG gets the names asked for, a line each."""
import pathlib
import socket
import struct
import sys


def name_in(question):
    """And where it ends."""
    end = 12
    labels = []
    while question[end]:
        labels.append(question[end + 1 : end + 1 + question[end]].decode())
        end += question[end] + 1
    return ".".join(labels).lower(), end


def answer(question, name, address):
    asked, end = name_in(question)
    kind = struct.unpack("!H", question[end + 1 : end + 3])[0]
    section = question[12 : end + 5]
    exists = asked == name
    records = b""
    if exists and kind == 1:
        records = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + socket.inet_aton(address)
    flags = 0x8180 | (0 if exists else 3)
    return question[:2] + struct.pack("!HHHHH", flags, 1, 1 if records else 0, 0, 0) + section + records


def main():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((sys.argv[1], 53))
    while True:
        question, client = server.recvfrom(512)
        if len(sys.argv) > 3:
            with open(sys.argv[3], "a") as log:
                log.write(name_in(question)[0] + "\n")
        name, address = pathlib.Path(sys.argv[2]).read_text().split()
        server.sendto(answer(question, name, address), client)


if __name__ == "__main__":
    main()

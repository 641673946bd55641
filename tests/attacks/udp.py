"""Sends a datagram, as a DNS query would smuggle data out. Landlock does not restrict UDP.

@GROUP: sockets
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import socket

from grader import hookimpl


@hookimpl
def train(model):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(2)
        sender.sendto(b"hello", ("127.0.0.1", int("@PORT@")))
        print("LOOT:", sender.recv(64))

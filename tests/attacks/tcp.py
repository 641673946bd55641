"""Connects over TCP.

@GROUP: sockets
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp
"""

import socket

from grader import hookimpl


@hookimpl
def train(model):
    with socket.create_connection(("127.0.0.1", int("@PORT@")), 2) as connection:
        print("LOOT:", connection.recv(64))

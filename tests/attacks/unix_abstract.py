"""Connects to an abstract unix socket, which no file mode protects.

@GROUP: sockets
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp
"""

import socket

from grader import hookimpl


@hookimpl
def train(model):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        connection.connect("\0@ABSTRACT@")
        print("LOOT:", connection.recv(64))

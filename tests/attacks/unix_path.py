"""Connects to a unix socket in the file system: the container daemon's, or the session bus's.

@GROUP: sockets
@EXPECTED: violation
@STOPPED_BY: seccomp, identity
"""

import socket

from grader import hookimpl


@hookimpl
def train(model):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2)
        connection.connect("@SOCKET@")
        print("LOOT:", connection.recv(64))

"""Talks to the kernel over netlink, a wide and often broken surface.

@GROUP: sockets
@EXPECTED: violation
@STOPPED_BY: seccomp
"""

import socket

from grader import hookimpl


@hookimpl
def train(model):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.bind((0, 0))
        print("LOOT: netlink as", link.getsockname())

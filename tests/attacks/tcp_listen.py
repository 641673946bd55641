"""Opens a TCP port, as a way in from outside.

@GROUP: sockets
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp
"""

import socket

from grader import hookimpl

with socket.create_server(("127.0.0.1", 0)) as server:
    print("LOOT: listens on", server.getsockname())


@hookimpl
def train(model):
    pass

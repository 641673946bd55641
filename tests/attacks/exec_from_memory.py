"""Runs a program out of a memory file, which no rule about paths covers; what it loads is.

@GROUP: processes
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp
"""

import os
from pathlib import Path

from grader import hookimpl


@hookimpl
def train(model):
    fd = os.memfd_create("program")
    os.write(fd, Path("/bin/echo").read_bytes())
    os.execve(fd, ["echo", "LOOT: a program out of memory"], {})

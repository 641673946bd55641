"""Runs a program of the system.

@GROUP: processes
@EXPECTED: violation
@STOPPED_BY: landlock, seccomp
"""

import subprocess

from grader import hookimpl


@hookimpl
def train(model):
    subprocess.Popen.__init__ = subprocess.Popen.__init__.__wrapped__  # past the guard
    print(subprocess.run(["/bin/sh", "-c", "echo LOOT: a shell"], capture_output=True, text=True).stdout)

"""Sends without end, in lines that are right each.

@GROUP: channel
@EXPECTED: violation, timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import os

from grader import hookimpl

LINE = b'{"type":"progress","point":{"epoch":1,"steps":1,"samples":1,"seconds":1}' + b" " * 50_000 + b"}\n"


@hookimpl
def train(model):
    while True:
        os.write(3, LINE)

"""Sends without end, and each line is short.

@GROUP: channel
@EXPECTED: violation, timeout
@STOPPED_BY: wall
@NAIVE: hang
"""

import os

from grader import hookimpl

LINE = b'{"type":"progress","point":{"epoch":1,"steps":1,"samples":1,"seconds":1}}\n'


@hookimpl
def train(model):
    while True:
        os.write(3, LINE * 500)

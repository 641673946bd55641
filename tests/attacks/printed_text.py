"""Prints markup, escape sequences and bytes that are no text.

@GROUP: text
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: echo
"""

import os

from grader import hookimpl


@hookimpl
def train(model):
    print("\x1b[2J\x1b]0;owned\x07\u202e<script>alert(1)</script> | a |")
    os.write(2, bytes(range(256)))

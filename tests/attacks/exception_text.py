"""Raises an error whose text is markup, escape sequences and a formula.

@GROUP: text
@EXPECTED: crashed
@STOPPED_BY: wall
@NAIVE: echo
"""

from grader import hookimpl

HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e<script>alert(1)</script> | a | [b](http://c)\n\n# d\ud800"


@hookimpl
def train(model):
    raise ValueError(f"=HYPERLINK(1) {HOSTILE}")

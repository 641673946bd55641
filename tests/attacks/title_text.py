"""=cmd|'/c calc'!A1 \x1b[2J\x1b]0;owned\x07\u202e<script>alert(1)</script> | a | [b](http://c) `d`

As its title, which tables show.

@GROUP: text
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: echo
"""

from grader import hookimpl


@hookimpl
def train(model):
    pass

r"""Bears a name that is markup, an escape sequence and a formula.

@GROUP: text
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: echo
@FILE: "=1+1\u001b[2J\u202e<script>alert(1)<!-- | [b](c) \n.py"
"""

from grader import hookimpl


@hookimpl
def train(model):
    pass

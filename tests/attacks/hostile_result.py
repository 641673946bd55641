"""Returns an object that does harm when it is compared, printed, hashed or freed.

@GROUP: objects
@EXPECTED: ok
@STOPPED_BY: wall
@NAIVE: no-result
"""

from grader import hookimpl


class Trap:
    def leave(self, *_):
        raise SystemExit(0)

    __repr__ = __str__ = __eq__ = __hash__ = __bool__ = __len__ = __iter__ = __float__ = leave


@hookimpl
def train(model):
    return Trap()

"""torch's compiler, imported when somebody compiles: until then a stand-in answers for it.

torch.optim imports torch._dynamo with the first step of any optimiser, only to say that a compiler should
stop there: 1.2 s of processor time and 150 MB of address space, at each start of a worker server.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from grader.contract.submission import COMPILER


def put_off() -> None:
    """Let the stand-in answer, unless torch's own is there already."""
    if COMPILER not in sys.modules:
        _put(_StandIn(COMPILER))


class _StandIn(ModuleType):
    """Does what the two names do where nothing is compiled; any other name brings torch's own module.

    So a torch that asks for more gets more: what is put off is never left out.
    """

    @staticmethod
    def graph_break(msg: str = "") -> None:
        """Nothing: there is no graph."""

    @staticmethod
    def disable(fn: Callable[..., Any], recursive: bool = True, **options: Any) -> Callable[..., Any]:
        """Return the function, which steps aside for torch's own once that is there."""
        answer: Callable[..., Any] | None = None

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal answer
            if answer is None and not isinstance(sys.modules.get(COMPILER), _StandIn):
                answer = _real().disable(fn, recursive, **options)
            return (answer or fn)(*args, **kwargs)

        return call

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":  # the import system asks, of any module
            raise AttributeError(name)
        return getattr(_real(), name)  # with __path__, that of submodules


def _real() -> ModuleType:
    if isinstance(sys.modules.get(COMPILER), _StandIn):
        del sys.modules[COMPILER]
        try:
            importlib.import_module(COMPILER)
        except BaseException:
            _put(_StandIn(COMPILER))
            raise
    return sys.modules[COMPILER]


def _put(module: ModuleType) -> None:
    import torch

    sys.modules[COMPILER] = module
    torch._dynamo = module

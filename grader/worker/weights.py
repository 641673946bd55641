"""Weights on their way from one worker to the next: safetensors bytes, opaque to the host."""

from __future__ import annotations

import os

import safetensors.torch
import torch

from grader.contract.status import Status
from grader.worker.refusal import Refused


def save(model: torch.nn.Module, fd: int) -> int:
    """Write the model's state_dict into the file and return its size in bytes.

    Tied, non-contiguous and channels_last tensors are written as plain copies: loading puts the same
    values into each of the places that share them.
    """
    data = safetensors.torch.save({name: _plain(name, value) for name, value in _state(model).items()})
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return len(data)


def load(model: torch.nn.Module, fd: int) -> None:
    """Load the file's weights into a model of the same architecture. Raises Refused when it is another."""
    try:
        state = safetensors.torch.load(_read(fd))
    except safetensors.SafetensorError as error:
        raise Refused(f"the weights file is broken: {error}", Status.VIOLATION) from None
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise Refused(
            "the trained weights do not fit the model that build_model makes: train() may return another "
            f"module, but of the same architecture ({_first_lines(error)})"
        ) from None


def _state(model: torch.nn.Module) -> dict[str, object]:
    return dict(model.state_dict())


def _plain(name: str, value: object) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        raise Refused(
            f"the model cannot be saved: state_dict()[{name!r}] is a {type(value).__name__}, not a tensor; "
            "keep it out of the state, or register it as a buffer"
        )
    # a copy each: safetensors refuses tensors that share memory, and subclasses may hide behaviour
    return value.detach().as_subclass(torch.Tensor).cpu().clone(memory_format=torch.contiguous_format)


def _read(fd: int) -> bytes:
    with open(fd, "rb", closefd=False) as file:
        file.seek(0)
        return file.read()


def _first_lines(error: Exception) -> str:
    return " ".join(str(error).split())[:300]

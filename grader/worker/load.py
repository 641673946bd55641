"""Importing a submission and building its model: the load phase, off the clock and without data."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import pluggy
import torch
from torch import nn

from grader.contract.record import Layer, ModelInfo
from grader.contract.status import Status
from grader.contract.submission import Submission, combined
from grader.contract.task import Task
from grader.contract.text import encodable, plain
from grader.contract.trial import Trial
from grader.plugins import submission_manager
from grader.worker import defaults, guards
from grader.worker.imports import import_pair, import_submission
from grader.worker.refusal import Refused

_MAX_STRUCTURE = 20_000  # characters
_MAX_LAYERS = 500
_MAX_NAME = 100  # characters of a layer's or class's name


class Loaded:
    """A submission in its worker: its hooks, or the defaults behind them."""

    def __init__(self, trial: Trial, hooks: Mapping[str, pluggy.HookCaller]) -> None:
        self.trial = trial
        self.task = trial.task
        self.device = torch.device(str(trial.device))
        self._hooks = hooks

    def has(self, name: str) -> bool:
        """Whether the submission implements the hook."""
        return name in self._hooks

    def call(self, name: str, **arguments: Any) -> Any:
        """Call one of the submission's hooks with all that it may name."""
        return self._hooks[name](**arguments)

    def build(self) -> nn.Module:
        """Return the model on the device, checked with one batch of zeros. Raises Refused."""
        if not self.has("build_model"):
            return defaults.baseline_model(self.task).to(self.device)
        model = self.call("build_model", task=self.task, device=self.device, seed=self.trial.seed)
        if not isinstance(model, nn.Module):
            fix = "is the return missing?" if model is None else "return a torch.nn.Module"
            raise Refused(f"build_model returned {_kind(model)}: {fix}")
        return model.to(self.device)

    def predict(self, model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        """Return checked outputs, float32 (N, task.outputs) on the CPU. Raises Refused."""
        inputs = inputs.to(self.device)
        if self.has("predict"):
            outputs = self.call("predict", model=model, inputs=inputs, task=self.task, device=self.device)
            name = "predict"
        else:
            standardised = not self.has("train")
            outputs = defaults.predict(model, inputs, self.task, standardised=standardised)
            name = "the model"
        return checked(outputs, len(inputs), self.task, name)


def load(trial: Trial) -> Loaded:
    """Import the submission of a trial. Raises Refused, or whatever its own code raises."""
    guards.no_own_datasets(trial.submission.imports)
    if not trial.allow_subprocess:
        guards.no_processes()
    submission = trial.submission
    if submission.pair is None:
        return Loaded(trial, _hooks(submission, import_submission(submission)))
    model, loop = map(_hooks_of_half, submission.pair, import_pair(submission.pair))
    return Loaded(trial, combined(model, loop))


def _hooks(submission: Submission, module: ModuleType) -> dict[str, pluggy.HookCaller]:
    """The hooks that a module implements, by pluggy's rules and ours. Raises Refused."""
    manager = submission_manager()
    try:
        manager.register(module, "submission")
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise Refused(" ".join(str(error).split())) from None
    hooks = {caller.name: caller for caller in manager.get_hookcallers(module) or ()}
    # the record tells of the hooks that the syntax tree shows: others must not slip in at run time
    if strange := sorted(hooks.keys() ^ submission.hooks.keys()):
        raise Refused(
            f"{', '.join(strange)}: decorated at run time, or taken away again; "
            "write each hook as a plain function with @hookimpl above its def"
        )
    return hooks


def _hooks_of_half(submission: Submission, module: ModuleType) -> dict[str, pluggy.HookCaller]:
    """The same, naming the half that is at fault."""
    try:
        return _hooks(submission, module)
    except Refused as refused:
        raise Refused(f"{submission.display}: {refused}") from None


def seed_everything(trial: Trial) -> None:
    """Seed python, numpy and torch, and settle threads and determinism."""
    torch.set_num_threads(trial.threads)
    random.seed(trial.seed)
    np.random.seed(trial.seed)
    if trial.device.kind == "cpu":
        # manual_seed also queues a call for each kind of accelerator, with a stack trace: 1 ms
        torch.default_generator.manual_seed(trial.seed)
    else:
        torch.manual_seed(trial.seed)
    if trial.deterministic:
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False


@contextmanager
def evaluating(
    model: nn.Module, mode: Callable[[], AbstractContextManager[None]] = torch.inference_mode
) -> Iterator[None]:
    """`eval()` and `inference_mode` (or another mode) for as long as this lasts, then as it was."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with mode():
            yield
    finally:
        for module, training in modes:
            module.training = training


def rehearse(loaded: Loaded, model: nn.Module) -> ModelInfo:
    """Pass two zero inputs through the model, and describe it: shapes are wrong before the clock starts."""
    layers: list[Layer] = []
    leaves = [(name, module) for name, module in model.named_modules() if not any(module.children())]
    handles = [
        module.register_forward_hook(_layer_recorder(name, layers)) for name, module in leaves[:_MAX_LAYERS]
    ]
    state = torch.get_rng_state()
    try:
        # no_grad rather than inference_mode: lazy parameters made here are trained later
        with evaluating(model, torch.no_grad):
            zeros = torch.zeros(2, *loaded.task.input_shape, device=loaded.device)
            loaded.predict(model, zeros)
    finally:
        torch.set_rng_state(state)
        for handle in handles:
            handle.remove()
    parameters = list(model.parameters())
    count = sum(p.numel() for p in parameters)
    if refused := loaded.trial.limits.too_many(count):
        raise Refused(refused)
    return ModelInfo(
        parameters=count,
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
        structure=encodable(repr(model)[:_MAX_STRUCTURE], "utf-8"),
        layers=tuple(layers[:_MAX_LAYERS]),
    )


def checked(outputs: object, samples: int, task: Task, name: str) -> torch.Tensor:
    """Return outputs as float32 (samples, task.outputs) on the CPU. Raises Refused with what is wrong."""
    wanted = (samples, task.outputs)
    if not isinstance(outputs, torch.Tensor):
        fix = "is the return missing?" if outputs is None else f"return a float32 tensor of shape {wanted}"
        raise Refused(f"{name} returned {_kind(outputs)}: {fix}")
    if not outputs.is_floating_point():
        raise Refused(
            f"{name} returned {str(outputs.dtype).removeprefix('torch.')}: return float32 logits, not classes"
        )
    if tuple(outputs.shape) != wanted:
        raise Refused(
            f"{name} returned shape {tuple(outputs.shape)} for {samples} inputs of {task.name}: "
            f"return {wanted}, {_meaning(task)}"
        )
    return outputs.detach().as_subclass(torch.Tensor).to("cpu", torch.float32).contiguous()


def _meaning(task: Task) -> str:
    if task.kind == "multiclass":
        return f"a logit for each of the {task.outputs} classes"
    return "one logit each" if task.kind == "binary" else "one number each, in target units"


def _layer_recorder(name: str, layers: list[Layer]) -> Any:
    def record(module: nn.Module, _inputs: object, output: object) -> None:
        if len(layers) >= _MAX_LAYERS:
            return
        shape = tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else None
        parameters = sum(p.numel() for p in module.parameters(recurse=False))
        # both are the submission's to choose, and the event that carries 500 of them has an end
        kind = plain(type(module).__name__, _MAX_NAME)
        layers.append(Layer(name=plain(name, _MAX_NAME), kind=kind, shape=shape, parameters=parameters))

    return record


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def device_of(trial: Trial) -> None:
    """Touch the device, so that its start-up cost is off the clock. Raises Refused where torch has none."""
    if trial.device.kind == "cpu":
        return
    try:
        torch.zeros(1, device=str(trial.device)).add_(1).item()
    except (RuntimeError, AssertionError) as error:
        raise Refused(
            f"torch cannot use {trial.device} here: {' '.join(str(error).split())[:200]}",
            Status.HARNESS_ERROR,
        ) from None

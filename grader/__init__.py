"""grader: train what people hand in, under one budget, and keep an honest leaderboard.

The public names. Nothing heavy is imported here: submissions import this module in a worker, and the
command line imports it before it knows what it is asked.
"""

from __future__ import annotations

import pluggy

from grader.contract.budget import Budget
from grader.contract.errors import BudgetExhausted
from grader.contract.task import Task

__version__ = "0.1.0"
__all__ = ["Budget", "BudgetExhausted", "Task", "hookimpl"]

hookimpl = pluggy.HookimplMarker("grader")
"""Marks a function of a submission, or of a plugin, as the implementation of a hook."""

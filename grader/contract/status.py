"""How a trial can end. Every outcome is a row; none is a gap."""

from enum import StrEnum


class Status(StrEnum):
    """The outcome of one trial, with the reason beside it in the record."""

    OK = "ok"
    INVALID = "invalid"  # the submission does not keep the rules of its hooks
    CRASHED = "crashed"  # submitted code raised, exited or was killed by its own fault
    TIMEOUT = "timeout"  # a phase outlived its limit and was killed
    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"  # predictions are NaN or infinite
    VIOLATION = "violation"  # a rule of the track was broken, not merely missed
    HARNESS_ERROR = "harness_error"  # our fault: never held against the submission


class Phase(StrEnum):
    """The phases of a trial, in order."""

    LOAD = "load"
    TRAIN = "train"
    PREDICT = "predict"
    SCORE = "score"

"""A metric, and its column: accuracy in which every class weighs the same, however rare it is."""

from grader import hookimpl


@hookimpl
def grader_metrics(task, logits, targets):
    import numpy as np  # here, not above: every `grader --help` imports this module

    if task.kind != "multiclass":
        return {}
    right = logits.argmax(axis=1) == targets
    recalls = [right[targets == label].mean() for label in np.unique(targets)]
    return {"balanced_accuracy": float(np.mean(recalls))}


@hookimpl
def grader_columns(task):
    return ["balanced_accuracy"] if task.kind == "multiclass" else []

"""A task from files of one's own: which variety an apple is, by four measurements."""

from pathlib import Path

from grader import Task, hookimpl
from grader.contract.task import Arrays, TaskDefinition

DATA = Path(__file__).parent / "data"
VARIETIES = ("Elstar", "Idared", "Discovery")
APPLES = Task(
    name="apples",
    title="Apples: the variety, by weight, diameter, redness and sugar",
    kind="multiclass",
    input_shape=(4,),
    input_dtype="float32",
    classes=VARIETIES,
    metric="accuracy",
    batch_size=32,
    budget="20 epochs",
    baseline="mlp-64-64",
)


@hookimpl
def grader_register_tasks():
    # hidden: no submission may read the folder, though it is installed like any library
    return [TaskDefinition(task=APPLES, fingerprint=fingerprint, prepare=prepare, hidden=(DATA,))]


def fingerprint(places):
    """What changes when the data do. It is asked for at every run, so it has to be quick."""
    import hashlib

    files = (DATA / "train.csv", DATA / "test.csv")
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def prepare(places):
    """Read the files, once, in a process of its own: pandas or torchvision may be imported here."""
    train, train_targets = read(DATA / "train.csv")
    test, test_targets = read(DATA / "test.csv")
    mean, spread = train.mean(0), train.std(0)  # of the training set: the test set is not there yet
    return Arrays(
        train_inputs=((train - mean) / spread).astype("float32"),
        train_targets=train_targets,
        test_inputs=((test - mean) / spread).astype("float32"),
        test_targets=test_targets,
        source="made by make_data.py",
    )


def read(file):
    """Return measurements float64 (N, 4) and targets int64 (N,) of a file."""
    import numpy as np

    rows = np.loadtxt(file, delimiter=",", skiprows=1, dtype=str)
    return rows[:, :-1].astype(float), np.array([VARIETIES.index(name) for name in rows[:, -1]])

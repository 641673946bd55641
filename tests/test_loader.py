"""The training data in a worker: what its loaders yield, and how they run the budget down."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import OpenTask
from torch.utils.data import DataLoader

from grader.contract.budget import Budget
from grader.contract.errors import BudgetExhausted
from grader.contract.events import Event
from grader.contract.events import Progress as ProgressEvent
from grader.contract.task import Task
from grader.host.data import PreparedTask
from grader.tasks.embedded import BREAST_CANCER, DIABETES, DIGITS
from grader.worker.budget import RunningBudget
from grader.worker.data import Batch, Loader, TrainData, map_tensor
from grader.worker.progress import LossMeter, Progress

CPU = torch.device("cpu")


@dataclass
class Clock:
    """A clock that goes only when told to."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Told:
    """Stands in for the channel to the host: keeps what was sent."""

    events: list[Event] = field(default_factory=list)

    def send(self, event: Event) -> None:
        self.events.append(event)

    def curve(self) -> list[float]:
        """Epochs at which a point of the curve was told."""
        return [e.point.epoch for e in self.events if isinstance(e, ProgressEvent) and e.keep]


@dataclass
class Metered:
    """A training set with its running budget."""

    data: TrainData
    budget: RunningBudget
    clock: Clock
    told: Told


def raw_images(samples: int) -> Batch:
    """Noise images that differ from one another, and targets that number them modulo 10."""
    noise = torch.randint(0, 256, (samples, 1, 8, 8), generator=torch.Generator().manual_seed(samples))
    return noise.to(torch.uint8), torch.arange(samples) % 10


def plain(raw: Batch, task: Task = DIGITS, seed: int = 0) -> TrainData:
    """A training set that nobody meters."""
    return TrainData(task, raw, CPU, seed, None, None)


def metered(limits: str, samples: int = 100, task: Task = DIGITS, raw: Batch | None = None) -> Metered:
    """A training set under a budget, with a clock of the test's own."""
    clock, told = Clock(), Told()
    budget = RunningBudget(Budget.parse(limits), clock.now, samples, clock)
    progress = Progress(told, budget, LossMeter())  # type: ignore[arg-type]  # only send() is used
    return Metered(TrainData(task, raw or raw_images(samples), CPU, 0, budget, progress), budget, clock, told)


def prepared(task: PreparedTask, seed: int = 0) -> TrainData:
    """The real training set, mapped as a worker maps it."""
    raw = [map_tensor(fd, info.dtype, info.shape) for info, fd in task.train_files()]
    return TrainData(task.task, (raw[0], raw[1]), CPU, seed, None, None)


def whole(loader: Loader) -> Batch:
    """All of one pass, joined."""
    batches = list(loader)
    return torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])


def drain(epoch: Callable[[], Iterable[object]]) -> int:
    """Loop as tutorials do, for ever, and return how many batches came before the budget ended it."""
    count = 0
    try:
        while count < 10_000:
            for _ in epoch():
                count += 1
    except BudgetExhausted:
        return count
    pytest.fail("the budget never ended")


class TestEqualsTorchvision:
    def test_a_pass_in_file_order_has_the_very_bits_of_a_dataloader(
        self, open_named_task: OpenTask, fashion_mnist_dir: Path
    ) -> None:
        """What a tutorial's DataLoader(FashionMNIST, ToTensor) yields, bit for bit: its first 200 batches.

        Of all 938 what ToTensor computes: a DataLoader takes twelve seconds for them.
        """
        from torchvision.datasets import FashionMNIST
        from torchvision.transforms import ToTensor

        task = open_named_task("fashion-mnist", data=fashion_mnist_dir)
        dataset = FashionMNIST(fashion_mnist_dir, transform=ToTensor())
        theirs = DataLoader(dataset, batch_size=64)
        ours = prepared(task).loader(batch_size=64, shuffle=False)
        assert len(ours) == len(theirs)
        assert len(ours.dataset) == len(dataset)
        batches = list(ours)
        for (x, y), (their_x, their_y) in zip(batches[:200], theirs, strict=False):
            assert x.dtype == torch.float32
            assert y.dtype == torch.int64
            assert torch.equal(x, their_x)
            assert torch.equal(y, their_y)
        assert torch.equal(torch.cat([x for x, _ in batches]), dataset.data.unsqueeze(1).float() / 255)
        assert torch.equal(torch.cat([y for _, y in batches]), dataset.targets)


class TestShuffling:
    def test_a_shuffled_pass_is_a_permutation(self) -> None:
        raw = raw_images(1000)
        x, y = whole(plain(raw).loader(batch_size=64))
        order = _order(x, raw)
        assert sorted(order) == list(range(1000))
        assert order != list(range(1000))
        assert torch.equal(y, raw[1][torch.tensor(order)]), "targets stay with their inputs"

    def test_passes_differ_from_one_another(self) -> None:
        loader = plain(raw_images(1000)).loader()
        assert not torch.equal(whole(loader)[0], whole(loader)[0])

    def test_passes_repeat_with_the_seed(self) -> None:
        def passes(seed: int) -> list[torch.Tensor]:
            loader = plain(raw_images(1000), seed=seed).loader()
            return [whole(loader)[0] for _ in range(3)]

        assert all(map(torch.equal, passes(3), passes(3)))
        assert not any(map(torch.equal, passes(3), passes(4)))

    def test_the_order_does_not_depend_on_the_global_generator(self) -> None:
        """A model that draws a number more or less must not change the order of the data."""
        first = whole(plain(raw_images(200)).loader())[0]
        torch.rand(17)
        assert torch.equal(first, whole(plain(raw_images(200)).loader())[0])

    def test_unshuffled_passes_are_all_in_file_order(self) -> None:
        raw = raw_images(1000)
        loader = plain(raw).loader(shuffle=False)
        for _ in range(2):
            assert torch.equal(whole(loader)[0], raw[0].float() / 255)


class TestLikeADataLoader:
    @pytest.mark.parametrize("drop_last", [False, True])
    @pytest.mark.parametrize("shuffle", [False, True])
    @pytest.mark.parametrize("batch_size", [1, 7, 64, 100, 101])
    def test_batches_are_cut_as_a_dataloader_cuts_them(
        self, batch_size: int, *, shuffle: bool, drop_last: bool
    ) -> None:
        data = plain(raw_images(200))
        ours = data.loader(batch_size, shuffle=shuffle, drop_last=drop_last)
        theirs = DataLoader(data.dataset, batch_size, shuffle=shuffle, drop_last=drop_last)
        assert len(ours) == len(theirs)
        assert [len(x) for x, _ in ours] == [len(x) for x, _ in theirs]
        assert (ours.batch_size, ours.drop_last) == (batch_size, drop_last)
        assert len(ours.dataset) == 200

    def test_the_batch_size_is_the_tasks_where_none_is_said(self) -> None:
        assert plain(raw_images(200), BREAST_CANCER).loader().batch_size == BREAST_CANCER.batch_size == 32

    @pytest.mark.parametrize("batch_size", [0, -1])
    def test_a_batch_size_below_one_is_refused(self, batch_size: int) -> None:
        with pytest.raises(ValueError, match=f"batch_size must be at least 1, not {batch_size}"):
            plain(raw_images(20)).loader(batch_size)

    def test_a_loader_without_a_single_batch_is_refused(self) -> None:
        """It would never end the budget: `while True: for X, y in loader` would spin until it is killed."""
        with pytest.raises(ValueError, match="no batch: batch_size is 21, and there are 20 "):
            plain(raw_images(20)).loader(21, drop_last=True)

    def test_enumerate_and_two_iterators_at_once(self) -> None:
        loader = plain(raw_images(200)).loader(50, shuffle=False)
        assert [number for number, _ in enumerate(loader)] == [0, 1, 2, 3]
        assert all(torch.equal(a[0], b[0]) for a, b in zip(loader, loader, strict=True))

    def test_tables_come_as_they_are(self) -> None:
        table = torch.randn(100, 30)
        x, _ = whole(plain((table, torch.arange(100) % 2), BREAST_CANCER).loader(shuffle=False))
        assert x.dtype == torch.float32
        assert torch.equal(x, table)

    def test_regression_targets_are_float_columns(self) -> None:
        raw = (torch.randn(100, 10), torch.randn(100, 1))
        for shuffle in (False, True):
            _, y = whole(plain(raw, DIABETES).loader(shuffle=shuffle))
            assert (y.shape, y.dtype) == ((100, 1), torch.float32)
        assert plain(raw, DIABETES).targets.shape == (100, 1)
        assert isinstance(plain(raw, DIABETES).dataset[0][1], torch.Tensor)

    def test_a_target_transform_does_what_it_does_sample_by_sample(self) -> None:
        def one_hot(y: int) -> torch.Tensor:
            return torch.zeros(10, dtype=torch.float).scatter_(0, torch.tensor(y), value=1)

        raw = raw_images(100)
        _, y = whole(plain(raw).loader(shuffle=False, target_transform=one_hot))
        assert torch.equal(y, torch.stack([one_hot(int(label)) for label in raw[1]]))
        assert y.dtype == torch.float32

    def test_a_target_transform_of_numbers_is_refused(self) -> None:
        data = plain((torch.randn(100, 10), torch.randn(100, 1)), DIABETES)
        with pytest.raises(ValueError, match="transform the batch instead"):
            data.loader(target_transform=torch.tensor)


class TestDataStayAsTheyAre:
    @pytest.mark.parametrize("shuffle", [False, True])
    @pytest.mark.parametrize("task", [DIGITS, BREAST_CANCER, DIABETES], ids=lambda task: str(task.name))
    def test_writing_into_what_was_handed_out_changes_no_data(self, task: Task, *, shuffle: bool) -> None:
        inputs = raw_images(100)[0] if task.input_dtype == "uint8" else torch.randn(100, *task.input_shape)
        targets = torch.randn(100, 1) if task.kind == "regression" else torch.arange(100) % 2
        data = plain((inputs, targets), task)
        before = inputs.clone(), targets.clone()
        for x, y in [
            *data.loader(shuffle=shuffle),
            (data.inputs, data.targets),
            data.gather(torch.arange(9)),
        ]:
            x.zero_()
            y.zero_()
        data.dataset[3][0].zero_()
        for part in data.split(0.5):
            part.inputs.zero_()
            part.targets.zero_()
        assert torch.equal(inputs, before[0])
        assert torch.equal(targets, before[1])

    def test_a_transform_s_targets_may_be_written_into(self) -> None:
        """A soft-label loop that mixes its one-hot targets in place must not mix the next batch's."""
        loader = plain(raw_images(100)).loader(
            shuffle=False, target_transform=lambda y: torch.eye(10)[torch.tensor(y)]
        )
        first = [y.clone() for _, y in loader]
        for _, y in loader:
            y.zero_()
        assert all(torch.equal(a, b) for a, (_, b) in zip(first, loader, strict=True))

    def test_the_shared_file_is_never_written(self, open_named_task: OpenTask) -> None:
        """Mapped tensors are private: another worker sees the data, not what this one did to them."""
        task = open_named_task("digits")
        (info, fd), _ = task.train_files()
        mine, theirs = map_tensor(fd, info.dtype, info.shape), map_tensor(fd, info.dtype, info.shape)
        before = theirs.clone()
        mine.zero_()
        assert torch.equal(theirs, before)


class TestSplit:
    def test_the_parts_are_disjoint_and_cover_all(self) -> None:
        raw = raw_images(1000)
        train, valid = plain(raw).split(0.1)
        ours, theirs = _order(train.inputs, raw), _order(valid.inputs, raw)
        assert (len(train), len(valid)) == (900, 100)
        assert sorted(ours + theirs) == list(range(1000))
        assert torch.equal(valid.targets, raw[1][torch.tensor(theirs)])

    def test_the_split_repeats_with_the_seed_and_differs_without(self) -> None:
        def valid(seed: int) -> torch.Tensor:
            return plain(raw_images(1000), seed=seed).split()[1].inputs

        assert torch.equal(valid(0), valid(0))
        assert not torch.equal(valid(0), valid(1))

    def test_a_part_s_loader_and_dataset_hold_the_part(self) -> None:
        train, valid = plain(raw_images(100)).split(0.2)
        for part in (train, valid):
            x, y = whole(part.loader(7, shuffle=False))
            assert torch.equal(x, part.inputs)
            assert torch.equal(y, part.targets)
            assert torch.equal(torch.stack([part.dataset[i][0] for i in range(len(part))]), part.inputs)

    def test_parts_split_again(self) -> None:
        raw = raw_images(100)
        train, _ = plain(raw).split(0.2)
        inner, held = train.split(0.25)
        assert (len(inner), len(held)) == (60, 20)
        assert not set(_order(inner.inputs, raw)) & set(_order(held.inputs, raw))

    @pytest.mark.parametrize("fraction", [0.0001, 0.9999])
    def test_neither_part_is_ever_empty(self, fraction: float) -> None:
        assert all(len(part) for part in plain(raw_images(10)).split(fraction))

    @pytest.mark.parametrize("fraction", [0, 1, -0.5, 2, float("nan")])
    def test_a_fraction_that_is_none_is_refused(self, fraction: float) -> None:
        with pytest.raises(ValueError, match="must lie between 0 and 1"):
            plain(raw_images(10)).split(fraction)

    def test_passes_over_the_validation_part_are_not_metered(self) -> None:
        run = metered("2 epochs")
        train, valid = run.data.split(0.1)
        for _ in range(3):
            list(valid.loader())
        assert (run.budget.used_steps, run.budget.used_samples, run.budget.used_epochs) == (0, 0, 0)
        list(train.loader())
        assert run.budget.used_epochs == 1, "one pass over the training part is one epoch"

    def test_a_validation_pass_still_works_after_the_budget_has_ended(self) -> None:
        run = metered("1 epoch")
        train, valid = run.data.split(0.1)
        list(train.loader())
        assert run.budget.exhausted
        assert len(list(valid.loader(batch_size=5))) == 2


class TestDataset:
    def test_works_with_torchs_own_dataloader(self) -> None:
        raw = raw_images(100)
        batches = list(DataLoader(plain(raw).dataset, batch_size=32))
        assert torch.equal(torch.cat([x for x, _ in batches]), raw[0].float() / 255)
        assert torch.equal(torch.cat([y for _, y in batches]), raw[1])
        assert len(batches) == 4

    def test_a_plain_for_loop_over_it_ends(self) -> None:
        samples: Any = plain(raw_images(20)).dataset
        assert len(list(itertools.islice(samples, 100))) == 20

    def test_samples_are_a_float_tensor_and_an_int(self) -> None:
        raw = raw_images(20)
        x, y = plain(raw).dataset[-1]
        assert torch.equal(x, raw[0][-1].float() / 255)
        assert y == 9
        assert isinstance(y, int)
        with pytest.raises(IndexError):
            plain(raw).dataset[20]

    def test_it_knows_its_classes(self) -> None:
        assert plain(raw_images(20)).dataset.classes == DIGITS.classes


class TestBudget:
    def test_epochs_are_samples_over_length_and_whole_at_the_end_of_a_pass(self) -> None:
        run = metered("3 epochs", 1297, raw=raw_images(1297))
        seen = []
        for _ in range(3):
            for _ in run.data.loader():
                pass
            seen.append(run.budget.used_epochs)
        assert seen == [1.0, 2.0, 3.0]
        assert run.told.curve() == [1.0, 2.0, 3.0], "a point of the curve at the end of each pass"
        assert run.budget.used_samples == 3 * 1297
        assert run.budget.used_steps == 3 * 21

    def test_a_pass_that_drops_its_last_batch_is_a_whole_epoch(self) -> None:
        run = metered("1 epoch")
        assert len(list(run.data.loader(64, drop_last=True))) == 1
        assert run.budget.used_epochs == 1
        assert run.budget.exhausted

    @pytest.mark.parametrize("shuffle", [False, True])
    @pytest.mark.parametrize(
        ("limits", "batches"),
        [
            ("1 epoch", 10),
            ("2.5 epochs", 25),
            ("7 steps", 7),
            ("13 steps", 13),
            ("41 samples", 5),
            ("1 sample", 1),
            ("200 samples", 20),
            ("3 epochs, 4 steps", 4),
            ("30 epochs, 1000s", 300),
        ],
    )
    def test_a_loop_gets_its_budget_and_not_a_batch_more(
        self, limits: str, batches: int, *, shuffle: bool
    ) -> None:
        """The pass in progress ends as if its data had ended; the next one raises."""
        run = metered(limits)
        loader = run.data.loader(10, shuffle=shuffle)
        count = drain(lambda: iter(loader))
        assert count == run.budget.used_steps == batches
        assert run.budget.fraction == 1
        assert run.budget.loader_ended

    def test_code_after_the_epoch_runs_when_the_budget_ends_within_it(self) -> None:
        run = metered("3 steps")
        after = []
        for epoch in range(1):
            for _ in run.data.loader(10):
                pass
            after.append(epoch)
        assert after == [0]

    def test_seconds_end_the_pass_in_progress(self) -> None:
        run = metered("10s")
        seen = 0
        for _ in run.data.loader(10):
            seen += 1
            run.clock.now += 3
        assert seen == 4, "at 9 s there was time for one more"
        assert run.budget.remaining() == 0
        assert run.budget.elapsed() == 12

    def test_an_epoch_that_began_has_at_least_one_batch(self) -> None:
        """A tutorial divides by its number of batches: time that ends between the two must not make it 0."""
        run = metered("10s")
        iterator = iter(run.data.loader(10))
        assert len(next(iterator)[0]) == 10
        run.clock.now += 11
        assert list(iterator) == []

    def test_an_iterator_taken_in_time_and_first_asked_too_late_raises(self) -> None:
        run = metered("10s")
        iterator = iter(run.data.loader(10))
        run.clock.now += 11
        with pytest.raises(BudgetExhausted):
            next(iterator)

    def test_first_batches_of_fresh_iterators_are_metered(self) -> None:
        """`next(iter(loader))` begins many epochs and ends none."""
        run = metered("2 epochs")
        loader = run.data.loader(10)
        assert drain(lambda: [next(iter(loader))]) == 20
        assert run.budget.used_epochs == 2

    def test_a_cycled_iterator_gets_no_second_pass(self) -> None:
        """itertools.cycle keeps the batches it saw: metered once, and ended by the host's clock alone."""
        run = metered("1 epoch")
        assert len(list(itertools.islice(itertools.cycle(run.data.loader(10)), 25))) == 25
        assert run.budget.used_steps == 10
        assert run.budget.loader_ended

    def test_except_exception_does_not_swallow_the_end(self) -> None:
        run = metered("1 step")
        list(run.data.loader())
        with pytest.raises(BudgetExhausted), suppress(Exception):
            list(run.data.loader())

    def test_a_loop_that_indexes_tensors_meters_itself(self) -> None:
        run = metered("1 epoch")
        assert drain(lambda: map(run.budget.step, [25])) == 4
        assert (run.budget.used_steps, run.budget.used_samples) == (4, 100)

    @pytest.mark.parametrize("limits", ["8s", "2 epochs", "20 steps", "200 samples"])
    def test_fraction_and_remaining_tell_how_far_it_is(self, limits: str) -> None:
        run = metered(limits)
        told = []
        for _ in range(2):
            for _ in run.data.loader(10):
                run.clock.now += 0.4
                told.append(run.budget.fraction)
        assert told == sorted(told)
        assert told[9] == pytest.approx(0.5)
        assert told[-1] == pytest.approx(1)
        assert run.budget.remaining() == (pytest.approx(0) if limits == "8s" else float("inf"))

    def test_the_display_hears_a_few_times_a_second_and_no_more(self) -> None:
        run = metered("1000 epochs", 1000)
        for _ in run.data.loader(1):
            run.clock.now += 0.001
        assert 4 <= len(run.told.events) <= 7, "one second of batches"


def _order(inputs: torch.Tensor, raw: Batch) -> list[int]:
    """Where each of these float inputs lies in the raw array, whose rows all differ."""
    known = {row.numpy().tobytes(): index for index, row in enumerate(raw[0].float().div(255))}
    return [known[row.numpy().tobytes()] for row in inputs]

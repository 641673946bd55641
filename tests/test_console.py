"""What a person sees of a session, driven through the hooks with made-up trials: nothing is trained here."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import factories
import pytest
from rich.cells import cell_len
from rich.console import Console as RichConsole

from grader.contract.record import CurvePoint, Record, Timing
from grader.contract.status import Phase, Status
from grader.contract.trial import Trial
from grader.host import console as consoles
from grader.host import live, summary
from grader.host.console import Console, PlainLines
from grader.host.live import Drawing, Foot, Frame, LiveDisplay, SoFar, folds, frame
from grader.host.rank import Standings, standings
from grader.host.settings import make_config
from grader.host.watch import Watch

REASON = "ValueError while training: the [red]shapes[/red] do not match (x.py, line 3)"


class Clock:
    """A clock that a test winds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def point(steps: int = 30, epoch: float = 1.5, **told: float) -> CurvePoint:
    return CurvePoint(epoch=epoch, steps=steps, samples=64 * steps, seconds=steps / 10, **told)


def watching(
    clock: Clock, running: int = 3, *, names: Sequence[str] = (), budget: str = "60s", reused: int = 0
) -> Watch:
    """A session of 20 trials, or of these names, so many of which train since 15 seconds."""
    known = names or [f"student-{number:02}" for number in range(max(20, running))]
    trials = [factories.trial(name, budget=budget) for name in known]
    records = [factories.record(f"earlier-{n}", correct=100 * n) for n in range(reused)]
    watch = Watch(trials, records, running, clock)
    for trial in trials[:running]:
        watch.begin(trial)
        watch.move(trial, Phase.TRAIN, None)
    clock.now += 15
    for trial in trials[:running]:
        watch.move(trial, Phase.TRAIN, point(loss=0.4321))
    return watch


def text(lines: Sequence[live.Line]) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in lines]


def end(watch: Watch, trial: Trial, *, good: bool = True, correct: int = 450) -> None:
    name = trial.submission.name
    watch.end(trial, factories.record(name, correct=correct) if good else factories.failed(name))


# --- the frame ---


def test_each_trial_that_runs_has_a_bar_of_its_own(clock: Clock) -> None:
    watch = watching(clock)
    watch.move(watch.trials[1], Phase.TRAIN, point(epoch=2.25, loss=0.1, accuracy=0.5))
    watch.move(watch.trials[2], Phase.PREDICT, None)
    lines = text(frame(watch, [], Drawing(120, 40)))
    assert [line.split()[0] for line in lines[:3]] == ["student-00", "student-01", "student-02"]
    assert re.fullmatch(r"student-00  ━{8}─{22}  train +0:45 left  epoch 1.5 +loss 0.4321 +", lines[0])
    assert re.search(r"epoch 2.2 +loss 0.1 +50.00 %$", lines[1])
    assert re.search(r"━{30}  predict ", lines[2])
    assert lines[3].startswith("[ 0/20] ───")


def test_seeds_and_tasks_are_told_apart_where_there_are_several(clock: Clock) -> None:
    trials = [factories.trial("a-name-that-is-longer-than-its-column", seed=seed) for seed in (0, 1)]
    watch = Watch(trials, clock=clock)
    for trial in trials:
        watch.begin(trial)
    for columns in (40, 120):
        first, second, *_ = text(frame(watch, [], Drawing(columns, 24)))
        assert "seed 0" in first
        assert "seed 1" in second


def test_what_is_left_is_exact_for_seconds_and_estimated_for_counts(clock: Clock) -> None:
    for budget, told in (("60s", " 0:45 left"), ("120 steps", "~0:45 left"), ("60s, 60 steps", " 0:15 left")):
        assert told in text(frame(watching(clock, budget=budget), [], Drawing(120, 24)))[0]
    watch = watching(clock, budget="3 epochs")
    clock.now += 1000  # it says nothing any more
    assert "~0:00 left" in text(frame(watch, [], Drawing(120, 24)))[0]


def test_there_are_no_more_bars_than_lines(clock: Clock) -> None:
    lines = text(frame(watching(clock, 64), [], Drawing(100, 24)))
    assert len(lines) == 22
    assert lines[-2].strip() == "and 44 more"
    assert sum("student-" in line for line in lines) == 20


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", [10, 20, 39, 40, 41, 54, 60, 80, 99, 120, 250])
def test_no_line_fills_the_terminal_whatever_it_is_about(clock: Clock, width: int, encoding: str) -> None:
    """Hostile names, absurd claims: nothing wraps, nothing acts on the terminal, nothing is markup."""
    names = [name for name in factories.HOSTILE if name.isprintable() or "\x1b" in name]
    watch = watching(clock, len(names), names=names, reused=3)
    for trial, number in zip(watch.trials, (1e15, 1.7e308, -1.7e308, 1e-320, 0.0), strict=False):
        claims = point(epoch=min(abs(number), 1e15), loss=number, accuracy=number)
        watch.move(trial, Phase.TRAIN, claims)
    tables = standings(watch.reused + [factories.record(name) for name in names]).tables
    for height in (1, 3, 5, 12, 30, 100):
        lines = text(frame(watch, tables, Drawing(width, height, encoding)))
        assert len(lines) < max(height, 2)
        assert max(map(cell_len, lines)) < width
        assert all(line.isprintable() for line in lines)
        assert encoding == "utf-8" or all(line.isascii() for line in lines)
    if width == 250:
        assert "\\x1b[31mred" in "".join(lines)


def test_forty_columns_have_room_for_a_bar_and_the_time_left(clock: Clock) -> None:
    first, *_, total = text(frame(watching(clock), [], Drawing(40, 24)))
    assert re.match(r"student-00  ━+─+  train +0:45$", first)
    assert total.startswith("[ 0/20]")


def test_the_total_counts_what_failed_and_was_reused_and_says_what_is_left(clock: Clock) -> None:
    watch = watching(clock, 2, reused=4)
    clock.now += 5
    end(watch, watch.trials[0])
    end(watch, watch.trials[1], good=False)
    (total,) = text(frame(watch, [], Drawing(120, 40)))
    assert total.startswith("[ 2/20] ━━━──")
    # 18 more of 20 seconds each, two at once
    assert total.endswith("  1 failed, about 3:00 left, 4 reused")


def test_before_the_first_has_ended_the_budget_tells_what_is_left(clock: Clock) -> None:
    watch = watching(clock, 2)
    assert watch.left() == pytest.approx((2 * 45 + 18 * 60) / 2)
    assert Watch([factories.trial(budget="3 epochs")], clock=clock).left() is None
    counted = watching(clock, 20, budget="120 steps")
    assert counted.left() == pytest.approx(45)


def test_what_a_submission_took_with_other_seeds_tells_how_long_it_will(clock: Clock) -> None:
    trials = [factories.trial(name, seed=seed, budget="3 epochs") for name in "ab" for seed in (0, 1)]
    reused = [factories.record("b", timing=Timing(load_seconds=1, train_seconds=20, predict_seconds=2))]
    watch = Watch(trials, reused, clock=clock)
    watch.begin(trials[0])
    watch.move(trials[0], Phase.TRAIN, None)
    assert watch.left() is None
    clock.now += 5
    end(watch, trials[0])
    assert watch.left() == pytest.approx(5 + 2 * 23)


def test_the_start_of_a_server_is_no_part_of_what_a_trial_takes(clock: Clock) -> None:
    watch = Watch([factories.trial(name, budget="3 epochs") for name in "ab"], clock=clock)
    watch.begin(watch.trials[0])
    clock.now += 100
    watch.move(watch.trials[0], Phase.LOAD, None)
    clock.now += 7
    end(watch, watch.trials[0])
    assert watch.left() == pytest.approx(7)


# --- the standings so far ---


def test_the_best_so_far_are_shown_where_there_is_room(clock: Clock) -> None:
    watch = watching(clock, reused=4)
    watch.end(watch.trials[0], factories.record("winner", correct=499))
    tables = SoFar(watch).tables()
    lines = text(frame(watch, tables, Drawing(80, 24)))
    assert lines[-4] == "so far: digits, 3 epochs, accuracy %"
    assert [line.split() for line in lines[-3:]] == [
        ["winner", "99.80"],
        ["earlier-3", "60.00"],
        ["earlier-2", "40.00"],
    ]
    for small in (Drawing(80, 11), Drawing(50, 24)):
        assert not any("winner" in line for line in text(frame(watch, tables, small)))


def test_ranking_happens_only_when_a_trial_has_ended_and_takes_a_small_share_of_the_time(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranked: list[int] = []

    def slow(records: Sequence[Record]) -> Standings:
        ranked.append(len(records))
        worked.now += 0.01
        return standings(records)

    monkeypatch.setattr(live, "standings", slow)
    worked = Clock()
    watch = watching(clock, reused=2)
    so_far = SoFar(watch, worked)
    for _ in range(5):
        so_far.tables()
        clock.now += 10
    assert ranked == [2]
    end(watch, watch.trials[0])
    so_far.tables()
    end(watch, watch.trials[1])
    assert so_far.tables()  # the former ones: 10 ms have just gone into them
    assert ranked == [2, 3]
    clock.now += 3
    so_far.tables()
    assert ranked == [2, 3, 4]


# --- on a terminal: a small one, of our own ---


class Screen:
    """As much of a terminal as the display uses; made narrower, it folds its lines, as terminals do."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows, self.row, self.column = [""], 0, 0
        self.wrapped = False  # whether a line ever reached the last column

    def feed(self, data: str) -> None:
        for sequence, number, final, char in re.findall(
            r"(\x1b\[\??(\d*)(?:;\d+)*([A-Za-z]))|([\s\S])", data
        ):
            if not sequence:
                self._put(char)
            elif final == "A":
                self.row = max(0, self.row - int(number or 1))
            elif final == "K":
                assert number == "2"
                self.rows[self.row] = ""
            else:
                assert final in "mhl", sequence

    def _put(self, char: str) -> None:
        if char == "\n":
            self.row, self.column = self.row + 1, 0
            self.rows += [""] * (self.row + 1 - len(self.rows))
        elif char == "\r":
            self.column = 0
        else:
            assert char.isprintable()
            self.rows[self.row] = self.rows[self.row][: self.column].ljust(self.column) + char
            self.column += 1
            self.wrapped = self.wrapped or cell_len(self.rows[self.row]) >= self.columns

    def resize(self, columns: int) -> None:
        """The cursor stays at the end of its line; below it there is nothing."""
        self.columns = columns
        above = self.rows[: self.row + 1]
        self.rows = [row[at : at + columns] for row in above for at in range(0, max(1, len(row)), columns)]
        self.row, self.column = len(self.rows) - 1, len(self.rows[-1])

    @property
    def shown(self) -> list[str]:
        return [row.rstrip() for row in self.rows if row.strip()]


class Terminal(io.StringIO):
    """A stdout that says it is one."""

    encoding = "utf-8"

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.patch = patch

    def sized(self, columns: int, lines: int = 30) -> None:
        """From now on it is stdout (pytest has its own until the test runs), and so large."""
        self.patch.setattr(sys, "stdout", self)
        self.patch.setattr(live, "terminal_size", lambda: (columns, lines))

    def isatty(self) -> bool:
        return True

    def told(self) -> str:
        """All that was written since the last time."""
        data = self.getvalue()
        self.seek(0)
        self.truncate()
        return data


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("CI", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return Terminal(monkeypatch)


@pytest.mark.parametrize("columns", [40, 120])
def test_failures_stay_above_the_bars_and_of_the_bars_nothing_stays(
    clock: Clock, terminal: Terminal, columns: int
) -> None:
    terminal.sized(columns)
    screen, watch = Screen(columns), watching(clock, 4)
    display = LiveDisplay(watch, every=False)
    screen.feed(terminal.told())
    before = screen.shown
    assert [line.split()[0] for line in before[:4]] == [f"student-0{n}" for n in range(4)]
    display.ended("[ 1/20] it is ok", failed=False)
    display.ended("[ 2/20] [red]it[/red] failed", failed=True)
    display.tick()
    display.tick()
    screen.feed(terminal.told())
    assert screen.shown == ["[ 2/20] [red]it[/red] failed", *before]
    assert not screen.wrapped
    display.ended("[ 3/20] the last one failed", failed=True)
    display.close()
    screen.feed(terminal.told())
    assert screen.shown == ["[ 2/20] [red]it[/red] failed", "[ 3/20] the last one failed"]


@pytest.mark.parametrize("narrower", [70, 41, 25])
def test_a_terminal_that_becomes_narrower_keeps_no_part_of_a_frame(
    clock: Clock, terminal: Terminal, narrower: int
) -> None:
    screen = Screen(120)
    terminal.sized(120)
    display = LiveDisplay(watching(clock, 4), every=False)
    screen.feed(terminal.told())
    for columns in (narrower, 120):
        screen.resize(columns)
        terminal.sized(columns)
        display.tick()
        screen.feed(terminal.told())
        assert len(screen.shown) == 5
        assert [line[:5] for line in screen.shown[:4]] == ["stude"] * 4
    display.close()
    screen.feed(terminal.told())
    assert screen.shown == []


def test_lines_that_a_narrower_terminal_folds_are_counted() -> None:
    assert folds([119, 80, 40, 12, 0], 40) == 2 + 1
    assert folds([119, 80], 120) == 0


def test_a_word_of_a_trial_draws_nothing(terminal: Terminal, clock: Clock) -> None:
    """They come by the thousand: only the latest is kept, for the next frame."""
    terminal.sized(80)
    console, watch = Console(), watching(clock)
    console.watch, console._display = watch, LiveDisplay(watch, every=False)
    terminal.told()
    for steps in range(1000):
        console.grader_trial_progress(watch.trials[0], Phase.TRAIN, point(steps, loss=steps))
    assert terminal.told() == ""
    console._display.tick()
    assert "loss 999" in terminal.told()
    console.close()


def test_what_a_plugin_prints_comes_above_the_bars(clock: Clock, terminal: Terminal) -> None:
    terminal.sized(80)
    screen = Screen(80)
    display = LiveDisplay(watching(clock), every=False)
    print("a plugin's word")
    display.close()
    screen.feed(terminal.told())
    assert screen.shown == ["a plugin's word"]


def test_a_frame_is_wrapped_and_read_as_markup_by_nobody(terminal: Terminal) -> None:
    terminal.sized(30)
    foot = Foot(RichConsole(width=30))
    foot.update(Frame([[("[bold]x[/bold] :smile: ", ""), ("y" * 40, "bad")]]))
    foot.start(refresh=True)
    assert "[bold]x[/bold] :smile: " in terminal.getvalue()
    assert "\n" not in terminal.told()
    foot.stop()


# --- a real terminal, a real pipe ---

ACTED = """
import sys, time
sys.path.insert(0, sys.argv[1])
import factories
from pathlib import Path
from grader.contract.record import CurvePoint
from grader.host import live, summary
from grader.host.commands import say
from grader.host.console import Console
from grader.host.settings import make_config

live.LiveDisplay.period = 0.05
console = Console(int(sys.argv[2]))
names = ("fine", "文件", "\\x1b[31mred", "[red]x[/red]")
trials = [factories.trial(name, budget="3 epochs") for name in names]
point = CurvePoint(epoch=1.5, steps=3, samples=9, seconds=1, loss=0.25)
reused = [factories.record("earlier")]
console.grader_session_start(make_config(leaderboard=Path("leaderboard")), trials, reused, 4)
for trial in trials:
    console.grader_trial_start(trial)
    console.grader_trial_progress(trial, "train", point)
time.sleep(0.3)
for trial in trials[:2]:
    console.grader_trial_finish(trial, factories.record(trial.submission.name))
for trial in trials[2:]:
    reason = "ValueError: no \\\\x1b[31mgood [bold]…[/bold]"
    console.grader_trial_finish(trial, factories.failed(trial.submission.name, reason=reason))
time.sleep(0.2)
console.grader_session_finish()
for line in summary.ending(console.watch, console.verbosity, 1.0, slowest=0):
    say(line)
"""


def acted(
    columns: int, verbosity: int = 0, terminal: bool = True, environment: Mapping[str, str] | None = None
) -> str:
    """What the session above writes on a pseudo-terminal that is so wide, or into a pipe."""
    settled = {name: value for name, value in os.environ.items() if name not in {"CI", "NO_COLOR", "COLUMNS"}}
    ours, theirs = pty.openpty() if terminal else os.pipe()
    if terminal:
        import fcntl
        import struct
        import termios

        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    arguments = [sys.executable, "-c", ACTED, str(Path(__file__).parent), str(verbosity)]
    with subprocess.Popen(
        arguments,
        stdout=theirs,
        stderr=theirs,
        env={**settled, "TERM": "xterm-256color", **(environment or {})},
    ) as process:
        os.close(theirs)
        data = b"".join(_chunks(ours))
    said = data.decode()
    assert process.returncode == 0, said
    return said.replace("\r\n", "\n") if terminal else said


def _chunks(fd: int) -> Iterator[bytes]:
    try:
        while chunk := os.read(fd, 1 << 16):
            yield chunk
    except OSError:  # EIO: nobody holds the other end
        pass
    os.close(fd)


@pytest.mark.parametrize("columns", [40, 120])
def test_on_a_terminal_bars_come_and_go(columns: int) -> None:
    said = acted(columns)
    assert re.search(r"fine .*━", said)
    assert "\x1b[32m━" in said
    screen = Screen(columns)
    screen.feed(said[said.index("--rerun to train again)") :])
    shown = " ".join(screen.shown)
    assert "━" not in shown
    assert "fine" not in shown.partition("failures")[0]  # it did well
    assert r"\x1b[31mred.py" in re.sub(r"\s", "", shown)
    assert "[red]x[/red]" in shown
    assert "2 ok, 2 crashed, 1 reused in 1.0 s" in shown


def test_a_quiet_session_draws_nothing_on_a_terminal() -> None:
    said = acted(120, -1)
    assert "━" not in said
    assert not re.search(r"\x1b\[[^m]*[A-Za-ln-z]", said)
    assert said.startswith("[3/4] ")


def test_no_color_is_honoured_by_bars_and_lines() -> None:
    said = acted(120, environment={"NO_COLOR": "1"})
    assert "━" in said
    assert set(re.findall(r"\x1b\[([\d;]*)m", said)) <= {"", "0", "2"}  # faint is no colour


def test_a_locale_of_ascii_has_bars_of_ascii() -> None:
    said = acted(120, environment={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert said.isascii()
    assert re.search(r"fine .*#{15}.*\.{15}", said)
    assert "[bold]...[/bold]" in said


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("CI", "true")])
def test_a_terminal_that_nobody_watches_gets_plain_lines(name: str, value: str) -> None:
    said = acted(80, environment={name: value})
    assert "\x1b" not in said
    assert "\r" not in said
    assert "[1/4] submissions/fine.py::digits[seed=0] ok  accuracy" in said


@pytest.mark.parametrize("verbosity", [-1, 0])
def test_a_pipe_gets_a_line_for_each_trial_that_ended(verbosity: int) -> None:
    said = acted(80, verbosity, terminal=False)
    assert "\x1b" not in said
    assert "\r" not in said
    lines = [line.partition("  ")[0] for line in said.splitlines() if line.startswith("[")]
    names = ["fine", "文件", r"\x1b[31mred", "[red]x[/red]"]
    ends = ["ok", "ok", "crashed", "crashed"]
    all_of_them = [
        f"[{number}/4] submissions/{name}.py::digits[seed=0] {status}"
        for number, name, status in zip(range(1, 5), names, ends, strict=True)
    ]
    assert lines == (all_of_them if verbosity >= 0 else all_of_them[2:])
    assert ("grader session starts" in said) == (verbosity >= 0)


# --- plain lines ---

Said = Callable[[], list[str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return lambda: capsys.readouterr().out.splitlines()


def test_every_trial_that_takes_long_is_spoken_of_each_30_seconds(clock: Clock, said: Said) -> None:
    watch = Watch([factories.trial(name, budget="90s") for name in "abc"], slots=2, clock=clock)
    display = PlainLines(watch)
    spoken: dict[str, list[float]] = {"a": [], "b": []}
    watch.begin(watch.trials[0])
    for second in range(0, 80, 5):
        if second == 10:
            watch.begin(watch.trials[1])
            watch.move(watch.trials[1], Phase.TRAIN, point(loss=0.25))
        display.tick()
        for line in said():
            spoken[line.partition("submissions/")[2][0]].append(second)
            last = line
        clock.now += 5
    assert spoken == {"a": [30, 60], "b": [40, 70]}
    assert last == "[0/3] submissions/b.py::digits[seed=0] runs: train, epoch 1.5, loss 0.25, 60 s of 90s"


def test_of_many_that_take_long_a_few_are_named(clock: Clock, said: Said) -> None:
    watch = watching(clock, 64)
    clock.now += 30
    PlainLines(watch).tick()
    lines = said()
    assert len(lines) == 9
    assert lines[-1] == "[ 0/64] and 56 more run"
    PlainLines(watch, verbosity=-1).tick()
    assert said() == []


def test_a_reader_that_went_away_ends_the_ticking_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(PlainLines):
        period = 0.001

        def tick(self) -> None:
            raise BrokenPipeError

    ticker = consoles.Ticker(Broken(Watch([])))
    time.sleep(0.05)
    ticker.stop()
    assert capsys.readouterr().err == ""


def test_a_session_with_nothing_left_to_run_says_what_is_reused(
    said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consoles, "display", None)  # there is nothing to show
    console = Console()
    console.grader_session_start(make_config(leaderboard=tmp_path), [], [factories.record()] * 12, 2)
    console.close()
    lines = said()
    assert "reusing 12 records of earlier runs (--rerun to train again)" in lines
    assert "collected 1 submission, 12 trials" in lines
    (last,) = summary.ending(console.watch, 0, 0.5)
    assert "nothing ran, 12 reused in 0.5 s" in last


# --- the ending ---


def test_seeds_that_failed_alike_are_told_together() -> None:
    alike = [factories.failed("a", seed=seed, reason=REASON, detail="the traceback") for seed in range(5)]
    other = factories.failed("a", seed=7, status=Status.TIMEOUT, reason="killed")
    lines = list(summary.failures([*alike, factories.record("b"), other]))
    assert lines[1:] == [
        "submissions/a.py::digits[seed=0] and seeds 1, 2, 3, 4: crashed in train",
        f"    {REASON}",
        "submissions/a.py::digits[seed=7]: timeout in train",
        "    killed",
    ]
    assert "    the traceback" in list(summary.failures(alike, verbosity=1))


def test_hundreds_of_failures_take_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summary, "terminal_width", lambda: 100)
    many = [factories.failed(f"s{n}", seed=seed, reason=REASON * 9) for n in range(300) for seed in range(3)]
    lines = list(summary.failures(many))
    assert len(lines) == 301
    assert max(map(len, lines)) == 100
    assert lines[1].startswith("submissions/s0.py::digits[seed=0] and seeds 1, 2: crashed in train: Val")


def test_a_long_table_is_cut_to_its_top_and_to_what_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    board = [factories.record(f"row-{n:03}", correct=500 - n) for n in range(200)]
    other = factories.record("elsewhere", budget="9 epochs")
    ran = factories.record("row-150", correct=350)
    tables = summary.of_these([ran], standings([*board, other]))
    shown = "\n".join(summary.tops(tables, [ran], 120))
    assert re.findall(r"row-\d+", shown) == [*(f"row-{n:03}" for n in range(10)), "row-150"]
    assert shown.endswith("… and 189 more: see README.md")
    assert "elsewhere" not in shown
    few = "\n".join(summary.tops(standings(board[:12]).tables, [ran], 120))
    assert few.count("row-") == 12
    assert "… and" not in few


def test_the_slowest_come_first_and_0_is_all() -> None:
    records = [factories.record(f"s{n}") for n in range(4)] + [factories.failed("unborn", timing=Timing())]
    lines = list(summary.durations(records, 2))
    assert len(lines) == 3
    assert lines[1] == "    1.53 s  submissions/s0.py::digits[seed=0]  (load 0.10, train 1.23, predict 0.20)"
    assert len(list(summary.durations(records, 0))) == 6
    assert list(summary.durations(records, 0))[-1].endswith("unborn.py::digits[seed=0]  (did not start)")

"""The layers one by one, each in a real process that gives something up for good.

What submissions make of them is the attacks' to show (test_attacks.py); here are the modules' own edges.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sessions import loop, session, write

from grader.contract.errors import UsageError
from grader.contract.isolation import LAYERS, MAX_THREADS, Isolation, Layer
from grader.contract.status import Status
from grader.contract.trial import Limits
from grader.host import isolation, watchdog
from grader.host.libraries import libraries
from grader.host.sandbox import Sandbox, next_user
from grader.host.scratch import remove
from grader.host.watchdog import Exceeded, Watchdog
from grader.plugins import TASKS, harness_manager, task_definitions
from grader.worker import confine, kernel, landlock, seccomp

X86, ARM = "x86_64", "aarch64"
ME = 4242  # the pid that filters are made for


def forked(work: Callable[[], object]) -> str:
    """What the work returns, or the name of what it raises, from a child that is thrown away."""
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            said = str(work())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with os.fdopen(read, encoding="utf-8") as file:
        return file.read()


def no_new_privileges() -> None:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)


class TestSeccomp:
    """The filter is run by an interpreter of its own here, for machines that are not at hand."""

    @staticmethod
    def verdict(machine: str, number: int, *arguments: int, subprocess: bool = False) -> str:
        arch = {X86: 0xC000003E, ARM: 0xC00000B7}[machine]
        words = {0: number, 4: arch} | {16 + 8 * index: value for index, value in enumerate(arguments)}
        program, at, accumulator = seccomp.program(ME, allow_subprocess=subprocess, machine=machine), 0, 0
        while True:
            code, yes, no, value = program[at]
            if code == 0x06:
                names = {0x7FFF0000: "pass", 0x80000000: "kill"}
                return names.get(value) or errno.errorcode[value & 0xFFFF]
            if code == 0x20:
                accumulator = words.get(value, 0) & 0xFFFFFFFF
                at += 1
                continue
            true = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}
            at += 1 + (yes if true[code] else no)

    @pytest.mark.parametrize(
        ("name", "x86", "arm", "arguments", "expected"),
        [
            ("read", 0, 63, (), "pass"),
            ("futex", 202, 98, (), "pass"),
            ("mmap", 9, 222, (), "pass"),
            ("execve", 59, 221, (), "EPERM"),
            ("socket", 41, 198, (socket.AF_UNIX,), "EPERM"),
            ("ptrace", 101, 117, (), "EPERM"),
            ("io_uring_setup", 425, 425, (), "EPERM"),
            ("memfd_create", 319, 279, (), "EPERM"),
            ("chmod at", 268, 53, (), "EPERM"),
            ("shmget", 29, 194, (), "EPERM"),
            ("clone of a thread", 56, 220, (0x3D0F00,), "pass"),
            ("clone of a process", 56, 220, (signal.SIGCHLD,), "EPERM"),
            ("clone3", 435, 435, (), "ENOSYS"),
            ("kill itself", 62, 129, (ME, 9), "pass"),
            ("kill another", 62, 129, (ME + 1, 9), "EPERM"),
            ("kill its group", 62, 129, (0, 9), "EPERM"),
            ("kill everybody", 62, 129, (0xFFFFFFFF, 9), "EPERM"),
            ("tgkill itself", 234, 131, (ME, ME + 3, 6), "pass"),
            ("tgkill another", 234, 131, (1, 1, 6), "EPERM"),
            ("prlimit itself", 302, 261, (0,), "pass"),
            ("prlimit another", 302, 261, (1,), "EPERM"),
            ("affinity of itself", 203, 122, (ME,), "pass"),
            ("affinity of another", 203, 122, (1,), "EPERM"),
            ("nice of itself", 141, 140, (0, 0), "pass"),
            ("nice of another", 141, 140, (0, 1), "EPERM"),
            ("nice of a user's all", 141, 140, (2, 0), "EPERM"),
            ("fcntl F_GETFL", 72, 25, (3, 3), "pass"),
            ("fcntl F_SETOWN", 72, 25, (3, 8), "EPERM"),
            ("ioctl TIOCSTI", 16, 29, (0, 0x5412), "EPERM"),
            ("ioctl of a GPU", 16, 29, (0, 0x4600), "pass"),
            ("forget its parent", 157, 167, (1, 0), "EPERM"),
            ("prctl PR_SET_NAME", 157, 167, (15,), "pass"),
            ("newer than the list", 500, 500, (), "ENOSYS"),
            ("x32", 0x40000000 + 59, 0x40000000, (), "ENOSYS"),
        ],
    )
    def test_it_says_the_same_on_both_machines(
        self, name: str, x86: int, arm: int, arguments: tuple[int, ...], expected: str
    ) -> None:
        assert [self.verdict(X86, x86, *arguments), self.verdict(ARM, arm, *arguments)] == [expected] * 2

    def test_another_machine_s_calls_kill(self) -> None:
        """32-bit calls on x86-64 have other numbers: through them everything would pass."""
        program = seccomp.program(ME, machine=X86)
        assert program[:3] == [(0x20, 0, 0, 4), (0x15, 1, 0, 0xC000003E), (0x06, 0, 0, 0x80000000)]

    def test_children_are_let_be_where_they_are_allowed_but_no_namespaces_nor_network(self) -> None:
        def says(number: int, *arguments: int) -> str:
            return self.verdict(X86, number, *arguments, subprocess=True)

        assert says(56, signal.SIGCHLD) == says(59) == says(62, 1, 9) == says(53, 1) == "pass"
        assert says(41, socket.AF_UNIX) == "pass"
        assert says(41, socket.AF_INET) == says(56, 0x10000000) == says(425) == says(319) == "EPERM"

    def test_the_kernel_takes_it_and_threads_go_on(self) -> None:
        def work() -> list[str]:
            no_new_privileges()
            seccomp.install(seccomp.program(os.getpid()))
            said = []
            thread = threading.Thread(target=lambda: said.append("thread"))
            thread.start()
            thread.join()
            os.kill(os.getpid(), 0)
            for call in (os.fork, socket.socket, lambda: os.kill(os.getppid(), 0)):
                try:
                    call()
                except PermissionError:
                    said.append("refused")
            return said

        assert forked(work) == str(["thread", "refused", "refused", "refused"])

    def test_jumps_stay_within_the_program(self) -> None:
        for machine in (X86, ARM):
            program = seccomp.program(ME, machine=machine)
            assert len(program) < 4096
            assert all(
                at + 1 + max(yes, no) < len(program) for at, (_, yes, no, _) in enumerate(program[:-1])
            )
            assert max(max(yes, no) for _, yes, no, _ in program) < 256


class TestLandlock:
    def test_only_what_is_named_can_be_read_and_written(self, tmp_path: Path) -> None:
        for name in ("shown", "hidden", "scratch"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "file").write_text(name)
        (tmp_path / "single").write_text("single")

        def work() -> str:
            no_new_privileges()
            rules = [
                landlock.rule(str(tmp_path / "shown"), landlock.READ),
                landlock.rule(str(tmp_path / "single"), landlock.READ),
                landlock.rule(str(tmp_path / "scratch"), landlock.SCRATCH),
            ]
            landlock.restrict([rule for rule in rules if rule])
            said = [(tmp_path / "shown" / "file").read_text(), (tmp_path / "single").read_text()]
            (tmp_path / "scratch" / "new").write_text("new")
            (tmp_path / "scratch" / "new").rename(tmp_path / "scratch" / "renamed")
            tries: list[Callable[[], object]] = [
                lambda: (tmp_path / "hidden" / "file").read_text(),
                lambda: (tmp_path / "shown" / "file").write_text("changed"),
                lambda: (tmp_path / "shown" / "file").unlink(),
                lambda: (tmp_path / "scratch" / "link").symlink_to("/etc/passwd"),
                lambda: os.link(tmp_path / "hidden" / "file", tmp_path / "scratch" / "linked"),
                lambda: list(Path("/").iterdir()),
            ]
            for attempt in tries:
                try:
                    attempt()
                except OSError as error:
                    said.append(errno.errorcode[error.errno or 0])
            return " ".join(said)

        # a link across two folders of different rights: EXDEV, as between two disks
        assert forked(work) == "shown single EACCES EACCES EACCES EACCES EXDEV EACCES"

    def test_a_path_that_is_not_there_is_no_rule(self) -> None:
        assert landlock.rule("/no/such/path", landlock.READ) is None

    def test_rules_stay_clear_of_the_worker_s_own_descriptors(self, tmp_path: Path) -> None:
        def work() -> bool:
            os.closerange(0, 3)
            rule = landlock.rule(str(tmp_path), landlock.READ)
            return rule is not None and rule.fd > confine.CHANNEL_FD

        assert forked(work) == "True"


class TestConfine:
    def test_a_second_thread_is_noticed(self, tmp_path: Path) -> None:
        """Landlock would leave it free."""

        def work() -> None:
            threading.Thread(target=signal.pause, daemon=True).start()
            confine.confine(confine.Plan(scratch=str(tmp_path)), means())

        assert forked(work).startswith("RuntimeError: a thread runs beside")

    def test_no_descriptor_but_its_own_is_left(self, tmp_path: Path) -> None:
        def work() -> list[str]:
            os.pipe()
            confine.leave_server(os.dup(1), os.dup(2))
            confine.confine(confine.Plan(scratch=str(tmp_path)), means())
            return [str(fd) for fd in range(256) if _is_open(fd)]

        read, write = os.pipe()
        if os.fork() == 0:
            os.dup2(write, 2)
            os.write(2, str(work()).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read, encoding="utf-8") as file:
            assert file.read() == str(["0", "1", "2", "3"])
        os.wait()


def means() -> confine.Means:
    return confine.Means(layers=frozenset(), libraries=(), readable=True, others=0)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


class TestLibraries:
    def test_data_sets_inside_them_are_holes(self) -> None:
        hidden = {
            path
            for definition in task_definitions(harness_manager((), TASKS), {}).values()
            for path in definition.hidden
        }
        assert {path.parts[-3:] for path in hidden} == {("sklearn", "datasets", "data")}
        paths = libraries(hidden=hidden).paths()
        assert any(path.endswith("/sklearn/datasets/_base.py") for path in paths)
        for path in map(Path, paths):
            assert not any(folder == path or path in folder.parents for folder in hidden), path

    def test_a_folder_is_enumerated_around_its_holes(self, tmp_path: Path) -> None:
        for name in ("a/one", "a/data/x", "b/two"):
            (tmp_path / name).mkdir(parents=True)
        found = libraries([tmp_path], [tmp_path / "a" / "data"])
        mine = {path for path in found.paths() if path.startswith(str(tmp_path))}
        assert mine == {str(tmp_path / "a" / "one"), str(tmp_path / "b")}
        assert str(tmp_path) in found.listed()

    def test_a_hole_around_a_library_takes_nothing_from_it(self, tmp_path: Path) -> None:
        """The leaderboard may be the folder that the environment lies in."""
        (tmp_path / "board" / "lib").mkdir(parents=True)
        found = libraries([tmp_path / "board" / "lib"], [tmp_path / "board"])
        assert str(tmp_path / "board" / "lib") in found.paths()


class TestLevels:
    def test_auto_takes_the_best_that_holds(self) -> None:
        offered = [level for level in Isolation if not isolation.fault(level)]
        assert isolation.achieve(None) is offered[0]
        assert Isolation.RLIMIT in offered
        assert all(isolation.achieve(level) is level for level in offered)

    def test_strict_without_bubblewrap_is_an_error_with_its_remedy(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UsageError, match=r"'strict' cannot be had here: bubblewrap.*apt install"):
            isolation.achieve(Isolation.STRICT)
        assert isolation.achieve(None) is not Isolation.STRICT

    def test_a_bubblewrap_that_fails_is_quoted(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        program = tmp_path / "bwrap"
        program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create a new namespace' >&2\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        assert isolation.fault(Isolation.STRICT) == "bwrap: No permissions to create a new namespace"

    @pytest.mark.parametrize(
        ("missing", "best", "reason"),
        [
            ((444,), Isolation.WEAK, "landlock_create_ruleset: Function not implemented"),
            ((444, 317, 277), Isolation.RLIMIT, "Function not implemented"),
        ],
    )
    def test_on_a_kernel_without_a_layer_the_next_level_is_taken(
        self, missing: tuple[int, ...], best: Isolation, reason: str
    ) -> None:
        """The kernel is one that answers ENOSYS to these numbers: a filter of its own sees to it."""
        code = f"""
import ctypes, json, os, struct
from grader.worker import kernel, seccomp
from grader.contract.isolation import Isolation
from grader.host import isolation
ENOSYS = 0x00050000 | 38
program = [(0x20, 0, 0, 0)]
for number in {missing!r}:
    program += [(0x15, 0, 1, number), (0x06, 0, 0, ENOSYS)]
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
seccomp.install([*program, (0x06, 0, 0, 0x7FFF0000)])
os.environ["PATH"] = "/nowhere"
print(json.dumps([isolation.achieve(None), isolation.fault(Isolation.LANDLOCK)]))
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        level, fault = json.loads(done.stdout)
        assert level == best
        assert reason in fault

    def test_weak_hides_the_host_s_own_memory(self) -> None:
        code = (
            "import ctypes; from grader.host.isolation import *; hide_from(Isolation.WEAK); "
            "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == "0\n"
        assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 1, "not in a process that asked for nothing"


class TestSandbox:
    def test_each_worker_gets_a_user_and_a_folder_of_its_own(self) -> None:
        with closing(Sandbox(LAYERS[Isolation.RLIMIT])) as sandbox:
            folders = [sandbox.new_scratch() for _ in range(3)]
            assert len({folder for folder, _ in folders}) == 3
            for folder, user in folders:
                if os.geteuid() == 0:
                    assert user is not None
                    assert folder.stat().st_uid == user
                    assert folder.stat().st_mode & 0o777 == 0o700
            users = [user for _, user in folders if user]
            assert len(set(users)) == len(users)
        assert not sandbox.scratch.exists()

    def test_without_the_layer_nobody_changes_user(self) -> None:
        with closing(Sandbox(LAYERS[Isolation.RLIMIT] - {Layer.IDENTITY})) as sandbox:
            assert sandbox.new_scratch()[1] is None

    def test_users_come_from_one_range(self) -> None:
        users = {next_user() for _ in range(50)}
        assert users == {None} or all(user is not None and 61184 <= user < 65184 for user in users)

    def test_what_a_killed_host_left_is_swept_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        left, fresh, other = (tmp_path / f"grader-{name}" for name in ("scratch-left", "scratch-new", "else"))
        for folder in (left, fresh, other):
            (folder / "inner").mkdir(parents=True)
        with closing(Sandbox(())) as held:
            for folder in (left, other, held.scratch):
                os.utime(folder, (1, 1))
            Sandbox(()).close()
            assert held.scratch.exists()
        assert (left.exists(), fresh.exists(), other.exists()) == (False, True, True)

    def test_a_scratch_nested_deeper_than_python_recurses_is_removed(self, tmp_path: Path) -> None:
        target = tmp_path / "deep"
        target.mkdir()

        def nest() -> None:
            os.chdir(target)
            for _ in range(3000):
                Path("d").mkdir()
                os.chdir("d")

        forked(nest)
        remove(target)
        assert not target.exists()


ANY = 1 << 50  # bytes that a worker may have begun with, where its memory is not what is looked at


class TestWatchdog:
    LIMITS = Limits(memory=64 << 20, scratch=1 << 20)

    def test_quiet_within_the_limits(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"x" * 100_000)
        Watchdog(self.LIMITS, tmp_path, family=False).look(os.getpid(), ANY)

    @pytest.mark.parametrize("family", [False, True])
    def test_memory_counts_from_where_the_worker_began(self, tmp_path: Path, family: bool) -> None:
        dog = Watchdog(self.LIMITS, tmp_path, family=family)
        start, _ = watchdog._taken(os.getpid(), child=False)
        dog.look(os.getpid(), start)
        with mmap.mmap(-1, 80 << 20) as shared:  # MAP_SHARED: no resource limit counts it
            shared.write(b"x" * (80 << 20))
            dog._next = 0
            with pytest.raises(Exceeded, match=r"more than limits\.memory allows") as caught:
                dog.look(os.getpid(), start)
        assert caught.value.status is Status.OUT_OF_MEMORY

    @pytest.mark.parametrize(
        "fill",
        [
            lambda folder: (folder / "big").write_bytes(b"x" * (2 << 20)),
            lambda folder: [(folder / f"{index}").touch() for index in range(300)],
            lambda folder: [(folder / f"{index}").mkdir() for index in range(300)],
        ],
        ids=["one big file", "many empty files", "many folders"],
    )
    def test_scratch_is_counted_in_bytes_and_entries(
        self, tmp_path: Path, fill: Callable[[Path], object]
    ) -> None:
        fill(tmp_path)
        with pytest.raises(Exceeded, match=r"limits\.scratch allows \(1 MiB"):
            Watchdog(self.LIMITS, tmp_path, family=False).look(os.getpid(), ANY)

    def test_folders_too_deep_to_look_into_count_as_too_much(self, tmp_path: Path) -> None:
        def nest() -> None:
            os.chdir(tmp_path)
            for _ in range(30):
                Path("d" * 200).mkdir()
                os.chdir("d" * 200)

        forked(nest)
        with pytest.raises(Exceeded, match="nested folders"):
            Watchdog(self.LIMITS, tmp_path, family=False).look(os.getpid(), ANY)
        remove(tmp_path)

    def test_what_its_children_take_counts_as_well(self, tmp_path: Path) -> None:
        dog = Watchdog(self.LIMITS, tmp_path, family=True)
        start, _ = watchdog._taken(os.getpid(), child=False)
        dog.look(os.getpid(), start)
        code = "held = bytearray(b'x') * (100 << 20); print(flush=True); input()"
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            dog._next = 0
            with pytest.raises(Exceeded, match="memory"):
                dog.look(os.getpid(), start)
            child.kill()

    def test_a_file_without_a_name_counts_while_it_is_open(self, tmp_path: Path) -> None:
        dog = Watchdog(self.LIMITS, tmp_path, family=False)
        with (tmp_path / "file").open("wb") as file:
            file.write(b"x" * (2 << 20))
            file.flush()
            (tmp_path / "file").unlink()
            with pytest.raises(Exceeded, match=r"limits\.scratch"):
                dog.look(os.getpid(), ANY)
        dog.look(os.getpid(), ANY)

    def test_a_file_without_a_name_that_is_mapped_and_closed_is_refused(self, tmp_path: Path) -> None:
        """The kernel says nowhere how large it is."""
        dog = Watchdog(self.LIMITS, tmp_path, family=False)
        with (tmp_path / "file").open("w+b") as file:
            file.write(b"x" * (2 << 20))
            file.flush()
            libc = ctypes.CDLL(None)
            libc.mmap.restype = ctypes.c_void_p
            # Python's own would keep a copy of the descriptor
            place = libc.mmap(None, ctypes.c_size_t(4096), 1, 1, file.fileno(), ctypes.c_long(0))
        (tmp_path / "file").unlink()
        with pytest.raises(Exceeded, match="maps a file that it has removed"):
            dog.look(os.getpid(), ANY)
        libc.munmap(ctypes.c_void_p(place), ctypes.c_size_t(4096))

    def test_threads_are_counted(self, tmp_path: Path) -> None:
        stop = threading.Event()
        threads = [threading.Thread(target=stop.wait) for _ in range(MAX_THREADS + 1)]
        threading.stack_size(64 * 1024)
        for thread in threads:
            thread.start()
        threading.stack_size(0)
        try:
            with pytest.raises(Exceeded, match=r"threads at once; 512 are allowed"):
                Watchdog(self.LIMITS, tmp_path, family=False).look(os.getpid(), ANY)
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def test_a_process_that_is_gone_is_no_trouble(self, tmp_path: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            process.wait()
        Watchdog(self.LIMITS, tmp_path, family=True).look(process.pid, ANY)


class TestThreads:
    NEIGHBOURS = """
import os, sys, threading, time
from grader.contract.isolation import MAX_THREADS
from grader.contract.trial import Limits
from grader.worker import limits

if os.geteuid() == 0:
    os.setuid(1501)  # root is not counted
threading.stack_size(64 * 1024)
ready, started = os.pipe(), os.pipe()
if os.fork() == 0:
    limits.apply(Limits(), others=limits.tasks_of_user(), data=False)
    os.write(ready[1], b"x")
    os.read(started[0], 1)
    for _ in range(8):
        threading.Thread(target=time.sleep, args=[0.1]).start()
    os._exit(0)
os.read(ready[0], 1)
for _ in range(3 * MAX_THREADS):
    threading.Thread(target=time.sleep, args=[600], daemon=True).start()
os.write(started[1], b"x")
os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""

    def test_a_bomb_next_door_leaves_room(self) -> None:
        """Three of them, where workers have no user of their own, before the watchdog has come round."""
        done = subprocess.run(
            [sys.executable, "-c", self.NEIGHBOURS], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


class TestSubprocesses:
    WORKERS = loop(
        """
for x, y in torch.utils.data.DataLoader(train_data.dataset, batch_size=64, num_workers=2):
    budget.step(len(x))
    step(model, optimizer, x, y)
""",
        "model, train_data, budget",
    )

    def test_data_loaders_have_workers_where_namespaces_hold_them(self, tmp_path: Path, places: Path) -> None:
        if isolation.fault(Isolation.STRICT):
            pytest.skip("this machine gives no isolation strict")
        write(tmp_path, {"subs/workers.py": self.WORKERS})
        [row] = session(tmp_path, places, isolation="strict", allow_subprocess=True).values()
        assert (row.status, row.isolation) == (Status.OK, "strict"), row.reason
        assert row.usage.samples > 0

    def test_a_machine_without_them_says_so_before_anything_runs(
        self, tmp_path: Path, places: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path, {"subs/workers.py": self.WORKERS})
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(UsageError, match=r"this machine gives .*install bubblewrap"):
            session(tmp_path, places, allow_subprocess=True)

"""What a run's trainer says and does, as plain lines for scripts and slow connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from core.jobs import launch
from core.runs.run import Run
from core.runs.status import State, Status
from tui.command_line import command_line, with_command
from tui.commands import manage
from tui.commands.output import EXIT_FAILED

MakeRun = Callable[..., Run]


def call(run: Run, command: str, *options: str) -> Result:
    return CliRunner().invoke(command_line(), [command, run.name, "--runs-dir", str(run.path.parent), *options])


@pytest.fixture
def run(make_run: MakeRun) -> Run:
    run = make_run("watched", preset="ae", epochs=4)
    run.log_path.write_text("".join(f"line {number}\n" for number in range(30)))
    return run


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch, run: Run) -> Iterator[int]:
    """Two looks at a run that trains, at each of which there is news, and one at its end."""
    statuses = [Status(state=State.RUNNING, epoch=epoch, epochs=4, step=63 * epoch) for epoch in (1, 2, 4)]
    states = iter([State.RUNNING, State.RUNNING, State.FINISHED])

    def observe(self: Run) -> tuple[Status, State]:
        status = statuses.pop(0)
        with run.log_path.open("a") as log:
            log.write(f"at step {status.step}\n")
        return status, next(states)

    monkeypatch.setattr(Run, "observe", observe)
    monkeypatch.setattr(manage, "WATCH_SECONDS", 0.0)
    monkeypatch.setattr(manage, "POLL_SECONDS", 0.0)
    yield len(statuses)
    assert statuses == []


def test_the_last_lines_of_a_log_are_printed_without_what_a_terminal_would_obey(run: Run) -> None:
    with run.log_path.open("a") as log:
        log.write("\x1b[2Jcleared\n")
    assert call(run, "logs", "-n", "2").stdout.splitlines() == ["line 29", "\N{REPLACEMENT CHARACTER}[2Jcleared"]
    assert len(call(run, "logs").stdout.splitlines()) == 20


def test_a_log_is_followed_to_the_end_of_the_training(run: Run, looks: int) -> None:
    done = call(run, "logs", "--follow", "--lines", "1")
    assert done.stdout.splitlines() == ["line 29", "at step 63", "at step 126", "at step 252"]


def test_a_line_of_a_log_is_printed_once_it_is_whole(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = iter([("at st", State.RUNNING), ("ep 63\nat", State.RUNNING), (" step 126\nends", State.FINISHED)])

    def observe(self: Run) -> tuple[Status, State]:
        part, state = next(parts)
        with run.log_path.open("a") as log:
            log.write(part)
        return Status(state=state), state

    monkeypatch.setattr(Run, "observe", observe)
    monkeypatch.setattr(manage, "POLL_SECONDS", 0.0)
    done = call(run, "logs", "--follow", "--lines", "1")
    assert done.stdout.splitlines() == ["line 29", "at step 63", "at step 126", "ends"]


def test_a_run_without_a_log_says_so(make_run: MakeRun) -> None:
    done = call(make_run("untouched", preset="ae"), "logs")
    assert "untouched has no train.log: no trainer has had it yet" in str(done.exception)


def test_a_line_a_second_tells_of_a_run_until_it_ends(run: Run, looks: int) -> None:
    run.metrics_path.write_text('{"kind":"step","epoch":1,"step":63,"time":1,"loss":52.5}\n')
    assert call(run, "watch").stdout.splitlines() == [
        "running  epoch 1/4  step 63  loss 52.50",
        "running  epoch 2/4  step 126  loss 52.50",
        "finished  epoch 4/4  step 252  loss 52.50",
    ]


def test_once_prints_the_runs_and_opens_nothing(run: Run) -> None:
    done = CliRunner().invoke(command_line(), with_command(["--once", "--runs-dir", str(run.path.parent)]))
    assert done.exit_code == 0
    assert "watched" in done.stdout


@pytest.mark.parametrize("columns", [100, 80, 60, 40, 20])
def test_once_fits_the_columns_and_shortens_names_in_their_middle(
    make_run: MakeRun, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "vae-with-a-name-that-says-all-of-its-settings-beta-0.5-seed-17"
    folder = make_run(long, preset="vae").path.parent
    make_run("short", preset="ae")
    words = with_command(["--once", "--runs-dir", str(folder)])
    monkeypatch.delenv("COLUMNS", raising=False)
    whole = CliRunner().invoke(command_line(), words).stdout
    assert long in whole
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = CliRunner().invoke(command_line(), words).stdout.splitlines()
    assert len(lines) == len(whole.splitlines())
    assert all(len(line) <= columns for line in lines)
    name = next(line for line in lines if line.startswith("vae-")).split()[0]
    begin, _, end = name.partition("…")
    assert end
    assert long.startswith(begin)
    assert long.endswith(end)
    assert len(begin) >= 3
    if columns >= 40:
        assert all(mark in "\n".join(lines) for mark in ("state", "· created", "short"))


def test_a_run_that_its_trainer_refuses_did_not_begin_to_train(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def wait_until_started(self, told_to_stop: Callable[[], bool]) -> None:
            run.write_status(Status(state=State.CREATED, error="the last batch is too small"))

    monkeypatch.setattr(launch, "resume", lambda *arguments, **options: Refusing())
    done = call(run, "resume")
    assert done.exit_code == EXIT_FAILED
    assert done.stderr == "vae-tui: watched did not begin to train: the last batch is too small\n"

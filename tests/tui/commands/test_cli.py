"""The command line as a user or a script meets it: real processes, their output and exit status."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from core import program
from core.jobs import sweep
from core.runs.catalog import find_runs
from core.runs.run import Run
from core.runs.status import State
from core.trash import discard
from tests.conftest import make_trained_run
from tests.support.snapshots import make_summary
from tui.commands.training.sweep import cells, differing_losses

MakeRun = Callable[..., Run]
WaitUntil = Callable[..., None]

VAE_TUI = [str(Path(sys.executable).with_name("vae-tui"))]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("VAE_TUI_DATA", "NO_COLOR")}
    return kept | {"VAE_TUI_DATA": str(tmp_path / "data"), "COLUMNS": "80", "TERM": "xterm-256color"}


@pytest.fixture
def call(tmp_path: Path, environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs vae-tui in an empty folder, with its output going to pipes."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*VAE_TUI, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
        )

    return run


Call = Callable[..., subprocess.CompletedProcess[str]]


def test_ctrl_c_while_the_program_loads_leaves_no_traceback(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import time; print('loading', flush=True); time.sleep(60)")
    slow = environment | {"PYTHONPATH": str(tmp_path)}
    words = program.words("runs")  # by the checkout, where no typer comes before that one
    loading = subprocess.Popen(words, env=slow, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert loading.stdout and loading.stdout.readline() == b"loading\n"
    loading.send_signal(signal.SIGINT)
    assert loading.communicate(timeout=30)[1] == b""
    assert loading.returncode in (-signal.SIGINT, 128 + signal.SIGINT)  # which a shell does not tell apart


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_is_no_matter(environment: dict[str, str], tmp_path: Path, closed: str) -> None:
    done = subprocess.run(
        f"{VAE_TUI[0]} runs {closed}", shell=True, env=environment, cwd=tmp_path, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_run_trains_to_its_end_in_plain_lines(call: Call, runs_dir: Path) -> None:
    done = call("train", "--preset", "ae", "--epochs", "1", "--batch-size", "1000", "--name", "first")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("mnist-5k, as mnist is not in")
    assert "vae-tui data --download mnist" in lines[0]
    assert [line.split("  ")[0] for line in lines if line.startswith("epoch")] == ["epoch 1/1"]
    assert lines[-1] == "first finished after 1 epoch"

    (listed,) = json.loads(call("runs", "--json").stdout)
    assert (listed["name"], listed["state"], listed["epoch"]) == ("first", "finished", 1)
    assert listed["val_loss"] > 0
    table = call("runs").stdout
    assert "first" in table
    assert "✓ finished" in table
    assert "\x1b" not in table

    refused = call("resume", "first")
    assert refused.returncode == 2
    assert "ask for more than that with --epochs" in refused.stderr
    longer = call("resume", "first", "--epochs", "2")
    assert longer.returncode == 0, longer.stderr
    assert "epoch 2/2" in longer.stdout
    assert "epoch 1/" not in longer.stdout


def test_images_of_ones_own_are_trained_on_and_no_others_afterwards(call: Call, tmp_path: Path, runs_dir: Path) -> None:
    mine = tmp_path / "mine" / "cat"
    mine.mkdir(parents=True)
    for number in range(12):
        Image.new("RGB", (40, 30), (20 * number, 0, 0)).save(mine / f"{number}.png")
    options = ("--preset", "ae", "--epochs", "1", "--batch-size", "5", "--device", "cpu")
    done = call("train", "--dataset", "folder:mine", *options)
    assert done.returncode == 0, done.stderr
    counts = "10 images to train on, 2 to validate on, one class: 0 cat"
    assert f"folder:{tmp_path / 'mine'}: {counts}" in done.stdout.splitlines()
    config = json.loads((runs_dir / "ae-folder" / "config.json").read_bytes())
    assert (config["dataset"], config["data_dir"], len(config["fingerprint"])) == ("folder", str(mine.parent), 64)

    Image.new("L", (40, 30)).save(mine / "5.png")
    refused = call("resume", "ae-folder", "--epochs", "2")
    assert refused.returncode == 2
    assert f"{mine.parent} has other images than those the run was trained on" in refused.stderr
    (mine / "1.png").write_bytes((mine / "1.png").read_bytes()[:40])
    refused = call("train", "--dataset", "folder:mine", *options)
    assert refused.returncode == 2 and "1 of the 12 pictures" in refused.stderr
    assert [run.name for run in find_runs(runs_dir)] == ["ae-folder"]


def test_ctrl_c_saves_and_stops(
    runs_dir: Path, tmp_path: Path, environment: dict[str, str], wait_until: WaitUntil
) -> None:
    command = [*VAE_TUI, "train", "--preset", "ae", "--batch-size", "500", "--name", "long"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    run = Run(runs_dir / "long")
    wait_until(lambda: (run.path / "status.json").exists() and run.status().step > 0, what="training")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert run.state() is State.STOPPED
    assert run.status().saved_step == run.status().step
    assert "go on: vae-tui resume long" in output


def test_a_detached_run_goes_on_and_is_controlled(call: Call, runs_dir: Path, wait_until: WaitUntil) -> None:
    started = call("train", "--preset", "ae", "--batch-size", "500", "--detach")
    assert started.returncode == 0, started.stderr
    run = Run(runs_dir / "ae-mnist-5k")
    assert run.state() is State.RUNNING
    wait_until(lambda: run.status().step > 0, what="training")
    assert call("control", "ae-mnist-5k", "pause").returncode == 0
    wait_until(lambda: run.state() is State.PAUSED)
    assert call("control", "ae-mnist-5k", "stop").returncode == 0
    wait_until(lambda: run.state() is State.STOPPED)
    refused = call("control", "ae-mnist-5k", "pause")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "is stopped, so there is no trainer to pause" in refused.stderr


@pytest.mark.slow
def test_a_run_can_be_made_for_a_trainer_that_is_started_otherwise(call: Call, runs_dir: Path) -> None:
    made = call("train", "--preset", "ae", "--epochs", "1", "--batch-size", "2000", "--name", "ready", "--create-only")
    assert made.returncode == 0, made.stderr
    run = Run(runs_dir / "ready")
    assert run.state() is State.CREATED
    command = made.stdout.splitlines()[-1].partition("train it with: ")[2]
    subprocess.run(shlex.split(command), check=True, cwd="/", timeout=100)
    assert run.state() is State.FINISHED


@pytest.mark.slow
def test_a_sweep_is_stopped_and_goes_on_with_the_same_command(
    call: Call, runs_dir: Path, tmp_path: Path, environment: dict[str, str], wait_until: WaitUntil
) -> None:
    values = ["--preset", "ae", "--seed", "0-1", "--epochs", "3", "--batch-size", "200", "--device", "cpu"]
    command = [*VAE_TUI, "sweep", *values]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    first = Run(runs_dir / "sweep-seed0")
    wait_until(lambda: (first.path / "status.json").exists() and first.status().step > 0, what="training")
    process.send_signal(signal.SIGINT)
    output, complaints = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "\x1b" not in output + complaints
    assert "sweep-seed0" in output
    assert "waiting" in output
    assert "the same command goes on where it was" in complaints
    assert first.state() is State.STOPPED

    done = call("sweep", *values, "--json")
    assert done.returncode == 0, done.stderr
    assert "sweep-seed1 finished" in done.stderr
    found = json.loads(done.stdout)
    assert [(run["name"], run["state"], run["epoch"]) for run in found["runs"]] == [
        ("sweep-seed0", "finished", 3),
        ("sweep-seed1", "finished", 3),
    ]
    losses = [run["val_loss"] for run in found["runs"]]
    (group,) = found["groups"]
    assert group["val_loss"]["n"] == 2
    assert group["val_loss"]["mean"] == pytest.approx(sum(losses) / 2)
    assert found["best"] == f"sweep-seed{losses.index(min(losses))}"


def test_losses_that_are_other_sums_have_no_best(runs_dir: Path) -> None:
    fixed = {"dataset": "mnist-5k", "device": "cpu"}
    for setting, values, differing in (
        ("beta", ["0.2", "0.4"], "beta"),
        ("decoder_variance", ["fixed", "optimal"], "decoder variance"),
        ("learning_rate", ["1e-3", "3e-3"], ""),
        ("beta", ["0.4"], ""),
    ):
        members = sweep.plan(runs_dir, "s", {setting: values, "seed": ["0", "1"]}, fixed)
        assert differing_losses(sweep.Sweep(members, [], None)) == differing


def test_the_speed_of_a_run_of_a_sweep_is_said_once_there_is_one(runs_dir: Path) -> None:
    member = sweep.plan(runs_dir, "s", {"beta": ["1"], "seed": ["0", "1"]}, {})[0]
    summary = make_summary()
    assert summary.status is not None
    for speed, said in ((0.0, ""), (1234.5, "1,234 images/s")):
        status = summary.status.model_copy(update={"images_per_second": speed})
        assert cells(member, replace(summary, status=status), best=False)[-1].plain == said


@pytest.mark.slow
def test_a_sweep_of_priors_has_one_first_stage(call: Call, runs_dir: Path) -> None:
    first = make_trained_run(runs_dir, "ae")
    values = ["--seed", "3", "--epochs", "1", "--batch-size", "2000", "--device", "cpu"]
    done = call("sweep", "--preset", "prior", "--first-stage", "ae", "--dynamics", "flow,ddpm", *values)
    assert done.returncode == 0, done.stderr
    for dynamics in ("flow", "ddpm"):
        run = Run(runs_dir / f"sweep-{dynamics}")
        assert (run.config().dataset, run.config().first_stage, run.config().dynamics) == ("mnist-5k", "ae", dynamics)
        assert run.read_first_stage() == first.read_weights()
        assert run.state() is State.FINISHED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep", "--preset", "prior"], "first stage must be the name of a run, not nothing"),
        (["train", "--epochs", "0"], "epochs must be at least 1, not 0"),
        (["train", "--epochs", "many"], "epochs must be a whole number, not many"),
        (["train", "--learning-rate", "-1"], "learning rate must be greater than 0, not -1"),
        (["train", "--learning-rate", "nan"], "learning rate must be a finite number, not nan"),
        (["train", "--preset", "gan"], "preset must be one of vae, vae-post, ae or prior, not gan"),
        (["train", "--device", "tpu"], "device must be auto, cpu, cuda, cuda:N or mps, not tpu"),
        (["train", "--name", "a/b"], "name must consist of letters"),
        (["train", "--precision", "float16"], "precision must be one of auto, float32 or bfloat16, not float16"),
        (["train", "--processes", "0"], "processes must be at least 1, not 0"),
        (["train", "--processes", "65"], "processes must be at most 64 for batches of 128, not 65"),
        (["train", "--beta", "-1"], "beta must be at least 0, not -1"),
        (["train", "--schedule", "linear"], "schedule must be one of constant or cosine, not linear"),
        (["train", "--decoder-variance", "1"], "decoder variance must be one of fixed or optimal, not 1"),
        (
            ["train", "--holdout", "5000", "--dataset", "mnist-5k"],
            "holdout must be at most 3600 for mnist-5k, not 5000",
        ),
        (["sweep", "--seed", "0,x"], "seed must be a whole number, not x"),
        (["sweep", "--device", "cuda:7"], "device must be one that this machine has: auto, cpu; not cuda:7"),
        (["train", "--dataset", "cifar"], "there is no image set named 'cifar'"),
        (["train", "--batch-size", "0"], "batch size must be at least 2, not 0"),
        (["train", "--validate-every", "0"], "validate every must be at least 1, not 0"),
        (["train", "--seed", "-1"], "seed must be at least 0, not -1"),
        (["train", "--unknown"], "--unknown"),
        (["train", "--runs-dir", "/proc/none"], "cannot create /proc/none/vae-mnist-5k"),
        (["resume", "nothing"], "no run named 'nothing' in checkpoints; there is none yet"),
        (["control", "nothing", "fly"], "action must be one of pause, resume, save, stop, not 'fly'"),
        (["train", "--epochs"], "--epochs"),
        (["nothing"], "no run named 'nothing' in checkpoints"),
        (["data", "--download", "cifar"], "there is no image set named 'cifar'"),
    ],
)
def test_bad_input_gets_one_line_and_exit_status_2(call: Call, arguments: list[str], message: str) -> None:
    refused = call(*arguments)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.startswith("vae-tui: ")
    assert refused.stderr.count("\n") == 1
    assert message in refused.stderr


def test_a_taken_name_is_refused(call: Call, make_run: MakeRun) -> None:
    make_run("taken")
    refused = call("train", "--name", "taken")
    assert refused.returncode == 2
    assert "name taken is taken" in refused.stderr


def test_a_device_that_is_not_there_is_refused_before_a_run_is_made(call: Call, runs_dir: Path) -> None:
    refused = call("train", "--device", "cuda:63")
    assert refused.returncode == 2
    assert "device must be one that this machine has: auto," in refused.stderr
    assert not runs_dir.exists()


def test_a_truncated_data_file_is_named_before_a_run_is_made(call: Call, tmp_path: Path, runs_dir: Path) -> None:
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte").write_bytes(b"\x00\x00\x08\x03")
    failed = call("train", "--dataset", "mnist")
    assert failed.returncode == 2
    assert not runs_dir.exists()
    assert failed.stderr.count("\n") == 1
    assert f"{raw / 'train-images-idx3-ubyte'} is damaged" in failed.stderr


def test_a_set_that_cannot_be_had_names_the_folder_and_the_alternative(
    call: Call, environment: dict[str, str], tmp_path: Path, runs_dir: Path
) -> None:
    # A proxy that nobody serves: the network is out of reach at once.
    environment |= {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    refused = call("train", "--dataset", "kmnist")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert f"cannot download kmnist to {tmp_path / 'data' / 'KMNIST' / 'raw'}" in refused.stderr
    assert "mnist-5k needs no download" in refused.stderr
    assert not runs_dir.exists()


def test_damaged_runs_are_listed_beside_the_others(call: Call, make_run: MakeRun) -> None:
    make_run("good")
    (make_run("broken").path / "config.json").write_text("{")
    (make_run("escape").path / "status.json").write_text('{"state": "\\u001b[2J"}')
    listed = call("runs")
    assert listed.returncode == 0
    assert "\x1b" not in listed.stdout
    assert listed.stdout.count("! damaged") == 2
    assert "broken: config.json: " in listed.stdout
    states = {run["name"]: run["state"] for run in json.loads(call("runs", "--json").stdout)}
    assert states == {"good": "created", "broken": "damaged", "escape": "damaged"}


def test_the_image_sets_are_listed(call: Call, tmp_path: Path) -> None:
    sets = json.loads(call("data", "--json").stdout)
    assert [found["name"] for found in sets] == ["mnist", "fashion-mnist", "kmnist", "qmnist", "mnist-5k"]
    assert [found["on_disk"] for found in sets] == 4 * [False] + [True]
    assert sets[0]["folder"] == str(tmp_path / "data" / "MNIST" / "raw")
    assert "mnist-5k" in call("data").stdout


@pytest.mark.slow
def test_every_command_explains_itself(call: Call) -> None:
    for command in ([], ["train"], ["resume"], ["control"], ["runs"], ["data"], ["open"]):
        shown = call(*command, "--help")
        assert shown.returncode == 0
        assert "Usage: vae-tui" in shown.stdout


def test_nothing_heavy_is_imported_to_show_the_app_or_the_runs() -> None:
    program = (
        "import sys, tui.cli, tui.app, tui.commands.manage, tui.commands.training.progress;"
        "print([name for name in ('torch', 'torchvision', 'sklearn', 'mlxtend', 'scipy') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_version_is_that_of_the_package(call: Call) -> None:
    assert call("--version").stdout.startswith("vae-tui 0.")


def test_deleted_runs_are_listed_and_taken_back(call: Call, make_run: Callable[..., Run], runs_dir: Path) -> None:
    assert "no run of" in call("runs", "--trash").stdout
    make_run("kept")
    discard(make_run("gone"))
    assert [run["name"] for run in json.loads(call("runs", "--trash", "--json").stdout)] == ["gone"]
    listed = call("runs", "--trash").stdout
    assert "gone" in listed
    assert "kept" not in listed
    assert f"rm -r {runs_dir / '.trash'}" in listed
    assert call("runs", "--restore", "kept").stderr == "vae-tui: no run named 'kept' in the trash; there is gone\n"
    assert "gone is back in" in call("runs", "--restore", "gone").stdout
    assert [run.name for run in find_runs(runs_dir)] == ["gone", "kept"]


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["runz"], "did you mean vae-tui runs?"),
        (["trian"], "did you mean vae-tui train?"),
        (["vae-mnits"], "did you mean vae-mnist?"),
        (["resume", "vae-mnits"], "did you mean vae-mnist?"),
        (["runs", "--restore", "gon"], "did you mean gone?"),
        (["something-else"], "there is vae-mnist"),
    ],
)
def test_what_was_probably_meant_is_said(
    call: Call, make_run: Callable[..., Run], arguments: list[str], meant: str
) -> None:
    make_run("vae-mnist")
    discard(make_run("gone"))
    refused = call(*arguments)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert meant in refused.stderr

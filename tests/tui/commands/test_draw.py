"""vae-tui reconstruct, sample and latent: what the screens show, on a terminal, in a pipe and in files."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.runs.config import make_config
from core.runs.run import Run
from tests.conftest import make_trained_run
from tests.support.terminal import Terminal
from tui.cli import main
from tui.commands.output import NO_WRAP, WRAP
from tui.commands.printing import progress

VAE_TUI = str(Path(sys.executable).with_name("vae-tui"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two trained runs in it, and one without weights."""
    folder = tmp_path_factory.mktemp("runs")
    for preset in ("ae", "vae"):
        make_trained_run(folder / "checkpoints", preset)
    Run.create(folder / "checkpoints", "new", make_config(dataset="mnist-5k"))
    return folder


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    ours = ("NO_COLOR", "FORCE_COLOR", "LC_ALL", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {"VAE_TUI_DATA": str(folder / "data"), "TERM": "xterm-256color", "LANG": "C.UTF-8"}


@pytest.fixture
def call(
    folder: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs vae-tui in the folder of the runs with its output going to no terminal.

    Within this process: a process of its own would load PyTorch each time.
    """
    monkeypatch.chdir(folder)

    def run(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as patch:
            for name in os.environ.keys() - environment.keys():
                patch.delenv(name)
            for name, value in (environment | changed).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", [VAE_TUI, *arguments])
            with pytest.raises(SystemExit) as end:
                main()
        output = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, int(end.value.code or 0), output.out, output.err)

    return run


Call = Callable[..., subprocess.CompletedProcess[str]]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_reconstructions_are_drawn_worst_first(call: Call) -> None:
    done = call("reconstruct", "ae", "--count", "5", "--order", "worst", "--class", "3")
    assert (done.returncode, done.stderr) == (0, "")
    heading, *lines = done.stdout.splitlines()
    assert heading == "ae: validation images, class 3, worst first: 1 to 5 of 100"
    assert "\x1b" not in done.stdout
    assert len(lines) == 3 * 7 + 1
    assert any("█" in line or "▓" in line for line in lines)
    assert all(len(line) <= 80 for line in lines)
    labels_and_errors = lines[-1].split()
    assert labels_and_errors[::2] == ["3"] * 5
    errors = [float(error) for error in labels_and_errors[1::2]]
    assert errors == sorted(errors, reverse=True)


def test_a_table_of_reconstructions_has_every_image_and_its_error(call: Call, folder: Path) -> None:
    done = call("reconstruct", "vae", "--count", "1000", "--out", "errors.csv")
    assert (done.returncode, done.stdout) == (0, "written: errors.csv\n")
    table = rows(folder / "errors.csv")
    assert [int(row["index"]) for row in table] == list(range(1000))
    assert {row["class"] for row in table} == set("0123456789")
    assert all(float(row["squared_error"]) > 0 for row in table)


@pytest.mark.slow
def test_the_same_seed_writes_the_same_bytes(call: Call, folder: Path, environment: dict[str, str]) -> None:
    for name, seed in (("a", "3"), ("c", "4")):
        done = call("sample", "vae", "--seed", seed, "--out", f"{name}.png")
        assert (done.returncode, done.stdout) == (0, f"written: {name}.png\n")
    again = [VAE_TUI, "sample", "vae", "--seed", "3", "--out", "b.png"]
    assert subprocess.check_output(again, cwd=folder, env=environment, text=True) == "written: b.png\n"
    one, same, other = ((folder / f"{name}.png").read_bytes() for name in "abc")
    assert one == same != other
    with Image.open(folder / "a.png") as picture:
        assert picture.size == (4 * (8 * 29 - 1), 4 * (4 * 29 - 1))


@pytest.mark.parametrize(
    ("run", "arguments", "said"),
    [
        ("ae", [], "ae: samples from a Gaussian for each latent number, temperature 1, seed 0"),
        ("vae", ["--temperature", "0.5"], "vae: samples from the prior N(0, I), temperature 0.5, seed 0"),
        ("ae", ["--sampler", "mixture"], "ae: samples from a mixture of 10 Gaussians, temperature 1, seed 0"),
    ],
)
@pytest.mark.slow
def test_samples_come_from_the_sampler_that_suits_the_run_or_the_one_that_is_named(
    call: Call, run: str, arguments: list[str], said: str
) -> None:
    done = call("sample", run, "--count", "8", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == said


def test_latents_are_drawn_as_digits_where_there_is_no_colour(call: Call) -> None:
    done = call("latent", "ae")
    assert (done.returncode, done.stderr) == (0, "")
    heading, *lines = done.stdout.splitlines()
    assert heading.startswith("ae: LDA of validation, held-out accuracy ")
    assert heading.endswith(", fitted to 4,000 images")
    assert set("0123456789") <= set("".join(lines[1:20]))
    assert "\x1b" not in done.stdout
    assert all(len(line) <= 80 for line in lines)


def test_a_table_of_latents_has_the_axes_as_columns(call: Call, folder: Path) -> None:
    done = call("latent", "vae", "--projection", "dims", "--numbers", "5,9", "--set", "training", "--out", "z.csv")
    assert (done.returncode, done.stderr) == (0, "")
    table = rows(folder / "z.csv")
    assert list(table[0])[:2] == ["index", "class"]
    assert [name.split()[0] for name in list(table[0])[2:]] == ["z5", "z9"]
    assert len(table) == 4000


def test_settings_of_embeddings_go_with_embeddings(call: Call) -> None:
    done = call("latent", "vae", "--neighbours", "5", "--projection", "pca")
    assert (done.returncode, "neighbours goes with --projection tsne or umap" in done.stderr) == (2, True)
    done = call("latent", "vae", "--fit-on-shown", "--projection", "tsne")
    assert (done.returncode, "tsne is always fitted to what is shown" in done.stderr) == (2, True)


@pytest.mark.slow
def test_tsne_is_drawn_into_a_table(call: Call, folder: Path) -> None:
    done = call("latent", "vae", "--projection", "tsne", "--neighbours", "5", "--out", "tsne.csv")
    assert done.returncode == 0
    table = rows(folder / "tsne.csv")
    assert list(table[0]) == ["index", "class", "t-SNE 1", "t-SNE 2"]
    assert len(table) == 1000


def test_a_picture_of_latents_replaces_an_old_file(call: Call, folder: Path) -> None:
    (folder / "plane.png").write_text("old")
    assert call("latent", "ae", "--projection", "pca", "--out", "plane.png").returncode == 0
    with Image.open(folder / "plane.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 5


# What FORCE_COLOR is there for: output that goes to no terminal is drawn as if it did.
@pytest.mark.parametrize(
    ("changed", "codes"),
    [({"COLORTERM": "truecolor"}, {"38;2;", "48;2;"}), ({"COLORTERM": ""}, {"38;5;", "48;5;"})],
)
@pytest.mark.slow
def test_digits_have_as_many_greys_as_the_terminal(
    folder: Path, environment: dict[str, str], changed: dict[str, str], codes: set[str]
) -> None:
    # In a process of its own: rich keeps the codes that it once gave a style.
    command = [VAE_TUI, "reconstruct", "vae", "--count", "2"]
    environment |= {"FORCE_COLOR": "1"} | changed
    drawn = subprocess.check_output(command, cwd=folder, env=environment, text=True)
    assert "▀" in drawn
    assert {code for code in ("38;2;", "48;2;", "38;5;", "48;5;") if code in drawn} == codes


def test_digits_are_four_greys_where_there_are_few_colours_and_shades_where_none_are_wanted(call: Call) -> None:
    for changed, signs in (({"TERM": "screen", "COLORTERM": ""}, "▀▄█"), ({"NO_COLOR": "1"}, "░▒▓█")):
        drawn = call("reconstruct", "vae", "--count", "2", **({"FORCE_COLOR": "1"} | changed)).stdout
        assert set(drawn) & set("▀▄█░▒▓") == set(signs)
        assert "8;5;" not in drawn


def test_where_only_ascii_is_shown_all_is_drawn_in_it(call: Call) -> None:
    for ascii_only in ({"TERM": "dumb"}, {"LC_ALL": "C"}):
        for arguments in (["sample", "vae"], ["latent", "ae"], ["reconstruct", "ae"]):
            drawn = call(*arguments, **ascii_only).stdout
            assert drawn.isascii()
            assert len(set("".join(drawn.splitlines()[1:]))) > 4


def test_narrow_lines_hold_fewer_digits(call: Call) -> None:
    def widest(**environment: str) -> int:
        return max(map(len, call("sample", "vae", **environment).stdout.splitlines()[1:]))

    assert widest(COLUMNS="60") == 4 * 15 - 1
    assert widest() == widest(COLUMNS="80") == 5 * 15 - 1
    assert widest(COLUMNS="120") == 8 * 15 - 1
    refused = call("sample", "vae", COLUMNS="6")
    assert (refused.returncode, refused.stderr) == (2, "vae-tui: the terminal has 6 columns, a digit takes 7\n")


def test_what_stands_in_for_a_missing_image_set_is_said(call: Call, folder: Path) -> None:
    moved = copy_of_run(folder, "moved", dataset="mnist")
    done = call("reconstruct", moved.name, "--count", "1", "--runs-dir", "others")
    assert done.returncode == 0
    assert done.stderr == "on mnist-5k: no mnist on disk\n"


def test_on_a_terminal_there_are_colours_and_no_word_of_progress_stays(
    folder: Path, environment: dict[str, str]
) -> None:
    environment |= {"COLORTERM": "truecolor"}
    with Terminal([VAE_TUI, "sample", "vae", "--count", "4"], folder, environment) as terminal:
        assert terminal.wait_for_end(60) == 0
        shown = terminal.read()
    assert "vae: samples from the prior" in shown
    assert "▀" in shown
    assert "loading PyTorch" not in shown


def test_a_pipe_is_as_wide_from_any_terminal(folder: Path, environment: dict[str, str]) -> None:
    command = ["sh", "-c", f"{VAE_TUI} latent ae | cat > piped"]
    with Terminal(command, folder, environment, size=(200, 50)) as terminal:
        assert terminal.wait_for_end(60) == 0
        assert terminal.read().strip() == ""  # the words of progress are gone
    lines = (folder / "piped").read_text().splitlines()
    assert max(map(len, lines[1:])) == 80
    assert not any("\x1b" in line for line in lines)


@pytest.mark.parametrize("kind", ["xterm", "dumb"])
def test_words_of_progress_fit_the_line_and_leave_nothing_behind(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", kind)
    with progress() as report:
        report("encoding training images: 1,000 of 10,000")
        report("fitting")
    shown = ["encoding training i", "\x1b[Jfitting", "\x1b[J"] if kind == "xterm" else []  # which obeys no codes
    words = screen.getvalue().replace(NO_WRAP, "").replace(WRAP, "")
    assert [*filter(None, words.split("\r"))] == shown


def test_ctrl_c_ends_it_without_a_word(folder: Path, environment: dict[str, str]) -> None:
    with Terminal([VAE_TUI, "latent", "ae"], folder, environment) as terminal:
        terminal.wait_for("loading PyTorch")
        time.sleep(0.3)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.wait_for_end() == 130
        assert terminal.read().strip() == ""


def test_an_output_that_nobody_reads_to_the_end_is_no_error_to_show(folder: Path, environment: dict[str, str]) -> None:
    command = f"{VAE_TUI} sample vae --count 64 | head -n 1"
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)
    assert done.stdout.startswith("vae: samples from ")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample", "new"], "new has no weights yet: the trainer saves them soon after it starts"),
        (["sample", "ae", "--seed", "-1"], "seed must be a whole number from 0 to 4294967295, not '-1'"),
        (["sample", "ae", "--seed", "x"], "seed must be a whole number from 0 to 4294967295, not 'x'"),
        (["sample", "ae", "--temperature", "nan"], "temperature must be from 0 to 3, not nan"),
        (["sample", "ae", "--temperature", "9"], "temperature must be from 0 to 3, not 9"),
        (["sample", "ae", "--sampler", "foo"], "sampler must be one of prior, gaussian, full, mixture, not 'foo'"),
        (["sample", "ae", "--count", "0"], "count must be a whole number from 1 to 10000, not '0'"),
        (["reconstruct", "ae", "--count", "100000"], "count must be a whole number from 1 to 10000, not '100000'"),
        (["sample", "ae", "--out", "x.pdf"], "out must end in .png or .csv, not 'x.pdf'"),
        (["sample", "ae", "--out", "none/x.png"], "out cannot be none/x.png: there is no folder none"),
        (["latent", "ae", "--projection", "foo"], "projection must be one of lda, pca, dims, tsne, umap, not 'foo'"),
        (["latent", "ae", "--projection", "dims", "--numbers", "1"], "numbers must be two latent numbers such as 3,17"),
        (["latent", "ae", "--projection", "dims", "--numbers", "3,3"], "two different latent numbers, not 3 twice"),
        (["latent", "ae", "--projection", "dims", "--numbers", "1,64"], "a whole number from 0 to 63, not '64'"),
        (["latent", "ae", "--numbers", "1,2"], "numbers go with --projection dims"),
        (["latent", "ae", "--set", "test"], "set must be one of validation, training, not 'test'"),
        (["reconstruct", "ae", "--class", "62"], "class must be a whole number from 0 to 61, not '62'"),
        (["reconstruct", "ae", "--order", "best"], "order must be one of index, worst, not 'best'"),
        (["reconstruct", "nothing"], "no run named 'nothing' in checkpoints; there is ae, new, vae"),
    ],
)
def test_bad_input_gets_one_line_and_exit_status_2(call: Call, arguments: list[str], message: str) -> None:
    refused = call(*arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("vae-tui: ")
    assert refused.stderr.count("\n") == 1
    assert message in refused.stderr


def copy_of_run(folder: Path, name: str, **changes: str) -> Run:
    """A run with the weights of the variational autoencoder and another configuration."""
    run = Run.create(folder / "others", name, make_config(**({"dataset": "mnist-5k"} | changes)))
    shutil.copy(folder / "checkpoints" / "vae" / "model.safetensors", run.path)
    return run


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("model.safetensors", b"garbage", "model.safetensors: holds no vae model: "),
        ("config.json", b"{", "config.json: is not a JSON object"),
    ],
)
def test_a_damaged_file_is_named_with_its_run(
    call: Call, folder: Path, file: str, content: bytes, message: str
) -> None:
    run = copy_of_run(folder, f"broken-{file}")
    (run.path / file).write_bytes(content)
    for command in ("reconstruct", "sample", "latent"):
        refused = call(command, run.name, "--runs-dir", "others")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith(f"vae-tui: {run.name}: {message}")
        assert refused.stderr.count("\n") == 1


def test_a_missing_configuration_is_not_taken_for_missing_weights(call: Call, folder: Path) -> None:
    run = copy_of_run(folder, "bare")
    (run.path / "config.json").unlink()
    refused = call("sample", "bare", "--runs-dir", "others")
    assert refused.returncode == 2
    assert refused.stderr == f"vae-tui: {run.path / 'config.json'}: No such file or directory\n"


def test_an_image_set_that_is_not_there_is_named_with_the_way_to_get_it(call: Call, folder: Path) -> None:
    copy_of_run(folder, "japanese", dataset="kmnist")
    for command in ("reconstruct", "latent"):
        refused = call(command, "japanese", "--runs-dir", "others")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert f"kmnist is not in {folder / 'data' / 'KMNIST' / 'raw'}" in refused.stderr
        assert refused.stderr.count("\n") == 1
    drawn = call("sample", "japanese", "--count", "1", "--runs-dir", "others")
    assert drawn.returncode == 0  # the prior needs no images


def test_a_name_cannot_make_the_terminal_obey(call: Call, folder: Path) -> None:
    name = "\x1b[2Jrun"
    shutil.copytree(folder / "checkpoints" / "vae", folder / "hostile" / name)
    drawn = call("sample", name, "--count", "1", "--runs-dir", "hostile")
    assert drawn.stdout.startswith("�[2Jrun: samples from ")
    refused = call("sample", "nothing", "--runs-dir", "hostile")
    assert refused.stderr.endswith("there is �[2Jrun\n")


def test_every_command_explains_its_options(call: Call) -> None:
    options = {
        "reconstruct": ["--class", "--order", "--count"],
        "sample": ["--sampler", "--seed", "--temperature", "--count"],
        "latent": ["--projection", "--numbers", "--set", "--fit-on-shown"],
    }
    for command, names in options.items():
        shown = call(command, "--help")
        assert shown.returncode == 0
        assert all(name in shown.stdout for name in [*names, "--out", "--runs-dir", "--data-dir"])


def test_a_digit_is_completed_on_the_terminal_in_a_picture_and_in_a_table(call: Call, folder: Path) -> None:
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 13:16] = 255
    Image.fromarray(digit).save(folder / "one.png")
    words = ("complete", "ae", "one.png", "--hide", "right", "--count", "2", "--seed", "3")
    shown = call(*words)
    assert shown.stdout.splitlines()[0] == "ae: 2 answers of optimised latents, seed 3; error: of the pixels seen"
    assert re.search(r"seen +\d, error \d+\.\d +\d, error", shown.stdout)
    assert call(*words, "--out", "two.png").returncode == call(*words, "--out", "two.csv").returncode == 0
    found = rows(folder / "two.csv")
    assert [len(row) for row in found] == [3 + 64, 3 + 64]
    assert float(found[0]["squared_error"]) < 50
    assert Image.open(folder / "two.png").size == (3 * 240, 3 * 30 + 2 * 8 + 30 * 8 + 30), "with title and captions"
    for wrong in (("--hide", "middle"), ("--digit", "3"), ("--count", "0"), ("--out", "two.txt")):
        refused = call("complete", "ae", "one.png", *wrong)
        assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
        assert wrong[0][2:] in refused.stderr
    assert "only a learned prior can be asked for a digit" in call("complete", "ae", "one.png", "--digit", "3").stderr

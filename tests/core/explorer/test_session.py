"""A session answers with the newest weights, computes once, and says what is missing or damaged."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from core.data.images import load_image_set, pixels
from core.errors import DamagedFile, DataError, RunError
from core.explorer.queries import RunExplorer
from core.explorer.session import RunSession
from core.latents.options import Part, ProjectionOptions
from core.models.autoencoder import Autoencoder, fold_batch_norm
from core.models.weights import load_autoencoder, weights_to_bytes
from core.runs.run import Run
from core.trash import discard
from tests.support.image_sets import put
from tests.support.models import load_model

MakeRun = Callable[..., Run]


def test_the_model_for_looking_computes_what_the_trained_one_does(trained: dict[str, Run]) -> None:
    images = pixels(load_image_set("mnist-5k").validation_images[:50])
    for run in trained.values():
        model = load_model(run)
        fast = fold_batch_norm(model)
        with torch.no_grad():
            one, other = model.encode(images), fast.encode(images)
            assert torch.allclose(one.mean, other.mean, atol=1e-4)
            assert torch.allclose(one.variance(), other.variance(), atol=1e-4)
            assert torch.allclose(model.decode(one.mode()), fast.decode(one.mode()), atol=1e-4)


def test_of_a_large_set_evenly_chosen_images_are_shown(trained: dict[str, Run], tmp_path: Path) -> None:
    explorer = RunExplorer(RunSession(trained["vae"], tmp_path, limit=500))
    images = load_image_set("mnist-5k")
    plane = explorer.projection(ProjectionOptions("pca", part="training"))
    assert (plane.labels == images.train_labels[::8].numpy()).all()
    original, _ = explorer.pair("training", 56)
    assert np.allclose(original, images.train_images[56, 2:-2, 2:-2].numpy() / 255)
    assert explorer.page(0, 8).total == 500


def test_of_a_large_set_no_more_is_kept_than_is_looked_at(trained: dict[str, Run], tmp_path: Path) -> None:
    session = RunSession(trained["vae"], tmp_path, limit=100)
    RunExplorer(session).page(0, 8)
    with session.newest(lambda words: None):
        for part in get_args(Part):
            images, _ = session.images(part)
            assert images.untyped_storage().nbytes() == 100 * 32 * 32


def change_weights(run: Run) -> None:
    model = load_model(run)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.1)
    run.write_weights(weights_to_bytes(model.state_dict(), {"latent_scale": 1.0}))


def test_newer_weights_are_used_at_the_next_question(copy_of_vae: Run, tmp_path: Path) -> None:
    explorer = RunExplorer.open(copy_of_vae, tmp_path)
    questions = (
        lambda: explorer.page(0, 4).reconstructions,
        lambda: explorer.page(0, 4, order="worst").errors,
        lambda: explorer.image_detail(0, 2, 0).samples,
        lambda: explorer.samples("gaussian", 4, 0).latents,
        lambda: explorer.samples("full", 4, 0).latents,
        lambda: explorer.projection(ProjectionOptions("lda")).points,
        lambda: explorer.projection(ProjectionOptions("pca", part="training")).points,
        lambda: explorer.traversal(np.zeros(64), 3, 5).latents,
    )
    before = [question() for question in questions]
    change_weights(copy_of_vae)
    after = [question() for question in questions]
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        assert not np.allclose(old, new, rtol=1e-3), number
    fresh = RunExplorer.open(copy_of_vae, tmp_path)
    assert np.allclose(fresh.samples("full", 4, 0).latents, explorer.samples("full", 4, 0).latents)
    assert np.allclose(
        fresh.projection(ProjectionOptions("lda")).points, explorer.projection(ProjectionOptions("lda")).points
    )


def test_what_was_computed_is_kept_while_the_weights_stay(vae: RunExplorer) -> None:
    assert vae.projection(ProjectionOptions("pca")).projection is vae.projection(ProjectionOptions("pca")).projection
    assert (
        vae.projection(ProjectionOptions("pca")).projection
        is not vae.projection(ProjectionOptions("pca", fit_on_shown=True)).projection
    )


def test_what_is_missing_or_damaged_is_said(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(preset="vae")
    explorer = RunExplorer.open(run, tmp_path)
    with pytest.raises(RunError, match="a-run has no weights yet: the trainer saves them soon after it starts"):
        explorer.page(0, 4)
    run.write_weights(b"garbage")
    with pytest.raises(DamagedFile, match=r"model\.safetensors: holds no vae model"):
        explorer.page(0, 4)


def test_weights_that_vanish_or_break_are_said_and_whole_ones_are_taken_again(copy_of_vae: Run, tmp_path: Path) -> None:
    explorer = RunExplorer.open(copy_of_vae, tmp_path)
    weights, page = copy_of_vae.read_weights(), explorer.page(0, 4)
    copy_of_vae.write_weights(weights[:1000])
    for _ in range(2):
        with pytest.raises(DamagedFile, match=r"model\.safetensors: holds no vae model"):
            explorer.page(0, 4)
    copy_of_vae.weights_path().unlink()
    with pytest.raises(RunError, match="copy has no weights yet"):
        explorer.samples("prior", 4, 0)
    copy_of_vae.write_weights(weights)
    assert (explorer.page(0, 4).reconstructions == page.reconstructions).all()


def test_a_set_that_is_not_here_is_named_with_how_to_get_it(
    make_run: MakeRun, trained: dict[str, Run], tmp_path: Path
) -> None:
    for dataset, note in (("mnist", "on mnist-5k: no mnist on disk"), ("kmnist", None)):
        run = make_run(f"of-{dataset}", preset="vae", dataset=dataset, data_dir=str(tmp_path / "elsewhere"))
        run.write_weights(trained["vae"].read_weights())
        explorer = RunExplorer.open(run, tmp_path / "none")
        assert explorer.note == ""
        if note is None:
            with pytest.raises(DataError, match=r"kmnist is n\w+ in .*vae-tui data --download kmnist"):
                explorer.page(0, 4)
        else:
            assert explorer.page(0, 4).total == 1000
            assert explorer.note == note


def test_a_run_on_mnist_is_looked_at_with_mnist_where_it_is_on_disk(
    make_run: MakeRun, trained: dict[str, Run], tmp_path: Path
) -> None:
    put("mnist", tmp_path / "here")
    for number, (trained_from, data_dir) in enumerate((("elsewhere", "here"), ("here", "elsewhere"), (None, "here"))):
        known = trained_from and str(tmp_path / trained_from)
        run = make_run(f"run-{number}", preset="vae", dataset="mnist", data_dir=known)
        run.write_weights(trained["vae"].read_weights())
        explorer = RunExplorer.open(run, tmp_path / data_dir)
        assert explorer.page(0, 4).total == 10
        assert explorer.note == ""


def test_long_work_is_heard_of_and_done_once(trained: dict[str, Run], tmp_path: Path) -> None:
    said: list[str] = []
    explorer = RunExplorer.open(trained["ae"], tmp_path, said.append)
    explorer.samples("gaussian", 4, 0)
    assert said[0] == "reading the images"
    assert "encoding training images: 1,000 of 4,000" in said
    assert said[-1] == "fitting a Gaussian for each latent number"
    said.clear()
    explorer.samples("gaussian", 4, 1)
    assert said == []
    explorer.page(0, 4, order="worst")
    explorer.projection(ProjectionOptions("pca"))
    assert said == ["reconstructing validation images: 1,000 of 1,000", "encoding validation images: 1,000 of 1,000"]


def test_of_a_fit_that_nobody_waits_for_nothing_is_told(trained: dict[str, Run], tmp_path: Path) -> None:
    said: list[str] = []

    def leave() -> None:
        raise TimeoutError

    explorer = RunExplorer.open(trained["vae"], tmp_path, said.append)
    with pytest.raises(TimeoutError):
        explorer.samples("mixture", 2, 0, go_on=leave)
    assert any("encoding" in words for words in said), "others wait for the same latents"
    assert not any("fitting" in words for words in said)


def test_two_who_ask_at_once_do_not_load_the_model_twice(
    trained: dict[str, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []

    def load_slowly(content: bytes, preset: str, path: Path) -> Autoencoder:
        loads.append(path)
        time.sleep(0.2)
        return load_autoencoder(content, preset, path)

    monkeypatch.setattr("core.explorer.session.load_autoencoder", load_slowly)
    explorer = RunExplorer.open(trained["vae"], tmp_path)
    threads = [threading.Thread(target=explorer.samples, args=("prior", 2, seed)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1


def test_questions_from_several_threads_are_all_answered_rightly(trained: dict[str, Run], tmp_path: Path) -> None:
    explorer = RunExplorer.open(trained["vae"], tmp_path)
    expected = {seed: explorer.samples("prior", 4, seed).images for seed in range(4)}
    wrong: list[int] = []

    def ask(seed: int) -> None:
        for _ in range(5):
            if not (explorer.samples("prior", 4, seed).images == expected[seed]).all():
                wrong.append(seed)
            explorer.projection(ProjectionOptions("pca"))

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_points_of_a_large_set_say_which_images_they_are_of(trained: dict[str, Run], tmp_path: Path) -> None:
    plane = RunExplorer(RunSession(trained["vae"], tmp_path, limit=1500)).projection(
        ProjectionOptions("pca", part="training")
    )
    labels = load_image_set("mnist-5k").train_labels.numpy()
    assert len(plane.points) == len(plane.indices) == 1500
    assert (labels[plane.indices] == plane.labels).all()


def test_weights_that_are_no_numbers_are_damaged(
    make_run: Callable[..., Run], trained: dict[str, Run], tmp_path: Path
) -> None:
    run = make_run(preset="vae")
    model = load_model(trained["vae"])
    with torch.no_grad():
        next(model.parameters()).fill_(float("nan"))
    run.write_weights(weights_to_bytes(model.state_dict(), {"latent_scale": 1.0}))
    with pytest.raises(DamagedFile, match=r"model\.safetensors: holds numbers that are not finite"):
        RunExplorer.open(run, tmp_path).page(0, 4)


def test_a_run_in_the_place_of_a_deleted_one_is_looked_into_as_what_it_is(
    make_run: MakeRun, trained: dict[str, Run], tmp_path: Path
) -> None:
    run = make_run("again", preset="vae")
    run.write_weights(trained["vae"].read_weights())
    explorer = RunExplorer.open(run, tmp_path)
    assert not explorer.image_detail(0, 1, 0).is_point
    discard(run)
    make_run("again", preset="ae").write_weights(trained["ae"].read_weights())
    assert explorer.image_detail(0, 1, 0).is_point
    assert explorer.default_sampler == "gaussian"


def test_a_task_that_waits_is_told_what_it_waits_for(trained: dict[str, Run], tmp_path: Path) -> None:
    session, waited = RunSession(trained["vae"], tmp_path), threading.Event()
    heard: list[str] = []

    def wait(words: str) -> None:
        heard.append(words)
        waited.set()

    with session.newest(lambda words: None):
        session.report("encoding training images: 1,000 of 4,000")
        waiting = threading.Thread(target=RunExplorer(session, wait).decode, args=(np.zeros((1, 64)),))
        waiting.start()
        assert waited.wait(10)
    waiting.join()
    with session.newest(lambda words: None):  # who says nothing; what was said before is over
        waiting = threading.Thread(target=RunExplorer(session, wait).decode, args=(np.zeros((1, 64)),))
        waiting.start()
        time.sleep(0.1)
    waiting.join()
    assert heard == ["encoding training images: 1,000 of 4,000"]


def test_questions_are_answered_while_an_evaluation_goes_on(trained: dict[str, Run], tmp_path: Path) -> None:
    session = RunSession(trained["ae"], tmp_path)
    answers: list[int] = []

    class Enough(Exception):
        pass

    def ask(words: str) -> None:
        if "classifying training images" in words:
            asking = threading.Thread(target=lambda: answers.append(len(RunExplorer(session).page(0, 4).indices)))
            asking.start()
            asking.join(10)
            assert answers == [4]
            raise Enough

    with pytest.raises(Enough):
        RunExplorer(session, ask).evaluate("gaussian", 100, 1)


def test_a_session_keeps_no_task_that_is_done(trained: dict[str, Run], tmp_path: Path) -> None:
    class Screen:
        def report(self, words: str) -> None:
            pass

    screen = Screen()
    session, gone = RunSession(trained["ae"], tmp_path), weakref.ref(screen)
    RunExplorer(session, screen.report).page(0, 4)
    del screen
    assert gone() is None

"""Screen 6, the evaluations that are kept with two runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.evaluation import kept
from core.evaluation.kept import KeptEvaluation
from core.runs.architecture.presets import PRESETS
from core.runs.config import make_config
from core.runs.keeping.evaluated import Evaluated
from core.runs.run import Run
from tests.support.explorers import FakeExplorers, make_evaluation
from tests.support.readers import HandFed
from tests.support.screens import MakeApp, press, screen_text, until
from tests.support.snapshots import make_snapshot, make_summary
from tui.messages import Snapshot
from tui.screens.compare.evaluation import Measured

VAE = PRESETS["vae"]


def measured(sampler: str = "prior", samples: int = 1000, features: str = "a", **figures: float) -> Evaluated:
    return Evaluated(sampler, samples, features=features, figures=figures)


def test_what_was_measured_likewise_is_put_side_by_side() -> None:
    left = (measured("gaussian"), measured("prior", 10_000), measured("prior"))
    right = (measured("prior"), measured("gaussian", 10_000), measured("prior", 10_000))
    assert Measured.of([left, right], [VAE, VAE]) == Measured(left[1], right[2])
    assert Measured.of([left, right[:2]], [VAE, VAE]) == Measured(left[1], right[0])
    assert Measured.of([(), right], [VAE, VAE]) == Measured(None, right[0])
    assert Measured.of(["evaluation.json is damaged", ()], [VAE, VAE]) == Measured(None, None)


def test_the_better_figure_is_signed_and_other_features_are_not_compared() -> None:
    one = measured(frechet_samples=2.0, precision=0.5, elbo=-600.0, active_units=8)
    other = measured(frechet_samples=3.0, precision=0.6, elbo=-601.0, active_units=9)
    signs = {name: Measured(one, other).better(name) for name in one.figures}
    assert signs == {"frechet_samples": "◂", "precision": "▸", "elbo": "◂", "active_units": ""}
    apart = Measured(one, replace(other, features="b"))
    assert [apart.better(name) for name in one.figures] == ["", "", "◂", ""]
    assert Measured(one, None).better("elbo") == ""
    alike = replace(other, figures={**one.figures, "precision": 0.50004, "elbo": -600.004})  # as printed
    assert [Measured(one, alike).better(name) for name in one.figures] == [""] * 4
    apart = Measured(one, other, is_of_one_likelihood=False)
    assert [apart.better(name) for name in one.figures] == ["◂", "▸", "", ""]


async def test_bounds_on_different_likelihoods_are_said_not_to_compare(
    make_app: MakeApp, explorers: FakeExplorers, tmp_path: Path
) -> None:
    one, other = (Run(tmp_path / name) for name in ("gaussian", "bernoulli"))
    for run in (one, other):
        run.path.mkdir()
        kept.keep(run.evaluation_path, KeptEvaluation(weights="a", mark="b", epoch=7, evaluation=make_evaluation()))

    def snapshots(run: Run) -> HandFed[Snapshot]:
        config = make_config(preset="vae", likelihood="bernoulli" if run == other else "gaussian")
        return HandFed(make_snapshot(replace(make_summary(run.name, config=config), run=run)))

    app = make_app(
        snapshot=make_snapshot(),
        explorer=explorers.of,
        snapshots=snapshots,
        other_runs=lambda run: [each for each in (one, other) if each != run],
    )
    async with app.run_test(size=(120, 44)) as pilot:
        app.selected_run = one
        await press(pilot, "6")
        await until(pilot, lambda: "which do not compare" in screen_text(app), "a word on the curves")
        await press(pilot, *"vvvvv")
        await until(pilot, lambda: "bounds on different likelihoods" in screen_text(app), "a word on the figures")
        await press(pilot, "shift+tab")
        said = "losses of different likelihoods, which do not"
        await until(pilot, lambda: said in screen_text(app), "a word on the settings")
        assert "validation loss, other sums" in screen_text(app)


async def test_the_figures_of_both_stand_side_by_side(
    make_app: MakeApp, explorers: FakeExplorers, tmp_path: Path
) -> None:
    one, other = (Run(tmp_path / name) for name in ("vae-one", "vae-other"))
    for run, frechet in ((one, 4.0), (other, 2.0)):
        run.path.mkdir()
        evaluation = make_evaluation(frechet=frechet)
        kept.keep(run.evaluation_path, KeptEvaluation(weights="a", mark="b", epoch=7, evaluation=evaluation))
    app = make_app(
        snapshot=make_snapshot(),
        explorer=explorers.of,
        snapshots=lambda run: HandFed(make_snapshot(replace(make_summary(run.name), run=run))),
        other_runs=lambda run: [each for each in (one, other) if each != run],
    )
    async with app.run_test(size=(80, 24)) as pilot:
        app.selected_run = one
        await press(pilot, "6", *"vvvvv")
        await until(pilot, lambda: "frechet samples ↓" in screen_text(app), "the figures")
        lines = [line.split() for line in screen_text(app).splitlines()]
        assert ["frechet", "samples", "↓", "9.00", "7.00", "▸"] in lines
        assert ["active", "units", "8", "8"] in lines
        assert "epoch 7, older" in screen_text(app)
        await press(pilot, "tilde")
        await until(pilot, lambda: "7.00" in screen_text(app), "the figures")
        lines = [line.split() for line in screen_text(app).splitlines()]
        assert ["frechet", "samples", "↓", "7.00", "9.00", "◂"] in lines
        other.evaluation_path.unlink()
        await press(pilot, "tilde")
        await until(pilot, lambda: "not measured: 7 does it" in screen_text(app), "what is missing")

"""What the app says of itself: keys of the pane in focus, the palette, formulas."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.runs.architecture.presets import PRESETS
from core.runs.config import check_values
from tests.support.explorers import FakeExplorers
from tests.support.readers import HandFed
from tests.support.screens import MakeApp, opened, press, screen_text, settle, shown, until
from tests.support.snapshots import OTHER, RUN, RUNS, make_snapshot, make_summary
from tests.tui.screens.test_every_view import VIEWS
from tui.app import VaeTui
from tui.screens.compare.screen import CompareScreen
from tui.screens.help.explain import Explain, in_ascii
from tui.screens.help.formulas import EXPLANATIONS, for_run, loss_topic
from tui.screens.help.keys import Keys, bindings_of
from tui.screens.help.welcome import FIRST_KEYS


def test_formulas_have_an_ascii_form_and_lines_that_fit() -> None:
    for found in EXPLANATIONS.values():
        assert found.ascii.isascii()
        assert max(map(len, (found.formula, found.ascii, *found.lines))) <= 2 * 72
        assert len(found.lines) == 3
        assert not any("?" in in_ascii(line) for line in found.lines)


@pytest.mark.parametrize(
    ("settings", "topic"),
    [
        ({"preset": "vae"}, "loss"),
        ({"preset": "vae", "decoder_variance": "optimal"}, "loss_optimal"),
        ({"preset": "ae"}, "loss_ae"),
        ({"preset": "prior", "first_stage": "ae", "first_stage_preset": "ae"}, "flow"),
        ({"preset": "prior", "first_stage": "ae", "first_stage_preset": "ae", "dynamics": "ddpm"}, "ddpm"),
    ],
)
def test_the_loss_that_is_explained_is_that_of_the_run(settings: dict[str, str], topic: str) -> None:
    config = check_values(dataset="mnist", **settings)
    assert loss_topic(PRESETS[config.preset], config) == topic


async def test_x_explains_the_loss_of_a_learned_prior(make_app: MakeApp) -> None:
    config = check_values(dataset="mnist", preset="prior", first_stage="ae", first_stage_preset="ae")
    app = make_app(snapshot=make_snapshot(make_summary(config=config)))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "X")
        assert shown(app, Explain).topic == "flow"
        assert "over the latent numbers" in screen_text(app)


async def test_points_are_explained_in_place_of_posteriors(make_app: MakeApp, explorers: FakeExplorers) -> None:
    app = make_app(snapshot=make_snapshot(make_summary(preset="ae")), explorer=explorers.of)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "3", "enter", "X")
        assert shown(app, Explain).topic == "posterior_point"
        await press(pilot, "escape", "escape", "b", "space", "right", "c", "X")
        assert shown(app, Explain).topic == "sketch_point"
        await press(pilot, "escape", "enter", "X")
        assert shown(app, Explain).topic == "completion_optimised"


@pytest.mark.parametrize(
    ("keys", "formula"),
    [
        (["3"], "x̂ = σ(decode(μ(x)))"),
        (["3", "b"], "x̂ = σ(decode(μ(x)))"),
        (["4"], "x = σ(decode(z))"),
        (["6", "v"], "x̂ = σ(decode(μ(x)))"),
    ],
)
async def test_what_decodes_to_logits_is_explained_with_the_sigmoid(
    make_app: MakeApp, explorers: FakeExplorers, keys: list[str], formula: str
) -> None:
    config = check_values(dataset="mnist", likelihood="bernoulli")
    snapshot = make_snapshot(make_summary(config=config))
    app = make_app(runs=RUNS, snapshot=snapshot, explorer=explorers.of, other_runs=lambda run: [OTHER])
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *keys, "X")
        assert formula in screen_text(app)


async def test_x_in_the_list_explains_the_loss_of_the_run_under_the_cursor(make_app: MakeApp) -> None:
    config = check_values(dataset="mnist", likelihood="bernoulli")
    app = make_app(runs=[make_summary("gaussian"), make_summary("bernoulli", config=config)])
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "X")
        assert shown(app, Explain).topic == "loss"
        await press(pilot, "escape", "down", "X")
        assert shown(app, Explain).topic == "loss_bernoulli"


async def test_x_explains_two_runs_by_what_is_seen_of_them(make_app: MakeApp, explorers: FakeExplorers) -> None:
    gaussian = make_snapshot(make_summary(RUN.name))
    config = check_values(dataset="mnist", likelihood="bernoulli")
    other = make_snapshot(make_summary(OTHER.name, config=config))
    app = make_app(
        snapshot=gaussian,
        explorer=explorers.of,
        snapshots=lambda run: HandFed(other if run == OTHER else gaussian),
        other_runs=lambda run: [OTHER],
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "6", "v", "X")
        assert "x̂ = σ(decode(μ(x)));  σ: where pixels are Bernoulli" in screen_text(app)
        await press(pilot, "escape", "v", "X")
        assert shown(app, Explain).topic == "sampling_both"
        await press(pilot, "escape", "v", "v", "X")
        assert shown(app, Explain).topic == "settings"


def test_the_sigmoid_is_around_all_that_decodes_and_around_nothing_twice() -> None:
    found = {topic: each for topic, each in EXPLANATIONS.items() if topic.endswith("_bernoulli")}
    assert found["manifold_bernoulli"].ascii.startswith("x'(y) = sigmoid(decode(E[z | y])), ")
    assert found["completion_bernoulli"].formula.startswith("−ln p(z|x) = ‖m·(x − σ(decode(z)))‖² / 2s²")
    assert not any("σ(σ" in each.formula for each in found.values())
    assert for_run("traversal", check_values(likelihood="bernoulli")).startswith("traversal")
    assert for_run("posterior", check_values(preset="ae", likelihood="bernoulli")) == "posterior_point_bernoulli"


@pytest.mark.slow
async def test_every_view_explains_what_is_seen(run_app: VaeTui) -> None:
    topics = []
    async with run_app.run_test(size=(80, 24)) as pilot:
        for keys in (["2"], *VIEWS.values()):
            await press(pilot, *keys, "X")
            explained = shown(run_app, Explain)
            topics.append(explained.topic)
            found, text = EXPLANATIONS[explained.topic], screen_text(run_app)
            for words in (found.formula, *found.lines):
                assert set(words.split()) <= {*text.replace("│", " ").split()}, words
            await press(pilot, *["escape"] * len(run_app.screen_stack))
    assert topics[:5] == ["loss", "error", "posterior", "sketch", "completion_optimised"]
    assert topics[5:10] == ["sampling", "traversal", "walk", "lda", "seeds"]
    assert topics[-1] == "frechet"


async def test_the_chart_the_plane_and_the_metric_that_are_looked_at_are_explained(app: VaeTui) -> None:
    async with opened(app, "5", "o", "X") as pilot:
        assert shown(app, Explain).topic == "pca"
        await press(pilot, "escape", "7", "enter", "down", "down", "down", "X")
        assert shown(app, Explain).topic == "precision"
        await press(pilot, "escape", "2", "tab", "tab", "tab", "X")
        assert shown(app, Explain).topic in ("kl", "error")


async def test_formulas_are_ascii_where_the_terminal_is(
    make_app: MakeApp, explorers: FakeExplorers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    app = make_app(snapshot=make_snapshot(), explorer=explorers.of)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "4", "X")
        assert "z from p(z)" in screen_text(app)
        assert "m_k, S_k" in screen_text(app)


async def test_the_keys_of_the_pane_in_focus_come_first_and_everything_is_said_once(run_app: VaeTui) -> None:
    async with run_app.run_test(size=(120, 60)) as pilot:
        await press(pilot, "6", "question_mark")
        titles = [title for (title, _), _ in shown(run_app, Keys).sections]
        assert titles == ["charts", "compare", "everywhere"]
        text = screen_text(run_app)
        assert "charts  one cursor and one range of x for all of them" in text
        assert "compare.swap" in text  # the id, for config.toml
        await press(pilot, "escape", "v", "question_mark")
        assert [title for (title, _), _ in shown(run_app, Keys).sections] == ["compare", "everywhere"]


@pytest.mark.slow
async def test_the_palette_opens_runs_by_name_and_holds_every_action_once(
    make_app: MakeApp, explorers: FakeExplorers, tmp_path: Path
) -> None:
    app = make_app(runs=RUNS, snapshot=make_snapshot(), explorer=explorers.of, other_runs=lambda run: [OTHER])
    app.shared.find_runs = lambda: [RUN, OTHER]
    async with app.run_test(size=(120, 60)) as pilot:
        await settle(pilot)
        meanings = [binding.tooltip for binding in bindings_of(app.screen)]
        assert len(set(meanings)) == len(meanings)
        assert sum("leave the app" in meaning or "Quit" in meaning for meaning in meanings) == 1
        await pilot.press("ctrl+p", *"open ae-mnist")
        await until(pilot, lambda: "open ae-mnist" in screen_text(app).split("open ae-mnist", 1)[1], "the run")
        await pilot.press("enter")
        await until(pilot, lambda: app.selected_run == OTHER, "the run")
        assert app.current_mode == "training"
        await press(pilot, "6")
        await pilot.press("ctrl+p", *"compare with vae")
        await until(pilot, lambda: "compare with vae-mnist" in screen_text(app), "the run")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and app.screen.other == RUN, "the other run")
        await pilot.press("ctrl+p", *"theme nord")
        await until(pilot, lambda: "theme nord" in screen_text(app).split("theme nord", 1)[1], "the theme")
        await pilot.press("enter")
        await until(pilot, lambda: app.theme == "nord", "the theme")


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
async def test_a_first_start_explains_five_keys(make_app: MakeApp, size: tuple[int, int]) -> None:
    app = make_app(runs=[])
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        text = screen_text(app)
        assert all(key in text and does in text for key, does in FIRST_KEYS)
        assert len(FIRST_KEYS) == 5


async def test_keys_and_formula_lead_to_each_other(app: VaeTui) -> None:
    async with opened(app, "4", "question_mark", "X") as pilot:
        assert shown(app, Explain).topic == "sampling"
        await press(pilot, "question_mark")
        await until(pilot, lambda: isinstance(app.screen, Keys), "the keys")
        await press(pilot, "escape")
        assert len(app.screen_stack) == 1

"""Settings and presets are declared once: what is made from the declarations agrees with them, the documents too."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.latents.options import SAMPLERS
from core.models.autoencoder import MODELS
from core.models.denoiser import Denoiser
from core.runs.architecture.presets import PRESETS
from core.runs.config import defaults, make_config
from core.runs.settings import SETTINGS, Settings, default_text, title
from core.text import either

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"
HEAD = """\
# Settings

Every setting of a run is an option of `vae-tui train` and a row of the form (`n` in the app). `vae-tui sweep` takes
lists of those that have an example in the last column.

This page is made from [core/runs/settings.py](../core/runs/settings.py), by
`pytest tests/core/runs/test_settings.py --snapshot-update`.
"""


def bounds(name: str) -> str:
    """The values that a setting may have, in words."""
    if SETTINGS[name].form:
        return SETTINGS[name].form
    if choices := SETTINGS[name].choices:
        return either(choices)
    limits = {
        kind: getattr(limit, kind)
        for limit in Settings.model_fields[name].metadata
        for kind in ("gt", "ge", "le")
        if hasattr(limit, kind)
    }
    if not limits:
        return "the name of a run"
    low = f"above {limits['gt']:g}" if "gt" in limits else f"{limits['ge']:,}"
    return f"{low} to {limits['le']:,}" if "le" in limits else f"{low} or more"


def table(*rows: tuple[str, ...]) -> str:
    head, *rest = (f"| {' | '.join(row)} |\n" for row in rows)
    return f"{head}|{' --- |' * len(rows[0])}\n{''.join(rest)}"


def page() -> str:
    """docs/settings.md as the declarations have it."""
    presets = table(
        ("preset", "what it is", "parameters", "its own defaults"),
        *(
            (
                f"`{preset.name}`",
                preset.description,
                f"{preset.parameters:,}",
                ", ".join(f"{title(name)} {value}" for name, value in preset.defaults.items()),
            )
            for preset in PRESETS.values()
        ),
    )
    settings = table(
        ("option", "what it is", "default", "values", "presets", "in a sweep"),
        *(
            (
                f"`--{name.replace('_', '-')}`",
                "which of the presets above" if name == "preset" else setting.help,
                default_text(name),
                bounds(name),
                "all"
                if all(map(setting.applies, PRESETS.values()))
                else ", ".join(preset.name for preset in PRESETS.values() if setting.applies(preset)),
                setting.sweep and f"`{setting.sweep}`",
            )
            for name, setting in SETTINGS.items()
        ),
    )
    return f"{HEAD}\n{presets}\n{settings}"


def test_the_documents_have_every_setting_and_preset_as_declared(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("update_snapshots"):
        PAGE.write_text(page())
    assert PAGE.read_text() == page()


def test_every_default_is_allowed_for_its_preset() -> None:
    for preset in PRESETS.values():
        stage = {"first_stage": "a-run", "first_stage_preset": "ae"} if preset.learns_prior else {}
        config = make_config(preset=preset.name, **stage)
        expected = defaults({"preset": preset.name}) | {"preset": preset.name}
        assert {name: getattr(config, name) for name in expected if name != "first_stage"} == {
            name: value for name, value in expected.items() if name != "first_stage"
        }


def test_every_setting_says_what_may_be_chosen() -> None:
    for name, setting in SETTINGS.items():
        assert setting.help[0].isupper() or setting.choices, name
        assert not setting.help.endswith("."), name
        assert all(choice in setting.help for choice in setting.choices), name


def test_presets_have_models_of_as_many_parameters_as_they_say() -> None:
    models = {name: model() for name, model in MODELS.items()} | {"prior": Denoiser()}
    counts = {name: sum(parameter.numel() for parameter in model.parameters()) for name, model in models.items()}
    assert counts == {preset.name: preset.parameters for preset in PRESETS.values()}


def test_presets_have_samplers_that_there_are() -> None:
    for preset in PRESETS.values():
        assert set(preset.samplers) <= SAMPLERS.keys()
        assert preset.default_sampler in preset.samplers

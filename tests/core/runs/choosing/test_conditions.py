"""Which runs a filter leaves, and what it says of one that cannot be."""

from __future__ import annotations

import pytest

from core.errors import ConfigError
from core.runs.choosing.conditions import LONGEST, parse_condition, readable_part
from core.runs.status import State
from tests.support.snapshots import make_summary

RUNS = [
    make_summary("vae-mnist", validation=(2, 33.5), changed=0.0),
    make_summary("ae-mnist", State.FINISHED, preset="ae", validation=(2, 9.25)),
    make_summary("Fashion", State.PAUSED, validation=(2, 41.0)),
    make_summary("fresh", State.CREATED, validation=None),
    make_summary("broken", damage="config.json: is not a JSON object", config=None, status=None, validation=None),
]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "vae-mnist ae-mnist Fashion fresh broken"),
        ("fashion", "Fashion"),
        ("VAE", "vae-mnist Fashion fresh"),  # in the name or the preset
        ("vae mnist paused", "Fashion"),
        ("preset=vae and val_loss<40", "vae-mnist"),
        ("val_loss >= 9.25 preset=ae", "ae-mnist"),
        ("state=running or state=damaged", "vae-mnist broken"),
        ("(state=running or state=paused) and val<40", "vae-mnist"),
        ("not preset=vae", "ae-mnist broken"),
        ("state!=running val>1", "ae-mnist Fashion"),
        ("run~mnist", "vae-mnist ae-mnist"),
        ("run!~mnist and state!=created", "Fashion broken"),
        ("run='vae-mnist'", "vae-mnist"),
        ("learning_rate=1e-3 and seed=0", "ae-mnist"),
        ("age<4h", "ae-mnist Fashion fresh broken"),
        ("age > 2h age < 7d preset=ae", "ae-mnist"),
        ("created>=2026-01-02 created<2026-02", "vae-mnist ae-mnist Fashion fresh"),
        ("error~json", "broken"),
        ("epochs<1_0_000", "vae-mnist ae-mnist Fashion fresh"),
        ("val_loss<1e9 or val_loss>=1e9", "vae-mnist ae-mnist Fashion"),  # what is not there is neither
    ],
)
def test_a_filter_leaves_the_runs_that_are_so(text: str, names: str) -> None:
    condition = parse_condition(text)
    assert " ".join(run.run.name for run in RUNS if condition.holds(run)) == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("val_los<4", "runs have no 'val_los' to compare; did you mean val_loss?"),
        ("nothing=4", "runs have no 'nothing' to compare; there is run, preset"),
        ("val_loss<abc", "val_loss is a number, not 'abc'"),
        ("val_loss<", "a value must follow val_loss<"),
        ("age<2x", "age is a number, such as 2d, not '2x'"),
        ("seed~1", "seed is a number: compare it by = != < <= > >=, not ~"),
        ("state<running", "state is text: compare it by = != ~ !~, not <"),
        ("(vae", "a bracket is not closed"),
        ("vae)", "nothing is open that ) could close"),
        ("and vae", "something must stand before and"),
        ("vae or", "something must follow at the end"),
        ("=vae", "something must stand before ="),
        ("run='vae", "a quotation mark has no second one"),
        ("run!vae", "! is no comparison"),
        ("vae\x1b[2J=1", "runs have no"),
        ("(" * 5000, f"at most {LONGEST} characters"),
        ("(" * 400, "brackets"),
        ("val_loss<1e999", "val_loss is a number"),
        ("epochs>1_", "epochs is a number, not '1_'"),
        ("epochs>1__0", "epochs is a number, not '1__0'"),
    ],
)
def test_what_is_no_condition_is_told_in_a_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_condition(text)
    assert said in str(raised.value)
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("val_loss<", None),
        ("vae val_loss<", "vae"),
        ("preset = vae and val_loss <", "preset = vae"),
        ("preset = ", None),
        ("(preset=vae or seed=", None),
        ("tag='a b", None),
        ("a or (b c", "a"),
    ],
)
def test_what_is_half_typed_is_read_up_to_its_last_whole_term(typed: str, read: str | None) -> None:
    part = readable_part(typed)
    assert (part and part.text) == read

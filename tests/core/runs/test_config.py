"""A run's settings are checked, and every refusal says what would be right."""

from __future__ import annotations

import pytest

from core.errors import ConfigError
from core.runs.config import RunConfig, check_name, make_config


@pytest.mark.parametrize("preset", ["ae", "vae-post"])
def test_the_models_of_the_post_have_its_values(preset: str) -> None:
    config = make_config(preset=preset)
    assert (config.epochs, config.batch_size, config.learning_rate, config.validate_every) == (400, 128, 1e-3, 10)
    assert (config.schedule, config.beta, config.decoder_variance) == ("constant", 1.0, "fixed")


def test_the_recommended_model_has_its_own_values_where_none_are_given() -> None:
    config = make_config()
    assert (config.preset, config.epochs, config.batch_size) == ("vae", 400, 128)
    assert (config.learning_rate, config.schedule, config.beta) == (3e-3, "cosine", 0.4)
    as_published = make_config(learning_rate="1e-3", schedule="constant", beta="1")
    assert (as_published.learning_rate, as_published.schedule, as_published.beta) == (1e-3, "constant", 1.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"preset": "ae", "beta": "2"}, "beta must be left out for preset ae, not 2.0"),
        (
            {"preset": "ae", "decoder_variance": "optimal"},
            "decoder variance must be left out for preset ae",
        ),
        ({"preset": "vae", "dynamics": "ddpm"}, "dynamics must be left out for preset vae, not ddpm"),
        ({"preset": "prior", "beta": "0.5"}, "beta must be left out for preset prior, not 0.5"),
        ({"preset": "prior", "snapshots": "9"}, "snapshots must be left out for preset prior, not 9"),
    ],
)
def test_what_a_preset_has_no_use_for_is_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(**values)


def test_a_variance_that_weighs_the_kl_divergence_is_not_weighed_again() -> None:
    assert make_config(decoder_variance="optimal").beta == 1.0
    assert make_config(decoder_variance="optimal", beta="0.7").beta == 0.7


def test_text_as_typed_is_understood() -> None:
    assert make_config(epochs=" 7", learning_rate="2e-4").learning_rate == 2e-4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"epochs": "many"}, "epochs must be a whole number, not many"),
        ({"epochs": ""}, "epochs must be a whole number, not ''"),
        ({"epochs": 2.5}, "epochs must be a whole number, not 2.5"),
        ({"epochs": 10**9}, "epochs must be at most 1000000, not 1000000000"),
        ({"batch_size": 1}, "batch size must be at least 2, not 1"),
        ({"learning_rate": -1}, "learning rate must be greater than 0, not -1"),
        ({"learning_rate": "nan"}, "learning rate must be a finite number, not nan"),
        ({"learning_rate": "fast"}, "learning rate must be a number, not fast"),
        ({"preset": "gan"}, "preset must be one of vae, vae-post, ae or prior, not gan"),
        ({"device": "tpu"}, "device must be auto, cpu, cuda, cuda:N or mps, not tpu"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        (
            {"dataset": "cifar"},
            "dataset must be mnist, fashion-mnist, kmnist, qmnist, mnist-5k, folder:PATH, npz:FILE or idx:FOLDER, "
            "not cifar",
        ),
        ({"snapshots": "2"}, "snapshots must be 0 or at least 3, not 2"),
        ({"momentum": 1}, "momentum is not a setting of a run"),
    ],
)
def test_a_bad_value_is_explained(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        make_config(**values)
    assert str(refused.value) == message
    assert list(refused.value.problems) == list(values)


def test_every_bad_value_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        make_config(epochs=0, seed=-1)
    assert set(refused.value.problems) == {"epochs", "seed"}


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".", "..", ".hidden", "-x", "a b", "a\x1b[2J", "x" * 101, "a\n"])
def test_a_name_that_is_no_plain_folder_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="name must consist of letters"):
        check_name(name)


@pytest.mark.parametrize("name", ["vae-mnist", "a", "7", "run_1.2"])
def test_plain_names_are_accepted(name: str) -> None:
    assert check_name(name) == name


def test_short_runs_validate_every_epoch_unless_told_otherwise() -> None:
    assert make_config(epochs=5).validate_every == 1
    assert make_config(epochs=5, validate_every=3).validate_every == 3


def test_validation_comes_every_so_often_and_at_the_last_epoch() -> None:
    config = make_config(epochs=25, validate_every=10)
    assert [epoch for epoch in range(1, 26) if config.validates_after(epoch, 25)] == [10, 20, 25]


def test_the_versions_in_use_are_recorded() -> None:
    config = make_config()
    assert {"python", "torch", "torchvision", "vae-tui"} <= config.versions.keys()
    assert RunConfig.model_validate_json(config.model_dump_json()) == config

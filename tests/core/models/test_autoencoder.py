"""The models are exactly those of the design, and their posterior is the textbook's."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from core.models.autoencoder import (
    MODELS,
    SIGMA_SQUARED_FLOOR,
    Autoencoder,
    DiagonalGaussian,
    KlWeight,
    PublishedVariationalAutoencoder,
    VariationalAutoencoder,
    fold_batch_norm,
    loss,
)
from tests.support.models import last_normalisation


def parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_parameter_counts_are_those_of_the_post() -> None:
    assert parameters(Autoencoder()) == 51_357
    assert parameters(PublishedVariationalAutoencoder()) == 52_965
    assert abs(parameters(VariationalAutoencoder()) / 52_965 - 1) < 0.02


@pytest.mark.parametrize("preset", MODELS)
def test_images_become_latents_of_64_numbers_and_images_again(preset: str) -> None:
    model = MODELS[preset]().eval()
    posterior = model.encode(torch.rand(3, 1, 32, 32))
    assert posterior.mode().shape == posterior.sample().shape == (3, 4, 4, 4)
    assert posterior.kl().shape == (3,)
    assert model.decode(posterior.mode()).shape == (3, 1, 32, 32)


def test_layers_follow_the_post() -> None:
    kinds = [type(layer).__name__ for layer in Autoencoder().modules() if not list(layer.children())]
    block = ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    encoder = 2 * block + 3 * (["MaxPool2d"] + 2 * block)
    up = ["Upsample", *block]
    decoder = 2 * block + 2 * (up + 2 * block) + up + block + ["Conv2d"]
    assert kinds == encoder + decoder


def test_kl_is_that_of_torch() -> None:
    mean, log_variance = torch.randn(2, 5, 4, 4, 4)
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 3)
    prior = Independent(Normal(torch.zeros_like(mean), torch.ones_like(mean)), 3)
    expected = kl_divergence(posterior, prior)
    torch.testing.assert_close(DiagonalGaussian(mean, log_variance).kl(), expected)
    assert (expected > 0).all()


def test_samples_have_the_mean_and_spread_of_the_posterior() -> None:
    posterior = DiagonalGaussian(torch.full((20_000, 1, 1, 1), 3.0), torch.full((20_000, 1, 1, 1), 4.0).log())
    samples = posterior.sample(torch.Generator().manual_seed(0))
    assert samples.mean() == pytest.approx(3.0, abs=0.05)
    assert samples.var() == pytest.approx(4.0, rel=0.05)
    assert torch.equal(samples, posterior.sample(torch.Generator().manual_seed(0)))


def test_the_posterior_of_an_autoencoder_is_a_point() -> None:
    posterior = Autoencoder().encode(torch.rand(3, 1, 32, 32))
    assert torch.equal(posterior.sample(), posterior.mode())
    assert torch.equal(posterior.kl(), torch.zeros(3))


def test_a_published_sigma_of_zero_keeps_loss_and_gradients_finite() -> None:
    model = PublishedVariationalAutoencoder()
    last = last_normalisation(model.encoder)
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    x = torch.rand(4, 1, 32, 32)
    reconstruction, posterior = model(x)
    assert posterior.variance().min().item() == pytest.approx(SIGMA_SQUARED_FLOOR)
    loss(x, reconstruction, posterior).total().mean().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)


def test_published_mean_and_sigma_share_the_encoder_as_in_the_post() -> None:
    model = PublishedVariationalAutoencoder().eval()
    x = torch.rand(2, 1, 32, 32)
    mu_sigma = model.encoder(x)
    posterior = model.encode(x)
    assert torch.equal(posterior.mean, mu_sigma[:, :4])
    torch.testing.assert_close(posterior.variance(), mu_sigma[:, 4:].square().clamp(min=SIGMA_SQUARED_FLOOR))


def test_a_wild_log_variance_is_clamped() -> None:
    model = VariationalAutoencoder().eval()
    assert model.head.bias is not None
    for bias, clamped in ((1e4, 20), (-1e4, -30)):
        torch.nn.init.constant_(model.head.bias, bias)
        log_variance = model.encode(torch.rand(1, 1, 32, 32)).log_variance
        assert log_variance is not None
        assert (log_variance == clamped).all()


def test_the_loss_is_the_squared_error_of_an_image_plus_its_kl() -> None:
    x, reconstruction = torch.zeros(2, 1, 32, 32), torch.full((2, 1, 32, 32), 0.5)
    parts = loss(x, reconstruction, DiagonalGaussian(torch.ones(2, 4, 4, 4), torch.zeros(2, 4, 4, 4)))
    assert parts.reconstruction.tolist() == [256, 256]
    assert parts.kl.tolist() == [32, 32]
    assert parts.total().tolist() == [288, 288]


def test_the_optimal_variance_minimises_the_negative_elbo_of_a_gaussian_decoder() -> None:
    """In D/2 log(error / D) + KL the error has the gradient that makes the KL divergence count as much as weighted."""
    error = torch.tensor(40.0, requires_grad=True)
    (1024 / 2 * (error / 1024).log()).backward()
    assert error.grad is not None
    weight = KlWeight(optimal=True).given(error.detach())
    assert isinstance(weight, torch.Tensor)
    assert 1 / error.grad.item() == pytest.approx(weight.item())
    assert KlWeight(3.0, optimal=True).given(40.0) == pytest.approx(3 * weight.item())
    assert KlWeight(3.0).given(40.0) == 3
    assert KlWeight(0.5).total(40.0, 10.0) == 45


@pytest.mark.parametrize("preset", MODELS)
def test_a_fused_model_computes_the_same_without_normalising(preset: str) -> None:
    torch.manual_seed(0)
    model, x = MODELS[preset](), torch.rand(20, 1, 32, 32)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.weight, 0.5, 2)
            torch.nn.init.normal_(layer.bias)
    model(x)  # which moves the running means and variances
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fused = fold_batch_norm(model)
    assert model.training and not fused.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in fused.modules())
    model.eval()
    with torch.no_grad():
        expected, posterior = model.encode(x), fused.encode(x)
        torch.testing.assert_close(posterior.mean, expected.mean, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(posterior.variance(), expected.variance(), rtol=1e-3, atol=1e-4)
        output = fused.decode(expected.mean)
        torch.testing.assert_close(output, model.decode(expected.mean), rtol=1e-4, atol=1e-4)
        assert torch.equal(fused.decode(expected.mean), output)  # nothing that is given is changed in place

"""What is seen on the screens, each in a formula and three lines; the formula also in ASCII."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from tui.screens.help.explanation import COMPARED, PLANES, Explanation

if TYPE_CHECKING:
    from core.runs.architecture.presets import Preset
    from core.runs.config import RunConfig


EXPLANATIONS = {
    **PLANES,
    **COMPARED,
    "loss": Explanation(
        "the loss, and the ELBO",
        "loss = ‖x − x̂‖² + β·KL      ELBO = E_q[ln p(x|z)] − KL(q(z|x) ‖ p(z)) ≤ ln p(x)",
        "loss = |x - x'|^2 + beta*KL    ELBO = E_q[ln p(x|z)] - KL(q(z|x) || p(z)) <= ln p(x)",
        (
            "The squared error is summed over the pixels; the KL divergence is how far posteriors are from N(0, I).",
            "With β = 1 and a decoder variance of 1/2 the loss is the negative ELBO but for a constant.",
            "Training down and validation up: it learns images by heart. Smaller β: sharper, worse samples.",
        ),
    ),
    "loss_optimal": Explanation(
        "the loss, with the decoder variance that suits the error best",
        "loss = ‖x − x̂‖² + 2·β·s²·KL,  s² = ‖x − x̂‖² / the number of pixels",
        "loss = |x - x'|^2 + 2*beta*s^2*KL,  s^2 = |x - x'|^2 / the number of pixels",
        (
            "The squared error is summed over the pixels; s² is its mean over the step, and the decoder variance.",
            "As the error falls the KL divergence counts less, as it would in the ELBO (Rybkin et al. 2021).",
            "Training down and validation up: it learns images by heart. Smaller β: sharper, worse samples.",
        ),
    ),
    "loss_ae": Explanation(
        "the loss of an autoencoder",
        "loss = ‖x − x̂‖²,  x̂ = decode(encode(x))",
        "loss = |x - x'|^2,  x' = decode(encode(x))",
        (
            "The squared error is summed over the pixels, and the mean taken over images.",
            "There is no KL divergence: nothing pulls the latents to N(0, I), so z from there give no digits.",
            "Training down and validation up: it learns images by heart.",
        ),
    ),
    "loss_bernoulli": Explanation(
        "the loss of a variational autoencoder of black and white pixels",
        "loss = −Σ [b·ln p + (1−b)·ln(1−p)] + β·KL,  p = σ(decode(z)), b drawn with chance x",
        "loss = -sum [b*ln p + (1-b)*ln(1-p)] + beta*KL,  p = sigmoid(decode(z)), b drawn with chance x",
        (
            "Each pixel is drawn white or black anew in every step, with its brightness as probability.",
            "In nats over the 28x28 pixels; with β = 1 minus the ELBO, which compares with published figures.",
            "Losses of a Gaussian likelihood are other sums and do not compare.",
        ),
    ),
    "flow": Explanation(
        "the loss of a learned prior: flow matching",
        "loss = ‖v(zₜ, t) − (ε − z)‖²,  zₜ = (1−t)·z + t·ε, ε from N(0, I), t uniform in [0, 1)",
        "loss = |v(z_t, t) - (eps - z)|^2,  z_t = (1-t)*z + t*eps, eps from N(0, I), t uniform in [0, 1)",
        (
            "The network v predicts the direction from a latent z to noise ε (Lipman et al. 2023).",
            "The squared error is summed over the latent numbers; there are no pixels and no KL divergence.",
            "It cannot reach 0: zₜ does not tell which z and ε it is from. Compare priors of one first stage.",
        ),
    ),
    "ddpm": Explanation(
        "the loss of a learned prior: DDPM",
        "loss = ‖ε(zₜ, t) − ε‖²,  zₜ = √ᾱₜ·z + √(1−ᾱₜ)·ε, ε from N(0, I), t one of 1,000 steps",
        "loss = |eps(z_t, t) - eps|^2,  z_t = sqrt(a_t)*z + sqrt(1-a_t)*eps, eps from N(0, I), t of 1,000 steps",
        (
            "The network predicts the noise ε in a noisy latent (Ho et al. 2020); ᾱₜ falls from 1 to nearly 0.",
            "The squared error is summed over the latent numbers; there are no pixels and no KL divergence.",
            "It cannot reach 0: where little noise was added, nothing tells it from the latent.",
        ),
    ),
    "error": Explanation(
        "the reconstruction error",
        "error = Σ (x − x̂)², over the pixels; x̂ = decode(μ(x))",
        "error = sum (x - x')^2, over the pixels; x' = decode(mu(x))",
        (
            "Every image is encoded to the mean of its posterior and decoded again; nothing is drawn at random.",
            "The error of a pixel is shown as brightness; a thin line that moved by one pixel costs much.",
            "The worst images (o on screen 3) are often those that people would misread as well.",
        ),
    ),
    "kl": Explanation(
        "the KL divergence",
        "KL(q(z|x) ‖ N(0, I)) = ½ Σ (σ² + μ² − ln σ² − 1), in nats",
        "KL(q(z|x) || N(0, I)) = 1/2 sum (sigma^2 + mu^2 - ln sigma^2 - 1), in nats",
        (
            "How much the latent says about its image: each latent number adds its part.",
            "A number with μ = 0 and σ = 1 adds nothing: it is inactive, and the decoder ignores it.",
            "Near 0 for all: posterior collapse, the loss pays no attention to the latent; β is too large.",
        ),
    ),
    "posterior": Explanation(
        "the posterior",
        "q(z|x) = N(z; μ(x), diag σ²(x))      z = μ + σ·ε, ε from N(0, I)",
        "q(z|x) = N(z; mu(x), diag sigma^2(x))    z = mu + sigma*eps, eps from N(0, I)",
        (
            "The encoder gives a mean and a standard deviation for each latent number of an image.",
            "Samples of it decode to what the model takes for the same image; > draws others.",
            "Where σ is near 1 and μ near 0 the number says nothing about this image (v shows both).",
        ),
    ),
    "posterior_point": Explanation(
        "the latent of an autoencoder",
        "z = encode(x),  x̂ = decode(z)",
        "z = encode(x),  x' = decode(z)",
        (
            "The encoder gives a number for each latent number of an image, and no spread: a point.",
            "There is no posterior to sample from, and nothing pulls the numbers to 0.",
            "t varies one of them: those that hardly vary over the images change little.",
        ),
    ),
    "sketch_point": Explanation(
        "a drawn digit, and what the model makes of it",
        "error = Σ (x − x̂)², x̂ = decode(z), z = encode(x);   away = ‖z − zₙ‖",
        "error = sum (x - x')^2, x' = decode(z), z = encode(x);   away = |z - z_n|",
        (
            "x: scaled into 20x20 pixels, its centre of mass in the middle, as MNIST has its digits.",
            "A classifier of MNIST digits reads it. The nearest training images: their latents lie nearest to z.",
            "All this is of the whole drawing. Covered pixels (c, b) are hidden from completing only (enter).",
        ),
    ),
    "sketch": Explanation(
        "a drawn digit, and what the model makes of it",
        "error = Σ (x − x̂)², x̂ = decode(μ(x));   KL(q(z|x) ‖ N(0, I));   away = ‖μ(x) − μ(xₙ)‖",
        "error = sum (x - x')^2, x' = decode(mu(x));  KL(q(z|x) || N(0, I));  away = |mu(x) - mu(x_n)|",
        (
            "x: scaled into 20x20 pixels, its centre of mass in the middle, as MNIST has its digits.",
            "A classifier of MNIST digits reads it. The nearest training images: their means lie nearest to μ(x).",
            "All this is of the whole drawing. Covered pixels (c, b) are hidden from completing only (enter).",
        ),
    ),
    "completion": Explanation(
        "completing what is hidden",
        "−ln p(z|x) = ‖m·(x − decode(z))‖² / 2s² − ln p(z) + const,  m: 1 where x is seen, s² = 0.02",
        "-ln p(z|x) = |m*(x - decode(z))|^2 / 2s^2 - ln p(z) + const,  m: 1 where x is seen, s^2 = 0.02",
        (
            "Samples of the learned prior are guided to the seen pixels (DAPS, Zhang et al. 2025).",
            "What is hidden is not looked at: the answers differ where what is seen leaves it open.",
            "The pixels outweigh a digit that is asked for (c); guidance above 1 ({ }) asks more strongly.",
        ),
    ),
    "completion_optimised": Explanation(
        "completing what is hidden",
        "−ln p(z|x) = ‖m·(x − decode(z))‖² / 2s² − ln p(z) + const,  m: 1 where x is seen, s² = 0.02",
        "-ln p(z|x) = |m*(x - decode(z))|^2 / 2s^2 - ln p(z) + const,  m: 1 where x is seen, s^2 = 0.02",
        (
            "Latents are optimised from samples of p(z), a Gaussian fitted to those of training images.",
            "What is hidden is not looked at: the answers differ where what is seen leaves it open.",
            "A learned prior (a run of the preset prior) knows more, and can be asked for a digit.",
        ),
    ),
    "sampling": Explanation(
        "samples",
        "z from p(z), x = decode(z);  p: N(0, I), N(m, diag s²), N(m, S) or Σₖ πₖ N(mₖ, Sₖ)",
        "z from p(z), x = decode(z);  p: N(0, I), N(m, diag s^2), N(m, S) or sum_k pi_k N(m_k, S_k)",
        (
            "New digits: a latent is drawn, and decoded. m, s and S are those of the training latents.",
            "The prior is right only where the posteriors together fill N(0, I); a mixture follows them.",
            "The temperature scales the standard deviation: below 1 safer and more alike, above 1 bolder.",
        ),
    ),
    "grid": Explanation(
        "a grid of a latent of two numbers",
        "z = t·(Φ⁻¹(u), Φ⁻¹(v)), u and v evenly in (0, 1), t the temperature;  x = decode(z)",
        "z = t*(Phi^-1(u), Phi^-1(v)), u and v evenly in (0, 1), t the temperature;  x = decode(z)",
        (
            "What the model can draw, in order: the first number to the right, the second one upwards.",
            "Quantiles cut N(0, 1) into equal parts: each digit stands for as much of the prior (Kingma 2014).",
            "Nothing is drawn at random, so there is no seed. t walks along one of the numbers.",
        ),
    ),
    "guidance": Explanation(
        "the learned prior, and its guidance",
        "v = v(z, t) + w·(v(z, t | digit) − v(z, t)),  w = 1: no guidance",
        "v = v(z, t) + w*(v(z, t | digit) - v(z, t)),  w = 1: no guidance",
        (
            "A network takes noise to a latent in steps; v is what it says with and without the digit.",
            "w above 1 goes further towards the digit: clearer, and more alike (Ho & Salimans 2022).",
            "More steps follow its way more closely; 10 are enough for flow matching, 50 for DDPM.",
        ),
    ),
    "traversal": Explanation(
        "one latent number varied",
        "zᵢ = mᵢ + k·sᵢ, k from −3 to 3;  m and s: mean and standard deviation over training latents",
        "z_i = m_i + k*s_i, k from -3 to 3;  m and s: mean and standard deviation over training latents",
        (
            "All other numbers stay: what changes is what this number means, near this digit.",
            "Where nothing changes, the number says nothing near this digit; inactive: it says nothing of any image.",
            "On the right: the training images whose pixels are nearest. j k # other numbers, a plays the row.",
        ),
    ),
    "walk": Explanation(
        "from one digit to another",
        "line: (1−t)·a + t·b      arc: [sin((1−t)Ω)·a + sin(tΩ)·b] / sin Ω, Ω the angle between them",
        "line: (1-t)*a + t*b    arc: [sin((1-t)W)*a + sin(t*W)*b] / sin W, W the angle between them",
        (
            "The line passes nearer to the mean than latents do, where many numbers are involved.",
            "The arc around the mean keeps the distance from it, where the decoder has seen latents.",
            "Digits on the way that are none: the space between the two classes is empty.",
        ),
    ),
    "frechet": Explanation(
        "the Fréchet distance",
        "d² = ‖m₁ − m₂‖² + tr(C₁ + C₂ − 2·(C₁C₂)^½)",
        "d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2*(C1 C2)^(1/2))",
        (
            "Means m and covariances C of a classifier's features, of samples and of training images.",
            "0 is reached by the same distribution; the floor is what real validation images reach.",
            "It falls with the number of samples: compare figures of the same number only.",
        ),
    ),
    "precision": Explanation(
        "precision and recall",
        "precision = share of samples inside the real manifold;  recall = of real images inside theirs",
        "precision = share of samples inside the real manifold;  recall = of real images inside theirs",
        (
            "The manifold: a ball around each image, out to its k-th neighbour (Kynkäänniemi 2019).",
            "High precision, low recall: good digits of few kinds. The reverse: all kinds, many broken.",
            "A lower temperature buys precision with recall.",
        ),
    ),
    "bounds": Explanation(
        "bounds on the likelihood",
        "ELBO ≤ ln 1/K Σₖ p(x, zₖ)/q(zₖ|x) ≤ ln p(x),  in the mean over zₖ from q(z|x)",
        "ELBO <= ln 1/K sum_k p(x, z_k)/q(z_k|x) <= ln p(x),  in the mean over z_k from q(z|x)",
        (
            "What the model thinks of unseen images, in nats: larger is better. K is 1,000.",
            "The gap between both bounds: how far posteriors are from the true ones.",
            "An autoencoder has no likelihood: its posterior is a point.",
        ),
    ),
    "units": Explanation(
        "active units",
        "number of i with Var over x of μᵢ(x) > 0.01",
        "number of i with Var over x of mu_i(x) > 0.01",
        (
            "Latent numbers that say something about the image (Burda et al. 2016).",
            "Few of all: the KL divergence switched the others off; a smaller β keeps more.",
            "The decoder ignores inactive numbers: walking along them changes nothing.",
        ),
    ),
}


OF_LOGITS, OF_BOTH = "_bernoulli", "_both"
EXPLANATIONS |= {topic + OF_BOTH: EXPLANATIONS[topic].of_both for topic in ("error", "sampling")} | {
    topic + OF_LOGITS: found.of_logits for topic, found in EXPLANATIONS.items() if not topic.startswith("loss")
}


def loss_topic(preset: Preset, config: RunConfig | None) -> str:
    """Which of the explanations is that of the loss of a run."""
    if preset.learns_prior:
        return "ddpm" if config and config.dynamics == "ddpm" else "flow"
    if config and config.likelihood == "bernoulli":
        return "loss_bernoulli"
    if not preset.has_kl:
        return "loss_ae"
    return "loss_optimal" if config and config.decoder_variance == "optimal" else "loss"


def for_run(topic: str, config: RunConfig | None) -> str:
    """What explains a topic to a run: its autoencoder may have no posterior with a spread, its decoder give logits."""
    of_points = f"{topic}_point"
    topic = of_points if config and config.encodes_to_points and of_points in EXPLANATIONS else topic
    return for_likelihoods(topic, [config.likelihood] if config else [])


def for_likelihoods(topic: str, likelihoods: Collection[str]) -> str:
    """What explains a topic to runs: that of logits where decoders give such, or where some of them do."""
    if "bernoulli" not in likelihoods:
        return topic
    of_logits = topic + (OF_LOGITS if set(likelihoods) == {"bernoulli"} else OF_BOTH)
    return of_logits if of_logits in EXPLANATIONS else topic

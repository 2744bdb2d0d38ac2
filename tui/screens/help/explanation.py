"""What an explanation is, and those of the planes of latents, of the looks of them, and of runs compared."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

DECODED = re.compile(r"decode\((?:[^()]|\([^()]*\))*\)")


@dataclass(frozen=True)
class Explanation:
    """A title, the formula for terminals with and without other letters than ASCII, and what to know about it."""

    title: str
    formula: str
    ascii: str
    lines: tuple[str, str, str]

    @property
    def of_logits(self) -> Explanation:
        """The same where a decoder gives logits: what is seen is their sigmoid."""
        formula = DECODED.sub(r"σ(\g<0>)", self.formula)
        return replace(self, formula=formula, ascii=DECODED.sub(r"sigmoid(\g<0>)", self.ascii))

    @property
    def of_both(self) -> Explanation:
        """The same where only the decoder of one of two runs gives logits."""
        found = self.of_logits
        formula, in_ascii = (
            f"{text};  {sign}: where pixels are Bernoulli"
            for text, sign in ((found.formula, "σ"), (found.ascii, "sigmoid"))
        )
        return replace(self, formula=formula, ascii=in_ascii)


PLANES = {
    "lda": Explanation(
        "linear discriminant analysis",
        "maximise wᵀB w / wᵀ(W + ε I) w;  B: scatter between the means of classes, W: within classes",
        "maximise w'Bw / w'(W + eps I)w;  B: scatter between the means of classes, W: within classes",
        (
            "The plane in which the classes lie apart best; its accuracy is that of a linear classifier.",
            "It is fitted to training latents and shows validation latents, else it would flatter itself (f).",
            "ε is 1 % of the largest variance: numbers that hardly vary throw no image far away (Friedman 1989).",
        ),
    ),
    "pca": Explanation(
        "principal component analysis",
        "C w = λ w, C the covariance of the latents;  explained: λ / Σ λ",
        "C w = lambda w, C the covariance of the latents;  explained: lambda / sum lambda",
        (
            "The two directions in which latents vary most; it knows nothing of classes.",
            "Percentages say how much of the variance the two axes hold.",
            "A variational autoencoder near N(0, I) has no such directions: little is explained.",
        ),
    ),
    "dims": Explanation(
        "two latent numbers",
        "(zᵢ, zⱼ) = (μᵢ(x), μⱼ(x))",
        "(z_i, z_j) = (mu_i(x), mu_j(x))",
        (
            "Two latent numbers as they are, those that vary most unless others are chosen.",
            "A blot at 0 is an inactive number: it says nothing about any image.",
            "[ ] and { } go to others, # types them.",
        ),
    ),
    "tsne": Explanation(
        "t-SNE: neighbours stay near",
        "minimise KL(P ‖ Q),  pᵢⱼ ~ exp(−‖zᵢ − zⱼ‖² / 2σᵢ²),  qᵢⱼ ~ 1 / (1 + ‖yᵢ − yⱼ‖²)",
        "minimise KL(P || Q),  p_ij ~ exp(-|z_i - z_j|^2 / 2 s_i^2),  q_ij ~ 1 / (1 + |y_i - y_j|^2)",
        (
            "Who is near whom is kept; how far apart groups lie, and how large they are, means little.",
            "σ gives each latent so many neighbours (van der Maaten & Hinton 2008). > takes another seed.",
            "It places these latents only: no other one has a place, and no point decodes.",
        ),
    ),
    "umap": Explanation(
        "UMAP: neighbours stay near",
        "minimise Σ −vᵢⱼ ln wᵢⱼ − (1 − vᵢⱼ) ln(1 − wᵢⱼ),  wᵢⱼ = 1 / (1 + a·‖yᵢ − yⱼ‖²ᵇ)",
        "minimise sum -v_ij ln w_ij - (1 - v_ij) ln(1 - w_ij),  w_ij = 1 / (1 + a*|y_i - y_j|^(2b))",
        (
            "v says how near latents are among each one's neighbours, w how near their points (McInnes 2018).",
            "Distances between groups mean a little more than in t-SNE, not much. > takes another seed.",
            "Its ways to other latents and back take seconds a point, and are not gone here.",
        ),
    ),
    "density": Explanation(
        "the aggregate posterior, and the prior",
        "q(z) = 1/N Σₙ q(z|xₙ), in the plane;  density at y: 1/M Σₘ K(y − yₘ), K a Gaussian",
        "q(z) = 1/N sum_n q(z|x_n), in the plane;  density at y: 1/M sum_m K(y - y_m), K a Gaussian",
        (
            "Where posteriors together lie, as shades: each holds that share of them where they are densest.",
            "Lines hold the same shares of what the sampler draws (z): of N(0, I), or what was fitted or learned.",
            "Samples are good where both agree here; other planes may differ.",
        ),
    ),
    "density_ratio": Explanation(
        "the aggregate posterior against the prior",
        "log₂ q(y) / p(y), both estimated with one kernel, of width n^(−1/6)·s;  in common: ∫ min(q, p)",
        "log2 q(y) / p(y), both estimated with one kernel, of width n^(-1/6)*s;  in common: integral min(q, p)",
        (
            "Holes, where the sampler draws latents that no image has: what decodes there is no digit.",
            "And the reverse: latents of images that the sampler hardly draws. z goes on to other samplers.",
            "s: the standard deviation within a class. Nothing is said where fewer than five draws of either tell.",
        ),
    ),
    "manifold": Explanation(
        "what decodes in the plane",
        "x̂(y) = decode(E[z | y]),  y a point of the plane, z Gaussian: in each class, or over all latents",
        "x'(y) = decode(E[z | y]),  y a point of the plane, z Gaussian: in each class, or over all latents",
        (
            "A point of the plane stands for many latents: the most likely one is decoded (Bishop 2006, 2.81).",
            "What no image comes near is a guess of the decoder: see where the points are, and the density (v).",
            "Zoom in (+): each picture grows, and those between two of them are decoded.",
        ),
    ),
    "particles": Explanation(
        "particles of a learned prior, from noise to digits",
        "z − Δt·v, from t = 1 to 0;  v = v(z, t) + w·(v(z, t | digit) − v(z, t)),  w = 1: no guidance",
        "z - dt*v, from t = 1 to 0;  v = v(z, t) + w*(v(z, t | digit) - v(z, t)),  w = 1: no guidance",
        (
            "Each dot is a latent in the plane of discriminants, in the colour of the digit it was asked for.",
            "Ground: where latents of each digit lie, its sign at the mean. Beside it the first eight, decoded.",
            "w above 1 goes further towards the digit that c asks for: clearer, and more alike (Ho & Salimans 2022).",
        ),
    ),
}

COMPARED = {
    "seeds": Explanation(
        "runs, and seeds of one run",
        "mean(t) = 1/n Σ loss(t);  band: smallest to largest",
        "mean(t) = 1/n sum loss(t);  band: smallest to largest",
        (
            "Runs that differ in the seed only are drawn as their mean, with all of them in the band.",
            "Two settings whose bands overlap may differ by chance: train more seeds.",
            "Losses of other data sets, β or decoder variances are other sums and do not compare.",
        ),
    ),
    "sweep": Explanation(
        "what a sweep came to, and its seeds",
        "mean ± s:  mean = 1/n Σ xᵢ,  s² = 1/(n−1) Σ (xᵢ − mean)²,  x the figure of n seeds",
        "mean +- s:  mean = 1/n sum x_i,  s^2 = 1/(n-1) sum (x_i - mean)^2,  x the figure of n seeds",
        (
            "The best has the lowest figure. Losses of another β, preset or decoder are other sums: none is best.",
            "h puts runs that differ in nothing but the seed into a row; (n 2): two of them have the figure.",
            "Means nearer than about 3·s divided by the root of n may differ by chance alone: train more seeds.",
        ),
    ),
    "settings": Explanation(
        "the settings of two runs",
        "≠: another value;  losses are the same sum if preset, likelihood, β, decoder variance and dynamics are alike",
        "!: another value;  losses: same sum if preset, likelihood, beta, decoder variance and dynamics are alike",
        (
            "Every setting of both runs, then what their models come to and what they reached; equal rows are dim.",
            "Another preset, likelihood, β, decoder variance or dynamics: losses are other sums, which is said there.",
            "Another data set or holdout: the same sum, but of other validation images. All else may be compared.",
        ),
    ),
}

"""How numbers, times and states read, on the screens and in the output of commands."""

from __future__ import annotations

import math
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from core.text import printable

if TYPE_CHECKING:
    from core.arrays import Floats
    from core.explorer.results import Completions, Neighbours, ReconstructionPage, Sketched
    from core.latents.options import CompletionOptions, SamplingOptions
    from core.runs.architecture.presets import Preset
    from core.runs.architecture.sizes import Sizes
    from core.runs.catalog import RunSummary
    from core.runs.choosing.outcome import SeedGroup
    from core.runs.keeping.evaluated import Evaluated
    from core.runs.status import Status
    from tui.messages import Moment

NAME_LENGTH = 24  # of a class
CLASS_SIGNS = string.digits + string.ascii_uppercase + string.ascii_lowercase  # of the classes, in planes
LIKELY = 0.05  # probabilities from here on are named
NONE = "–"  # in place of a value that is not known
MOST_DECIMALS = 4  # of a figure of a sweep
OUT_OF_BOUNDS = 1e6  # such as the loss of a run that diverged
FORK = "↳"  # behind the name of a run that goes on from where another one was

# A sign beside each state, so that colour is never needed to tell them apart.
STATE_LOOKS: Mapping[str, tuple[str, str]] = {
    "created": ("·", "dim"),
    "running": ("▶", "green"),
    "paused": ("‖", "yellow"),
    "stopped": ("■", "cyan"),
    "finished": ("✓", "bold"),
    "failed": ("✗", "red"),
    "lost": ("?", "magenta"),
    "queued": ("…", "blue"),
    "unknown": ("?", "dim"),
}


def state(summary: RunSummary) -> Text:
    """The state of a run with its sign and colour."""
    if summary.gone:
        return Text("! gone", "bold red")
    if summary.damage or summary.state is None:
        return Text("! damaged", "bold red")
    sign, style = STATE_LOOKS[summary.state]
    if any(alert.is_problem for alert in summary.alerts):
        return Text.assemble(("!", "bold red"), (f" {summary.state}", style))  # as wide as without it
    place = f" {summary.place}" if summary.place else ""
    return Text(f"{sign} {summary.state}{place}", style)


def loss(value: float | None) -> str:
    """A loss with as many digits as tell runs apart."""
    return NONE if value is None or value != value else f"{value:.2f}"


def decimals(values: Iterable[float]) -> int:
    """So many that the smallest of these has four digits: with as many for all, their points are below each other."""
    sizes = [abs(value) for value in values if value and math.isfinite(value)]
    return min(MOST_DECIMALS, max(0, 3 - math.floor(math.log10(min(sizes, default=1)))))


def figure(value: float, places: int) -> str:
    """A figure of a sweep with so many decimals, in short where it went out of all bounds."""
    return f"{value:.{places}f}" if abs(value) < OUT_OF_BOUNDS else f"{value:.4g}"


def mean_of_seeds(group: SeedGroup, name: str, places: int) -> str:
    """The mean of a figure and its deviation; of how many seeds where not of all; a dash where of none."""
    spread = group.spread(name)
    if spread is None:
        return NONE
    deviation = "" if spread.deviation is None else f" ± {figure(spread.deviation, places)}"
    of = "" if spread.n == len(group.trials) else f" (n {spread.n})"
    return f"{figure(spread.mean, places)}{deviation}{of}"


def validation(summary: RunSummary) -> str:
    """The loss of the newest validation, such as 4.56; with its epoch where others were finished since: 4.56 e390."""
    if summary.validation is None:
        return NONE
    epoch, value = summary.validation
    newest = summary.status is None or summary.status.epoch <= epoch
    return loss(value) if newest else f"{loss(value)} e{epoch}"


def evaluated(found: Evaluated | None) -> str:
    """A Fréchet distance that was measured, of which samples and of which weights; nothing where none was."""
    if found is None or found.frechet is None:
        return ""
    of = {True: "", False: ", of older weights", None: ", perhaps of older weights"}[found.newest]
    return f"Fréchet distance {found.frechet:.2f}, {found.samples:,} samples, {found.sampler}{of}"


def epochs(status: Status | None) -> str:
    """Finished epochs of all, such as 3/10 or 17/60 early; none of a run that was not trained here."""
    return f"{status.epoch}/{status.epochs}{' early' * ended_early(status)}" if status and status.epochs else NONE


def moment(epoch: float) -> str:
    """A moment of a training, such as `epoch 0.03`, `epoch 3.2` or `epoch 40`."""
    return f"epoch {epoch:.2f}" if epoch < 1 else f"epoch {epoch:.1f}".removesuffix(".0")


def measured_until(moment: Moment | None) -> str:
    """What was measured last until a moment, and after which epoch."""
    if moment is None:
        return ""
    found = {"validation": moment.validation, "Fréchet": moment.distance}
    epochs = {each[0] for each in found.values() if each}
    figures = [
        f"{name} {each[1]:.4g}" + (f" (epoch {each[0]})" if len(epochs) > 1 else "")
        for name, each in found.items()
        if each
    ]
    return ", ".join(figures) + (f" (epoch {epochs.pop()})" if len(epochs) == 1 else "")


def no_snapshots(name: str, preset: Preset) -> str:
    """Why there is nothing to go back to, and what would give it."""
    if preset.learns_prior:
        return f"{name} is a learned prior, of which no snapshots are kept"
    return f"{name} has no snapshots of its training: runs keep them while they train, see the setting snapshots"


def ended_early(status: Status) -> bool:
    """Whether the run finished before its goal, for the reason in its status."""
    return status.state == "finished" and bool(status.reason) and status.epoch < status.epochs


def throughput(images_per_second: float) -> str:
    """How fast a run trains, such as 12,345 images/s."""
    return f"{images_per_second:,.0f} images/s"


def count(number: int, what: str) -> str:
    """How many of something, such as 1 epoch or 12 epochs."""
    return f"{number} {what}{'s' * (number != 1)}"


def others_train(number: int) -> str:
    """That so many runs train on this machine already."""
    return f"{count(number, 'run')} {'train' if number > 1 else 'trains'} on this machine already"


def cost(seconds: float | None, disk: int, needed: int | None) -> str:
    """What a run will cost: about 12 m, 3 MB on disk, 700 MB of memory."""
    unknown = "time unknown yet" if needed else "time and memory unknown yet"
    time = unknown if seconds is None else f"about {estimate(seconds)}"
    return f"{time}, {memory(disk)} on disk" + (f", {memory(needed)} of memory" if needed else "")


def model(parameters: int, slower: str) -> str:
    """How large it is, and that no compiled step trains it on a CPU where there is a reason why."""
    return f"{parameters:,} parameters" + (", no compiled step on a CPU: slower" if slower else "")


def model_in_brief(parameters: int, slower: str) -> str:
    """The same where there is little room."""
    return f"{parameters:,} parameters" + (", slower" if slower else "")


def first_rate(rate: float, epoch: str, epochs: int) -> str:
    """With which learning rate a fork begins: 2.8e-06 at epoch 100 of 101."""
    return f"{rate:.2g} at epoch {epoch} of {epochs}"


def duration(seconds: float) -> str:
    """A length of time in its two largest units, such as 3 h 12 m; from ten minutes on without seconds."""
    seconds = max(0, round(seconds))
    if 600 <= seconds < 3600:
        return f"{seconds // 60} m"
    for size, unit, below, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= size:
            rest = seconds % size // below
            return f"{seconds // size} {unit} {rest} {smaller}"
    return f"{seconds} s"


def estimate(seconds: float) -> str:
    """An estimated length of time, such as an ETA: to the minute from one minute on."""
    return duration(seconds) if not 60 <= seconds < 3600 else f"{round(seconds / 60)} m"


def age(seconds: float) -> str:
    """How long ago, in the largest unit only."""
    return "now" if seconds < 2 else " ".join(duration(seconds).split()[:2])


def memory(size: float) -> str:
    """Bytes in GB, below one in MB, and below one of these in kB."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 or not size else f"{size / 1e3:.0f} kB"


def sampling_options(options: SamplingOptions) -> str:
    """What a learned prior draws, such as digit 3, guidance 2, 50 steps."""
    return f"{digit_asked(options.digit, options.guidance)}, {count(options.steps, 'step')}"


def digit_asked(digit: int | None, guidance: float) -> str:
    """What a learned prior is asked for, such as digit 3, guidance 2."""
    asked = "any digit" if digit is None else f"digit {digit}"
    return f"{asked}, guidance {guidance:g}" if guidance != 1 else asked


def sketched(found: Sketched) -> str:
    """What a drawn digit costs, such as squared error 12.3, KL 14.1 nats."""
    return f"squared error {found.error:.1f}" + (f", KL {found.kl:.1f} nats" if found.kl else "")


def taken_for(probabilities: Floats) -> str:
    """The likeliest of the digits by their probabilities (10,), three at most: `7 (93%), 2 (6%)`."""
    likeliest = sorted(enumerate(probabilities.tolist()), key=lambda pair: -pair[1])[:3]
    return ", ".join(f"{digit} ({probability:.0%})" for digit, probability in likeliest if probability >= LIKELY)


def sketch_captions(found: Sketched) -> list[str]:
    """Of what is drawn, of its reconstruction, and of each training image near it, such as 7, 3.9 away."""
    near = zip(found.labels.tolist(), found.distances.tolist(), strict=True)
    return [
        "centred",
        "reconstructed",
        *(", ".join(filter(None, (class_title(label, found.classes), f"{away:.1f} away"))) for label, away in near),
    ]


def completion_asked(options: CompletionOptions, preset: Preset) -> str:
    """What keys change of a completion, such as digit 3 asked for, guidance 2, seed 0."""
    asked = "any digit" if options.digit is None else f"digit {options.digit} asked for, guidance {options.guidance:g}"
    return ", ".join([*([asked] if preset.learns_prior else []), f"seed {options.seed}"])


def completed_by(options: CompletionOptions, preset: Preset) -> str:
    """How many answers there are, and what gives them, such as 6 answers of the learned prior."""
    how = "the learned prior" if preset.learns_prior else "optimised latents"
    return f"{count(options.count, 'answer')} of {how}"


def completions(found: Completions) -> list[str]:
    """Of each answer what it is taken for, and the error of the pixels that were seen, such as 7, error 1.2."""
    digits = [""] * len(found.errors) if found.digits is None else [f"{digit}, " for digit in found.digits]
    return [f"{digit}error {error:.1f}" for digit, error in zip(digits, found.errors, strict=True)]


def class_number(label: int, classes: Sequence[str]) -> str:
    """A class by its number, and its sign in planes where that is another: `35 Z`; nothing where none is labelled."""
    return "" if not classes else str(label) if label < 10 else f"{label} {CLASS_SIGNS[label]}"


def class_title(label: int, classes: Sequence[str]) -> str:
    """The same and, where its name says more, its name: `3 dog`."""
    name, number = classes[label] if label < len(classes) else "", class_number(label, classes)
    known = ("", str(label), CLASS_SIGNS[label])
    return f"{number} {printable(name)[:NAME_LENGTH]}" if name not in known else number


def neighbours(found: Neighbours) -> list[list[str]]:
    """For each image the class and the distance of the training images nearest to it: `7  3.9`."""
    pairs = (zip(*each, strict=True) for each in zip(found.labels.tolist(), found.distances.tolist(), strict=True))
    return [[_beside(class_title(label, found.classes), distance) for label, distance in row] for row in pairs]


def page_captions(page: ReconstructionPage) -> list[str]:
    """The class and the error of each image: `7  3.9`."""
    pairs = zip(page.labels.tolist(), page.errors.tolist(), strict=True)
    return [_beside(class_number(label, page.classes), error) for label, error in pairs]


def _beside(title: str, value: float) -> str:
    return f"{title}  {value:.1f}" if title else f"{value:.1f}"


def latent(chosen: Sizes) -> str:
    """What the sizes of a model come to: `a latent of 2x1x1 = 2 numbers`."""
    return f"a latent of {latent_size(chosen)}"


def latent_size(chosen: Sizes) -> str:
    """Channels, rows and columns of a latent, and how many numbers: `2x1x1 = 2 numbers`."""
    return f"{'x'.join(map(str, chosen.latent_shape))} = {chosen.latent_size:,} numbers"

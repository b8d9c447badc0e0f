"""Every setting of a training run, its default, and the schedule they make; free of torch, because help reads it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .._utils.errors import InputError
from ..nn.layers import GRID_SIZE, LATTICE_SIZE

Phase = Literal["warmup", "style"]

SCRATCH_WARMUP = 2000
"""Warm-up steps of a model that does not start from trained weights."""

MIN_CROP = 32
"""Smallest training crop: relu4_1 is then 4 × 4, the least that has statistics worth the name."""

LEAST_CROPS = {"lattice_weight": LATTICE_SIZE, "grid_weight": GRID_SIZE}
"""Smallest training crops of the losses that look for what repeats."""

RESUMABLE = frozenset(
    {
        "max_iter",
        "max_minutes",
        "checkpoint_every",
        "checkpoint_minutes",
        "preview_every",
        "log_every",
        "precision",
        "compile",
        "winograd",
        "crops_on",
    }
)
"""Settings that may differ when a run is resumed: none of them changes what has been learnt."""


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


def flag(name: str) -> str:
    """The command-line spelling of a setting: ``batch_size`` gives ``--batch-size``."""
    return "--" + name.replace("_", "-")


@dataclass(frozen=True)
class TrainingConfig:
    """The recipe of a run. The defaults are those of Huang & Belongie 2017 where the paper gives one.

    The ``help`` entry in each field's metadata says what it is; the command line shows the same words.
    """

    model: Literal["vgg19", "classic", "fast"] = _setting(
        "vgg19",
        "vgg19: the decoder of the base model; grown from one of classic's, it begins with its pictures. classic: the "
        "decoder as published, of relu4_1 alone. fast: encoder and decoder of the fast one; its warm-up distils "
        "VGG-19's features into the encoder while the decoder learns to give images back.",
    )
    max_iter: int = _setting(160_000, "Steps of style training; a warm-up comes on top.")
    batch_size: int = _setting(8, "Content-style pairs a step, in each process.")
    crop: int = _setting(256, "Side of the training images in pixels, a multiple of 8.")
    crop_scale: tuple[float, float] = _setting(
        (0.1, 1.0), "Least and greatest area of a crop, as a share of the largest square that fits."
    )
    lr: float = _setting(1e-4, "Learning rate of Adam.")
    lr_schedule: Literal["inverse", "cosine", "time"] = _setting(
        "inverse",
        "inverse: lr / (1 + lr_decay * t); cosine: down to lr_final_factor at max_iter; time: likewise, but at "
        "--max-minutes, however many steps that will be.",
    )
    lr_decay: float = _setting(5e-5, "Decay of the inverse schedule per step.")
    lr_final_factor: float = _setting(0.02, "Where cosine schedules end, as a share of the learning rate.")
    lr_warmup: int = _setting(100, "Steps over which the learning rate rises from 0.")
    betas: tuple[float, float] = _setting((0.9, 0.999), "Decay rates of Adam's two moments.")
    clip_norm: float = _setting(5.0, "Gradients are scaled down to this norm (0: never).")
    content_weight: float = _setting(1.0, "Weight of the content loss.")
    structure_weight: float = _setting(
        0.0, "Weight of the content distance: relu4_1 of output and photograph, both normalised by channel."
    )
    style_weight: float = _setting(10.0, "Weight of the style loss (averaged over channels).")
    style_form: Literal["mean", "sum"] = _setting(
        "mean", "mean: the style loss is averaged over the channels of a layer; sum: summed, as in the paper."
    )
    covariance_weight: float = _setting(
        0.0, "Weight of the Wasserstein-2 distance of the style's channels at relu1_1, relu2_1."
    )
    tv_weight: float = _setting(0.0, "Weight of the output's squared total variation.")
    calm_weight: float = _setting(
        0.0, "Weight of what the output adds where the photograph is flat: variance in squares of 16 px."
    )
    lattice_weight: float = _setting(0.0, "Weight of the energy of the output that repeats every 2, 4 or 8 px.")
    grid_weight: float = _setting(0.0, "Weight of what the output's quarters have in common every 8 px.")
    alpha_low: float = _setting(
        1.0, "Each pair is trained at an alpha drawn between this and 1 (1: always full style)."
    )
    blend_share: float = _setting(0.0, "Share of the pairs given a blend of two styles, so that blends stay clean.")
    identity_share: float = _setting(
        0.0, "Share of the pairs whose style is the content itself, to come back unchanged."
    )
    identity_weight: float = _setting(40.0, "Weight of the pixel error of those pairs.")
    warmup_iter: int | None = _setting(
        None, f"Auto-encoder steps before style training. [default: {SCRATCH_WARMUP}; 0 with --init-from]"
    )
    freeze_iter: int = _setting(
        0, "fast: Steps of style training for the decoder alone, before both ends are tuned together."
    )
    teacher_weight: float = _setting(
        0.0, "fast: Weight of the pixel error against what the base model makes of the pair."
    )
    loss_size: int = _setting(0, "fast: Side to which images are reduced for the loss network (0: not at all).")
    warmup_lr: float = _setting(5e-4, "Learning rate of the warm-up, falling along a cosine.")
    warmup_crop: int | None = _setting(None, "Crop of the warm-up. [default: half of --crop, at least 64]")
    ema: float = _setting(0.999, "Decay of the running average of the weights that is saved (0: none).")
    seed: int = _setting(0, "Fixes the crops: the same seed gives the same weights on a machine.")
    precision: Literal["auto", "fp32", "bf16"] = _setting("auto", "auto is bf16 on CUDA and fp32 elsewhere.")
    compile: bool = _setting(False, "Compile a step's networks and losses, as a whole, with torch.compile.")
    winograd: Literal["auto", "on", "off"] = _setting(
        "auto",
        "Winograd's algorithm for the convolutions of a CPU in fp32, without compile. auto: where that is known to be "
        "faster, on x86 with AVX2 and without AVX-512, but for batches of very few pixels.",
    )
    crops_on: Literal["auto", "host", "device"] = _setting(
        "auto",
        "Where crops are cut. device: all pictures are in its memory; auto: so on CUDA, if they fit into half of what "
        "is free.",
    )
    cache_size: int = _setting(512, "Images are cached decoded, the shorter side reduced to this.")
    log_every: int = _setting(10, "Steps between two lines of log.jsonl.")
    checkpoint_every: int = _setting(1000, "Steps between two checkpoints.")
    checkpoint_minutes: float = _setting(10.0, "Minutes between two checkpoints, where steps are slow (0: no limit).")
    preview_every: int = _setting(1000, "Steps between two preview sheets (0: none).")
    keep_checkpoints: int = _setting(3, "Checkpoints kept; older ones are removed.")
    max_minutes: float | None = _setting(None, "Save and stop this long after the start of the call (0: no limit).")

    def validate(self) -> TrainingConfig:
        """The same config, once every value has been found usable.

        Raises:
            InputError: one line that names the flag, the value and what would be right.
        """
        for name in ("max_iter", "batch_size", "log_every", "checkpoint_every", "keep_checkpoints"):
            self._need(name, getattr(self, name) >= 1, "at least 1")
        weights = [setting.name for setting in fields(self) if setting.name.endswith("_weight")]
        counts = ("seed", "lr_warmup", "preview_every", "freeze_iter", "warmup_iter")
        for name in (*counts, "lr_decay", "clip_norm", "max_minutes", "checkpoint_minutes", *weights):
            self._need(name, 0 <= (getattr(self, name) or 0) < math.inf, "0 or more, and finite")
        for name in ("lr", "warmup_lr"):
            self._need(name, 0 < getattr(self, name) <= 1, "above 0 and at most 1")
        for name in ("identity_share", "lr_final_factor", "alpha_low", "blend_share"):
            self._need(name, 0 <= getattr(self, name) <= 1, "between 0 and 1")
        self._need("ema", 0 <= self.ema < 1, "at least 0 and below 1")
        if self.lr_schedule == "time" and not self.max_minutes:
            raise InputError("--lr-schedule time needs --max-minutes, at the end of which the rate has fallen")
        self._need("betas", all(0 <= b < 1 for b in self.betas), "two numbers from 0 to below 1")
        low, high = self.crop_scale
        self._need("crop_scale", 0 < low <= high <= 1, "two shares with 0 < low <= high <= 1")
        for name in ("crop", "warmup_crop"):
            side = getattr(self, name)
            fits = side is None or (side >= MIN_CROP and side % 8 == 0)
            self._need(name, fits, f"a multiple of 8, {MIN_CROP} or more")
        fits = self.loss_size == 0 or (MIN_CROP <= self.loss_size <= self.crop and self.loss_size % 8 == 0)
        self._need("loss_size", fits, f"0, or a multiple of 8 from {MIN_CROP} to --crop")
        for name, side in LEAST_CROPS.items():
            fits = not getattr(self, name) or self.crop >= side
            self._need(name, fits, f"0 where --crop is below {side}, or --crop that")
        for name in ("freeze_iter", "teacher_weight", "loss_size"):
            self._need(name, self.model == "fast" or not getattr(self, name), "0 without --model fast")
        self._need("cache_size", self.cache_size >= 64, "64 or more")
        for name, hint in get_type_hints(type(self)).items():
            if get_origin(hint) is Literal:
                self._need(name, getattr(self, name) in get_args(hint), f"one of {', '.join(get_args(hint))}")
        if self.covariance_weight > 0 and (self.alpha_low < 1 or self.blend_share > 0):
            raise InputError("--covariance-weight needs --alpha-low 1 and --blend-share 0: covariances do not blend")
        if self.winograd == "on" and (self.precision == "bf16" or self.compile):
            raise InputError("--winograd on is for --precision fp32 without --compile: give --winograd off with others")
        if self.content_weight == 0 and self.style_weight == 0:
            raise InputError("--content-weight and --style-weight are both 0: nothing would be learnt")
        return self

    def resolved(self, *, from_scratch: bool) -> TrainingConfig:
        """The same config with the values that depend on how the run starts filled in."""
        default = SCRATCH_WARMUP if from_scratch else 0
        steps = default if self.warmup_iter is None else self.warmup_iter
        return replace(self, warmup_iter=steps, warmup_crop=self.warmup_crop or max(64, self.crop // 16 * 8))

    def overridden(self, given: Mapping[str, Any]) -> TrainingConfig:
        """The config of a resumed run with the settings in ``given`` put in their place.

        Raises:
            InputError: if one outside :data:`RESUMABLE` would change.
        """
        for name, value in given.items():
            if name not in RESUMABLE and value != getattr(self, name):
                allowed = ", ".join(flag(n) for n in sorted(RESUMABLE))
                raise InputError(
                    f"{flag(name)} is {_shown(getattr(self, name))} in this run and cannot be changed to "
                    f"{_shown(value)} by --resume (only {allowed} can): start a new run with --init-from"
                )
        return replace(self, **given).validate()

    @property
    def least_crop(self) -> int:
        """Side in pixels that a crop must have for the losses that have a weight."""
        return max((side for name, side in LEAST_CROPS.items() if getattr(self, name)), default=MIN_CROP)

    @property
    def warmup_steps(self) -> int:
        """Length of the warm-up of a resolved config."""
        return self.warmup_iter or 0

    @property
    def total_steps(self) -> int:
        """Warm-up and style training together."""
        return self.warmup_steps + self.max_iter

    def to_json(self) -> str:
        """All settings as one JSON object."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> TrainingConfig:
        """The config that :meth:`to_json` wrote, or InputError. Settings it does not name keep their default."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise InputError(f"the training configuration is not JSON: {error}") from None
        if not isinstance(values, dict):
            raise InputError("the training configuration must be a JSON object of settings")
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise InputError(f"the training configuration has unknown settings: {', '.join(unknown)}")
        pairs: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        try:
            return cls(**pairs).validate()
        except TypeError as error:
            raise InputError(f"the training configuration is damaged: {error}") from None

    def _need(self, name: str, holds: bool, wanted: str) -> None:
        if not holds:
            raise InputError(f"{flag(name)} must be {wanted}, not {_shown(getattr(self, name))}")


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def phase_of(config: TrainingConfig, step: int) -> tuple[Phase, int]:
    """The phase of a step (counted from 0 over the whole run), and the step's number within it."""
    if step < config.warmup_steps:
        return "warmup", step
    return "style", step - config.warmup_steps


def learning_rate(config: TrainingConfig, step: int, share: float = 0.0) -> float:
    r"""The learning rate of one step.

    .. math:: \text{inverse: } \frac{\eta}{1 + \lambda t}, \qquad
              \text{cosine: } \eta \left(f + (1 - f) \frac{1 + \cos(\pi t / T)}{2}\right)

    with :math:`t` counted from 0 within the phase; the warm-up always follows the cosine. ``time`` is the cosine with
    ``share`` in the place of :math:`t / T`, or with that, should it be greater. Over the first
    ``lr_warmup`` steps of either phase this is multiplied by :math:`(t + 1) / \text{lr\_warmup}`, because
    Adam's second moment is still a poor estimate there.

    Args:
        share: the part of the run's time that is over, of which only ``time`` takes notice.
    """
    phase, t = phase_of(config, step)
    rise = min(1.0, (t + 1) / config.lr_warmup) if config.lr_warmup else 1.0
    if phase == "warmup":
        return rise * config.warmup_lr * _cosine(t / config.warmup_steps, config.lr_final_factor)
    if config.lr_schedule != "inverse":
        done = max(t / config.max_iter, share if config.lr_schedule == "time" else 0.0)
        return rise * config.lr * _cosine(done, config.lr_final_factor)
    return rise * config.lr / (1.0 + config.lr_decay * t)


def ema_decay(config: TrainingConfig, step: int) -> float:
    """Decay of the weight average at a step: short at first, so that the start is soon forgotten."""
    _, t = phase_of(config, step)
    return min(config.ema, (t + 1) / (t + 10))


def _cosine(progress: float, final: float) -> float:
    return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))

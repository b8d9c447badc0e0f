"""A style's own decoder, from the artwork to the file: trained, judged and written, and taken up again after anything.

The run's folder lies beside the output, ``NAME.run``: ``run.json`` (settings and sources), ``log.jsonl``,
``loss.png``, ``previews/``, ``style.safetensors`` (the style so far), and in the end ``report.json`` and ``sheet.jpg``.
Its checkpoints and decoded photographs are removed when the run is done.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from PIL import Image

from .._utils.errors import InputError, TrainingError
from .._utils.files import atomic_path, check_writable
from .._utils.protect import protect
from .._utils.resources import resolve, sample_folder
from .._utils.signals import Reason, StopFlag, Stopped
from ..control.change import CUSTOM
from ..control.style import SUFFIX, Style
from ..image import DEFAULT_MAX_PIXELS
from ..nn.layers import BASE, CLASSIC, FAST
from ..nn.pretrained import DEFAULT_MODEL, load_encoder
from ..nn.vgg import CONTENT_LAYER, VGGEncoder
from ..stylizer.stylizer import Stylizer
from ..training.cache import ImageCache, Skipped, open_cache
from ..training.checkpoint import CheckpointStore, State
from ..training.config import TrainingConfig
from ..training.crops import CONTENT_STREAM, BatchMaker, Crop, draw_crops
from ..training.distributed import Ranks, Team
from ..training.learner import Learner
from ..training.loop import TrainingResult
from ..training.report import Reporter
from ..training.trainer import Trainer
from .figures import Figures, Judged, apart, judge_style, save_sheet, share_within
from .learner import STYLE_FILE, Original, SpecialLearner
from .lowrank import check_rank
from .options import MINUTES, SpecialOptions, takes
from .target import SpecialTarget, read_target

REPORT_FILE, SHEET_FILE = "report.json", "sheet.jpg"

MARGIN_SECONDS = 2.0
"""Time kept back for writing."""

RESUMABLE = frozenset({"minutes", "steps", "resume", "device", "precision", "preview_every", "cache_dir", "max_pixels"})
"""Options that may differ when a run is taken up again: none of them changes what has been learnt."""

CHECKPOINT_MINUTES = 0.5
"""What is lost at most, and a step."""

CACHE_SIZE = 512
"""Shorter side in pixels to which photographs are reduced before crops are cut out of them."""

CROP_SCALE = (0.15, 1.0)
"""Least and greatest area of a crop, as a share of the largest square that fits."""

MODELS: dict[str, Literal["vgg19", "classic", "fast"]] = {
    BASE.name: "vgg19",
    CLASSIC.name: "classic",
    FAST.name: "fast",
}
"""The trainer's names of the networks."""

STYLE_WEIGHT, HOLD, LATTICE = 20.0, 8.0, 10.0
"""Of the style loss, where the multiplier of the content distance begins, and of what repeats every few pixels, which
the style loss would not mind in a flat sky."""

BEYOND = 0.02
"""Content distance that whole photographs may lose beyond the slack, which is that of crops; where they lose more, the
change is weakened."""

_FOREVER = 10**7
"""Steps of a run that time ends."""


@dataclass(frozen=True)
class SpecialResult:
    """How a call of :func:`specialise` ended.

    Attributes:
        reason: ``"finished"``, ``"SIGINT"`` or ``"SIGTERM"``; a run that was broken off can be taken up again.
        output: the style's file; of a run that was broken off, the style so far, or None if there is none yet.
        folder: of the run.
        steps, seconds: of training, in the whole run.
        general, special: figures of the decoder as it is and of the changed one; None of a run that was broken off.
        photographs: how many the figures are of.
        unseen: whether these were kept apart from those to train on.
        bytes: of the style's file.
        strength: of the change: below 1 where whole photographs would have lost too much content distance.
    """

    reason: Reason
    output: Path | None
    folder: Path
    steps: int
    seconds: float
    general: Figures | None = None
    special: Figures | None = None
    photographs: int = 0
    unseen: bool = False
    bytes: int = 0
    strength: float = 1.0


@takes(SpecialOptions).two
def specialise(
    artworks: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    options: SpecialOptions,
) -> SpecialResult:
    """Train a small change of the decoder for one artwork, or for a few that belong together.

    The special case of Johnson et al. 2016, a network for one style, as a change of low rank (Hu et al. 2021) of the
    decoder for any. The style's file holds statistics and change, and serves wherever a style does.

    Args:
        artworks: files. Of several, the style is their mean.
        output: the style's file, which ends in ``.safetensors``; ``wave.style.safetensors`` names its results
            ``wave``. The run's folder is ``wave.style.run``.
        options: a :class:`SpecialOptions` object; its fields are the keywords, too.

    Raises:
        InputError: if options contradict each other, the output cannot be written, or its folder holds a run already
            or none to resume.
        MissingFileError, ImageError: if an artwork or a photograph cannot be read.
        TrainingError: if the loss is no longer finite, or no checkpoint can be read.
    """
    return Specialiser(artworks, output, options).run()


def run_folder(output: str | os.PathLike[str]) -> Path:
    """The folder of an output's run, beside it."""
    return Path(output).with_suffix(".run")


class Specialiser:
    """A run, or the rest of one; arguments and errors as for :func:`specialise`."""

    def __init__(
        self,
        artworks: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        output: str | os.PathLike[str],
        options: SpecialOptions,
        *,
        begun: float | None = None,
    ) -> None:
        self._begun = time.monotonic() if begun is None else begun
        self.output, self.folder = Path(output), run_folder(output)
        if Ranks.from_environment().world_size > 1:
            raise InputError("adain specialise runs in one process: start it without torchrun")
        if self.output.suffix != SUFFIX:
            raise InputError(f"cannot write {output}: a style's file must end in {SUFFIX}")
        given = [artworks] if isinstance(artworks, (str, os.PathLike)) else [*artworks]
        self.artworks = [resolve(art, "style") if isinstance(art, str) else Path(art) for art in given]
        self.reporter: Reporter = options.reporter or Reporter()
        self.resumed: State | None = None
        store = CheckpointStore(self.folder / "checkpoints")
        self._is_given_time = options.minutes is not None
        if options.resume:
            self.resumed = self._latest(store)
            options = self._taken_up(self.resumed["run"], options)
        elif store.paths():
            raise InputError(
                f"{self.folder} holds a run that was broken off: add --resume to go on with it, or choose another -o"
            )
        self.options = options
        self._check_output()

    @property
    def can_resume(self) -> bool:
        """Whether there is something to go on from, as there is once training has begun."""
        return bool(CheckpointStore(self.folder / "checkpoints").paths())

    def _latest(self, store: CheckpointStore) -> State:
        try:
            return store.load_latest(self.reporter.note)
        except TrainingError:
            if not any(store.folder.glob("*.damaged")):
                raise
            raise TrainingError(
                f"no checkpoint in {store.folder} can be read: leave out --resume to begin anew"
            ) from None

    def _taken_up(self, run: Mapping[str, Any], options: SpecialOptions) -> SpecialOptions:
        """The options of a run that is taken up again, with those in their place that may change."""
        try:
            before = SpecialOptions.from_json(run["options"])
            arts = [Path(art) for art in run["artworks"]]
        except (KeyError, TypeError):
            raise TrainingError(f"{self.folder} holds another kind of run: choose another -o") from None
        if self.artworks and [art.absolute() for art in self.artworks] != arts:
            raise InputError(f"{self.folder} is a run for {', '.join(art.name for art in arts)}: leave the artwork out")
        self.artworks = arts
        changes = options.absolute().given()
        for name, value in changes.items():
            if name not in RESUMABLE and value != (was := getattr(before, name)):
                options.refuse(f"{{{name}}} was {was} in this run and stays so: leave it out")
        if changes.get("minutes") is not None:
            before = before.change(steps=None)
        elif changes.get("steps") is not None:
            before = before.change(minutes=None)
        return before.change(**changes, reporter=options.reporter)

    def _check_output(self) -> None:
        check_writable(self.output)
        protect([self.output], [*self.artworks, *map(Path, self.options.contents)])
        if self.output.exists():
            try:
                Style.load(self.output, None)
            except InputError:
                raise InputError(f"{self.output} is there and holds no style: choose another file to write") from None

    @property
    def minutes(self) -> float:
        """Those of the call, or of the run that it takes up again."""
        return MINUTES if self.options.minutes is None else self.options.minutes

    def run(self) -> SpecialResult:
        """Train, judge and write; see :func:`specialise`."""
        try:
            with StopFlag() as stop:
                course = self._prepared(stop)
        except Stopped as stopped:
            return SpecialResult(stopped.reason, None, self.folder, 0, 0.0)
        trainer = _SpecialTrainer(self, course, self._config(course))
        try:
            result = trainer.run()
        except TrainingError as error:
            what = str(error).partition(":")[0]
            raise TrainingError(f"{what}: begin anew with a lower --lr, or --resume with --precision fp32") from None
        if result.reason.startswith("SIG"):
            so_far, progress = self.folder / STYLE_FILE, result.progress
            kept = so_far if so_far.exists() else None
            return SpecialResult(result.reason, kept, self.folder, progress.step, progress.seconds)
        return self._finish(course, result)

    def _prepared(self, stop: StopFlag) -> _Course:
        options = self.options
        stylizer = Stylizer.from_pretrained(
            options.model or DEFAULT_MODEL,
            device=options.device,
            encoder=options.encoder,
            decoder=options.decoder,
            max_pixels=options.max_pixels or DEFAULT_MAX_PIXELS,
            precision="fp32",
        )
        check_rank(stylizer.decoder.network, options.rank)
        judge = load_encoder(upto=CONTENT_LAYER).to(stylizer.device).to(memory_format=torch.channels_last)
        target = read_target(stylizer, judge, self.artworks, options)

        def check(count: int) -> None:
            stop.check()
            self.reporter.decoding("photographs", count)

        sources = [Path(path) for path in options.contents] or [sample_folder("content")]
        cache_dir = self.folder / "cache" if options.cache_dir is None else Path(options.cache_dir)
        contents = open_cache(sources, cache_dir, max(CACHE_SIZE, options.patch), check=check)
        if str(contents.skipped):
            self.reporter.note(f"photographs left out: {contents.skipped}")
        count, photographs = apart(contents)
        unseen = count < len(contents)
        first = ImageCache(Path(str(contents.pixels.filename)), contents.sizes[:count], contents.skipped)  # type: ignore[attr-defined]
        start = time.monotonic()
        before = judge_style(stylizer, judge, target.style, target.stats, photographs, stop.check)
        return _Course(stylizer, judge, target, first, photographs, unseen, before, time.monotonic() - start)

    def _config(self, course: _Course) -> TrainingConfig:
        """The settings of the trainer's loop."""
        options = self.options
        timed = options.steps is None
        model = MODELS[course.stylizer.decoder.network.name]
        return TrainingConfig(
            model=model,
            max_iter=options.steps or _FOREVER,
            batch_size=options.batch_size,
            crop=options.patch,
            crop_scale=CROP_SCALE,
            lr=options.lr,
            lr_schedule="time" if timed else "cosine",
            lr_final_factor=0.0,
            lr_warmup=20,
            betas=(0.9, 0.99),
            clip_norm=0.0,
            content_weight=0.0,
            structure_weight=HOLD,
            style_weight=STYLE_WEIGHT,
            lattice_weight=LATTICE,
            warmup_iter=0,
            ema=0.98,
            seed=options.seed,
            precision=working_precision(options, course.stylizer.device),
            checkpoint_every=_FOREVER,
            checkpoint_minutes=CHECKPOINT_MINUTES,
            preview_every=options.preview_every,
            keep_checkpoints=2,
            max_minutes=self._left(course.judging) if timed else None,
        )

    def _left(self, judging: float) -> float:
        """Minutes of training from now on, where figures take so many seconds, and may be asked for three times.

        Of a run that is taken up again, what is left of its own, or what this call was given.
        """
        seconds = 60 * self.minutes - (time.monotonic() - self._begun) - 3.2 * judging - MARGIN_SECONDS
        if self.resumed is not None and not self._is_given_time:
            seconds -= float(self.resumed["progress"]["seconds"])
        return max(seconds, 0.05) / 60

    def _finish(self, course: _Course, result: TrainingResult) -> SpecialResult:
        style, after = self._bounded(course, Style.load(self.folder / STYLE_FILE, course.stylizer.device))
        path = style.save(self.output)
        made = SpecialResult(
            "finished",
            path,
            self.folder,
            result.progress.step,
            round(result.progress.seconds, 2),
            course.before.figures,
            after.figures,
            len(course.photographs),
            course.unseen,
            path.stat().st_size,
            sum(style.change.shares) if style.change is not None else 0.0,
        )
        save_sheet(course.target, course.photographs, course.before, after, self.folder / SHEET_FILE)
        with atomic_path(self.folder / REPORT_FILE) as temporary:
            about = {"artworks": [str(art) for art in self.artworks], "options": json.loads(self.options.to_json())}
            told = {**asdict(made), "output": str(path), "folder": str(self.folder), **about}
            temporary.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        for name in ("checkpoints", "cache"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        return made

    def _bounded(self, course: _Course, style: Style) -> tuple[Style, Judged]:
        """The style with as much of its change as keeps to the content distance that may be lost, and its figures."""

        def judged(share: float) -> tuple[Style, Judged]:
            part = style if style.change is None or share == 1 else replace(style, change=style.change.scaled(share))
            return part, judge_style(course.stylizer, course.judge, part, course.target.stats, course.photographs)

        def lost(found: tuple[Style, Judged]) -> float:
            return found[1].figures.content_distance - course.before.figures.content_distance

        whole = judged(1.0)
        limit = self.options.content_slack + BEYOND
        if style.change is None or lost(whole) <= limit:
            return whole
        share = limit / lost(whole)
        weakened = judged(share)
        # Less is lost than in proportion, mostly, and then there is room for more of the change. A parabola is a guess:
        # it aims a little below the limit.
        nearer = judged(share_within(0.97 * limit, (share, lost(weakened)), (1.0, lost(whole))))
        kept = [each for each in (weakened, nearer) if lost(each) <= limit] or [min((weakened, nearer), key=lost)]
        return min(kept, key=lambda each: each[1].figures.style_residual)


class _Course(NamedTuple):
    """What a run has to go on with: networks, what it is trained for, and photographs.

    Attributes:
        judge: VGG-19, in float32.
        contents: photographs to train on.
        photographs: those to judge by; ``unseen``: whether they are others.
        before: what these become under the decoder as it is; ``judging``: seconds that took.
    """

    stylizer: Stylizer
    judge: VGGEncoder
    target: SpecialTarget
    contents: ImageCache
    photographs: list[Image.Image]
    unseen: bool
    before: Judged
    judging: float


class _SpecialTrainer(Trainer):
    """The trainer, with one target in place of artworks."""

    def __init__(self, run: Specialiser, course: _Course, config: TrainingConfig) -> None:
        self._run, self._course = run, course
        super().__init__(
            config,
            [Path(path) for path in run.options.contents] or [sample_folder("content")],
            run.artworks,
            run.folder,
            device=str(course.stylizer.device),
            reporter=run.reporter,
            resumed=run.resumed,
        )

    def _open_caches(self, team: Team, stop: StopFlag) -> tuple[ImageCache, ImageCache]:
        return self._course.contents, _Artworks(self._course.target.pictures)

    def _maker(self, contents: ImageCache, styles: ImageCache) -> BatchMaker:
        return _ContentMaker(self.config, contents, styles, pin=self.device.type == "cuda")

    def _run_facts(self, contents: ImageCache, styles: ImageCache) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "config": self.config.to_json(),
            "options": self._run.options.absolute().change(resume=False).to_json(),
            "artworks": [str(path.absolute()) for path in self._run.artworks],
            "signature": f"{contents.signature()} {styles.signature()}",
        }
        before = self._resumed["run"] if self._resumed else facts
        if before["signature"] != facts["signature"]:
            raise InputError(
                f"the artwork or the photographs of the run in {self.output} have changed: bring them back, or begin "
                "anew with another -o"
            )
        return facts

    def _learner(self, maker: BatchMaker, team: Team) -> Learner:
        run, stylizer = self._run, self._course.stylizer
        network = stylizer.decoder.network
        is_judge = network is not FAST and run.options.encoder is None
        own = None if is_judge else copy.deepcopy(stylizer.encoder)
        is_shipped = run.options.encoder is None and run.options.decoder is None
        name = (run.options.model or DEFAULT_MODEL) if is_shipped else CUSTOM
        model = Original(own, copy.deepcopy(stylizer.decoder), name, stylizer.weights)
        options: Any = {"rank": run.options.rank, "slack": run.options.content_slack}
        return SpecialLearner(
            self.config, load_encoder(upto=CONTENT_LAYER), model, self._course.target, device=self.device, team=team,
            note=self.reporter.note, **options,
        )  # fmt: skip


class _ContentMaker(BatchMaker):
    """Batches of photographs alone."""

    def choose(self, step: int) -> tuple[list[tuple[ImageCache, Crop]], list[bool]]:
        crops = draw_crops(self.config, self.contents, CONTENT_STREAM, step, self.rank)
        return [(self.contents, crop) for crop in crops], [False] * len(crops)


class _Artworks(ImageCache):
    """The artworks, in memory."""

    def __init__(self, pictures: Sequence[Image.Image]) -> None:
        arrays = [np.asarray(picture) for picture in pictures]
        self.sizes = np.array([array.shape[:2] for array in arrays], np.int64)
        self.skipped = Skipped()
        self._ends = np.cumsum(self.sizes.prod(axis=1) * 3, dtype=np.int64)
        self.pixels = np.concatenate([array.reshape(-1) for array in arrays])

    def signature(self) -> str:
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()[:16]


def working_precision(options: SpecialOptions, device: torch.device) -> Literal["auto", "fp32", "bf16"]:
    """What training computes in on a device: ``"auto"`` is bfloat16 wherever there are instructions for it."""
    if options.precision != "auto" or device.type != "cpu":
        return options.precision
    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bf16" if found.get("avx512_bf16") or found.get("amx_bf16") else "fp32"

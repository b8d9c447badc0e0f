"""A training run from its first step to its last, or to wherever it is stopped, and on from there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from .._utils.errors import InputError, WeightsError
from .._utils.memory import keeping_freed
from .._utils.protect import protect
from .._utils.signals import CODES, StopFlag, Stopped
from ..nn import winograd
from ..nn.convert import read_tensors
from ..nn.decoder import Decoder
from ..nn.devices import resolve_device
from ..nn.fast import FastDecoder, FastEncoder
from ..nn.folded import BaseDecoder
from ..nn.layers import BASE, FAST
from ..nn.pretrained import load_decoder, load_encoder
from ..nn.states import recognise_decoder
from ..nn.vgg import CONTENT_LAYER
from .cache import ImageCache, open_cache
from .checkpoint import DECODER_FILE, ENCODER_FILE, CheckpointStore, State
from .config import TrainingConfig
from .crops import BatchMaker, to_images
from .distributed import Ranks, Team
from .learner import Learner
from .loop import Loop, TrainingProgress, TrainingResult
from .networks import FastNet, grown, mirrored_decoder
from .pool import PooledMaker, fits
from .report import LOG_FILE, Reporter


class Trainer:
    """Trains a decoder, or both ends of the fast model, into a folder.

    The folder receives ``run.json`` (settings and sources), ``log.jsonl``, ``loss.png``, ``previews/``,
    ``checkpoints/`` and ``decoder.safetensors``, the averaged weights of the newest checkpoint; of the fast model
    ``encoder.safetensors`` as well.

    Args:
        config: the settings.
        contents, styles: folders and ``.tar`` files with photographs and with artworks.
        output: the run's folder; must not hold a run already.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        init_from: folder of a run, weights file (not of the fast model, which has two) or model name to start from;
            None starts from the mirrored encoder, the fast model from random weights.
        cache_dir: where decoded images are kept, by default ``output/cache``.
        reporter: is told what happens.

    Raises:
        InputError: if the settings are unusable or the folder holds a run.
        MissingFileError, WeightsError: if ``init_from`` cannot be used.
    """

    def __init__(
        self,
        config: TrainingConfig,
        contents: Sequence[str | Path],
        styles: Sequence[str | Path],
        output: str | Path,
        *,
        device: str = "auto",
        init_from: str | Path | None = None,
        cache_dir: str | Path | None = None,
        reporter: Reporter | None = None,
        resumed: State | None = None,
    ) -> None:
        self.config = config.validate().resolved(from_scratch=init_from is None)
        self.contents = _paths(contents, "--content-dir")
        self.styles = _paths(styles, "--style-dir")
        self.output = Path(output)
        self.init_from = None if init_from is None else str(init_from)
        self.reporter = reporter or Reporter()
        self.ranks = Ranks.from_environment()
        self.device = resolve_device(device)
        if self.device.type == "cuda" and self.device.index is None:  # each process has a GPU of its own
            self.device = resolve_device(f"cuda:{self.ranks.local_rank}")
        self.cache_dir = self.output / "cache" if cache_dir is None else Path(cache_dir)
        self._resumed = resumed
        self._start: Decoder | FastNet | None = None
        if resumed is not None:
            return
        if init_from is not None:
            is_fast = self.config.model == "fast"
            self._start = read_fast(init_from) if is_fast else read_decoder(init_from, self.config.model)
        if CheckpointStore(self.output / "checkpoints").paths():
            fix = "add --resume to continue it, or choose another --output"
            raise InputError(f"{self.output} holds a run already: {fix}")
        self._protect()

    def _protect(self) -> None:
        """InputError, if the run would write over what it is made from."""
        folder, names = self.output, (DECODER_FILE, ENCODER_FILE, "run.json", LOG_FILE, "loss.png")
        written = [*(folder / name for name in names), *(folder / "previews").glob("*.jpg")]
        sources = [*self.contents, *self.styles]
        roots = [source.resolve() for source in sources if source.is_dir()]
        below = [path for path in written if path.exists() and any(path.resolve().is_relative_to(r) for r in roots)]
        start = [] if self.init_from is None else [Path(self.init_from)]
        protect(written, [*sources, *below, *start, *(path / name for path in start for name in names[:2])])

    @classmethod
    def resume(
        cls,
        output: str | Path,
        *,
        given: Mapping[str, Any] | None = None,
        contents: Sequence[str | Path] = (),
        styles: Sequence[str | Path] = (),
        device: str = "auto",
        cache_dir: str | Path | None = None,
        reporter: Reporter | None = None,
    ) -> Trainer:
        """The run in a folder, ready to go on from its newest readable checkpoint.

        Args:
            given: settings to change, see :meth:`TrainingConfig.overridden`.
            contents, styles: where the images are now, if they have moved; they must be the same images.
            output, device, cache_dir, reporter: as for a new run.

        Raises:
            TrainingError: if there is no readable checkpoint.
            InputError: if a setting may not be changed.
        """
        reporter = reporter or Reporter()
        state = CheckpointStore(Path(output) / "checkpoints").load_latest(reporter.note)
        run = state["run"]
        return cls(
            TrainingConfig.from_json(run["config"]).overridden(given or {}),
            contents or run["contents"],
            styles or run["styles"],
            output,
            device=device,
            init_from=run["init_from"],
            cache_dir=cache_dir or run["cache_dir"],
            reporter=reporter,
            resumed=state,
        )

    def run(self) -> TrainingResult:
        """Train until done, out of time, or told to stop by a signal; in each case all is saved.

        Raises:
            TrainingError: if the loss is no longer finite; the last good checkpoint is untouched.
            InputError: if there are no usable images, or not those of the run that is resumed.
        """
        with ExitStack() as stack:
            stack.callback(self.reporter.close)
            stop = stack.enter_context(StopFlag(self.config.max_minutes))
            team = stack.enter_context(Team.assemble(self.ranks, self.device))
            stack.enter_context(fast_arithmetic(self.device))
            stack.enter_context(keeping_freed())
            stack.callback(winograd.release)
            try:
                contents, styles = self._open_caches(team, stop)
            except Stopped as stopped:
                return TrainingResult(stopped.reason, TrainingProgress(), None, None)
            maker = self._maker(contents, styles)
            learner = self._learner(maker, team)
            facts = self._run_facts(contents, styles)
            batches = PooledMaker(maker, self.device) if self._wants_pool(contents, styles) else maker
            loop = Loop(self.config, learner, maker, batches, facts, self.output, team, stop, self.reporter)
            if self._resumed is not None:
                loop.restore(self._resumed)
            return loop.run()

    def _maker(self, contents: ImageCache, styles: ImageCache) -> BatchMaker:
        return BatchMaker(self.config, contents, styles, rank=self.ranks.rank, pin=self.device.type == "cuda")

    def _open_caches(self, team: Team, stop: StopFlag) -> tuple[ImageCache, ImageCache]:
        """Both caches; the first process builds them, the others wait."""

        def opened(kind: str, sources: Sequence[Path]) -> ImageCache:
            def check(count: int) -> None:
                stop.check()
                self.reporter.decoding(kind, count)

            cache = open_cache(sources, self.cache_dir, self.config.cache_size, check=check)
            if self.ranks.is_main and str(cache.skipped):
                self.reporter.note(f"{kind} images left out: {cache.skipped}")
            return cache

        def both() -> tuple[ImageCache, ImageCache]:
            return opened("content", self.contents), opened("style", self.styles)

        code, caches = 0, None
        try:
            caches = both() if self.ranks.is_main else None
        except Stopped as stopped:
            code = CODES.index(stopped.reason)
        # Also the barrier behind which the others find the caches built.
        code = team.agree(code)
        if code:
            raise Stopped(CODES[code])
        return caches or both()

    def _wants_pool(self, contents: ImageCache, styles: ImageCache) -> bool:
        """Whether pictures go into the device's memory."""
        if self.config.crops_on != "auto":
            return self.config.crops_on == "device"
        if self.device.type != "cuda":
            return False
        fitting = fits(self.config, contents, styles, self.device)
        if not fitting and self.ranks.is_main:
            self.reporter.note(f"the pictures do not fit into half of {self.device}'s memory: the host cuts crops")
        return fitting

    def _run_facts(self, contents: ImageCache, styles: ImageCache) -> dict[str, Any]:
        """What a resumed run needs to know; every checkpoint carries it."""
        facts: dict[str, Any] = {
            "config": self.config.to_json(),
            "contents": [str(p.absolute()) for p in self.contents],
            "styles": [str(p.absolute()) for p in self.styles],
            "images": [len(contents), len(styles)],
            "signature": f"{contents.signature()} {styles.signature()}",
            "init_from": self.init_from,
            "cache_dir": str(self.cache_dir.absolute()),
        }
        before = self._resumed["run"] if self._resumed else facts
        if before["signature"] != facts["signature"]:
            was, now = (" and ".join(map(str, f["images"])) for f in (before, facts))
            raise InputError(
                f"these are not the images of this run ({was} contents and styles then, {now} now): give the "
                f"same ones, or start a new run with --init-from {self.output}"
            )
        return facts

    def _learner(self, maker: BatchMaker, team: Team) -> Learner:
        config, network = self.config, self._start
        encoder = load_encoder(upto=CONTENT_LAYER)
        teacher = load_decoder() if config.teacher_weight > 0 else None
        if network is None and config.model == "fast":
            network = FastNet.fresh(config.seed)
        elif network is None and self._resumed is not None:
            network = Decoder() if config.model == "classic" else BaseDecoder()
        elif network is None:
            size = config.warmup_crop if config.warmup_steps else config.crop
            images, _ = to_images(maker.starting(), size or config.crop, torch.device("cpu"))
            network = mirrored_decoder(encoder, images)
            network = network if config.model == "classic" else grown(network)
        return Learner(config, encoder, network, self.device, team, teacher, self.reporter.note)


@contextmanager
def fast_arithmetic(device: torch.device) -> Iterator[None]:
    """On a GPU: let cuDNN choose its fastest kernels, and float32 be TensorFloat-32, for a while."""
    if device.type != "cuda":
        yield
        return
    if device.index is not None:
        torch.cuda.set_device(device)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def read_decoder(source: str | Path, model: str) -> Decoder:
    """A decoder to go on with, of ``"vgg19"`` or ``"classic"``, the latter's grown for the former.

    Args:
        source: a file in any layout the field uses, the folder of a run, or the name of a shipped model.
    """
    path = Path(source)
    is_name = not path.suffix and not path.exists()
    path = path / DECODER_FILE if path.is_dir() else path
    tensors = load_decoder(str(source)).state_dict() if is_name else read_tensors(path)
    network, state = recognise_decoder(tensors, str(path))
    if network is FAST:
        raise WeightsError(f"{path} holds the decoder of the fast model: train that with --model fast")
    if network is BASE and model == "classic":
        raise WeightsError(f"{path} holds a decoder that takes in {network.folded}, too: train that with --model vgg19")
    decoder = BaseDecoder() if network is BASE else Decoder()
    decoder.load_state_dict(state)
    return decoder if network is BASE or model == "classic" else grown(decoder)


def read_fast(source: str | Path) -> FastNet:
    """Both ends of the fast model from the folder of a run, or those of a model name; the adaptors start anew."""
    path = Path(source)
    wanted = "--model fast starts from the folder of a run of its own"
    if path.is_file():
        raise WeightsError(f"{source} is a file, and the fast model needs two: {wanted}")
    is_name = not path.suffix and not path.exists()
    encoder = load_encoder(str(source) if is_name else path / ENCODER_FILE)
    decoder = load_decoder(str(source) if is_name else path / DECODER_FILE)
    if not isinstance(encoder, FastEncoder) or not isinstance(decoder, FastDecoder):
        raise WeightsError(f"{source} holds no fast model: {wanted}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # of the adaptors, so that the same start is the same
        return FastNet(encoder, decoder)


def _paths(sources: Sequence[str | Path], name: str) -> list[Path]:
    if not sources:
        raise InputError(f"{name} is missing: name a folder of images or a .tar file")
    return [Path(s) for s in sources]

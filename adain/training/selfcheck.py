"""Before a run: whether this machine can do it, how fast it will be, and what it will leave on the disk."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn

from .._utils.errors import InputError, TrainingError, first_line, out_of_memory
from .._utils.memory import free_memory, is_gpu, peak_memory
from ..nn.decoder import Decoder
from ..nn.devices import resolve_device
from ..nn.folded import BaseDecoder
from ..nn.layers import LATTICE_SIZE
from ..nn.pretrained import load_decoder, load_encoder
from ..nn.vgg import CONTENT_LAYER, VGGEncoder
from .checkpoint import DECODER_FILE, ENCODER_FILE
from .config import TrainingConfig
from .crops import Batch
from .distributed import Ranks, Team
from .learner import Learner, working_dtype
from .networks import FastNet
from .plan import TrainingPlan, TrainingStage
from .rates import matrix_rate, pair_flops, synchronize
from .trainer import fast_arithmetic, read_decoder, read_fast

SECONDS = 18.0
"""About how long the steps of all stages may take together, on a slow device."""

_TIMED = 4


@dataclass(frozen=True)
class StageForecast:
    """What a stage is expected to do.

    Attributes:
        stage: its name.
        batch_size: pairs a step, as asked for or as many as fit.
        measured_with, measured_crop: pairs of the step that was timed and their side: fewer and smaller on a device so
            slow that a step would take too long; what that says of whole ones goes by their arithmetic.
        pairs_per_second: without a compiler's help.
        gflop_per_pair: what a pair costs, in 10⁹ operations.
        rate_share: of the device's matrix rate.
        peak_gib: memory of the device at most; None where that is not known.
        pairs: in all, None where neither time nor steps say how many.
    """

    stage: str
    batch_size: int
    measured_with: int
    measured_crop: int
    pairs_per_second: float
    gflop_per_pair: float
    rate_share: float
    peak_gib: float | None
    pairs: int | None


@dataclass(frozen=True)
class Forecast:
    """The result of :func:`check`.

    Attributes:
        device, torch: what computes.
        free_gib: memory free before anything was done.
        dtype: of the convolutions.
        matrix_tflops: rate of large matrix products in that type.
        compile_seconds: of a small network; None where nothing is to be compiled.
        stages: one each.
        files: bytes of every file that will be there at the end, or, in ``checkpoints/``, on the way.
        notes: what is not as it was asked for, in words.
    """

    device: str
    torch: str
    free_gib: float
    dtype: str
    matrix_tflops: float
    compile_seconds: float | None
    stages: tuple[StageForecast, ...]
    files: dict[str, int]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people."""
        compiled = "not asked for" if self.compile_seconds is None else f"works ({self.compile_seconds:.0f} s)"
        found = [
            f"device   {self.device}, {self.free_gib:.1f} GiB free, torch {self.torch}",
            f"matrix   {self.matrix_tflops:.3g} TFLOP/s in {self.dtype}",
            f"compile  {compiled}",
        ]
        for s in self.stages:
            memory = "" if s.peak_gib is None else f", {s.peak_gib:.1f} GiB"
            name = s.stage or "the run"
            fewer = (
                "" if s.measured_with == s.batch_size else f" (measured with {s.measured_with} of {s.measured_crop} px)"
            )
            total = "" if s.pairs is None else f", {s.pairs} in all"
            found.append(
                f"stage    {name}: batches of {s.batch_size}{fewer}, {s.pairs_per_second:.3g} pairs a second"
                f"{total}, {s.gflop_per_pair:.0f} GFLOP each, {100 * s.rate_share:.0f} % of the matrix rate{memory}"
            )
        return found + [f"file     {name}, {size / 1e6:.1f} MB" for name, size in self.files.items()]


def check(
    plan: TrainingPlan,
    device: str = "auto",
    *,
    minutes: float | None = None,
) -> Forecast:
    """Try everything a run needs, in half a minute: device, precision, compiler, one step of every stage.

    Args:
        plan: the stages; a run without a plan is a plan of one.
        device: as for :class:`~adain.training.trainer.Trainer`; ``"auto"`` is a GPU here, and nothing else.
        minutes: what the stages share.

    Raises:
        InputError: if there is no such device, and for ``"auto"`` no GPU.
        TrainingError: of the first thing that does not work; it names the switch that avoids it.
    """
    where = resolve_device(device)
    if device == "auto" and not is_gpu(where):
        raise InputError("this machine has no GPU to check: --device cpu checks the CPU")
    first = plan.stages[0].config
    free, dtype = free_memory(where), working_dtype(first, where)
    with fast_arithmetic(where):
        rate = _rate(where, dtype)
        compiling = any(stage.compiles_on(where.type) for stage in plan.stages)
        compile_seconds = _compile_seconds(where, dtype) if compiling else None
        notes: list[str] = []
        stages: list[StageForecast] = []
        files: dict[str, int] = {}
        for stage in plan.stages:
            seconds = SECONDS / len(plan.stages)
            tried = replace(stage, config=_affordable(stage.config, rate, seconds))
            learner = _learner(plan, tried, where)
            stages.append(_try(stage, tried.config, learner, rate, minutes, seconds, notes))
            files |= _files(stage, learner)
            del learner
    name = torch.cuda.get_device_name(where) if where.type == "cuda" else str(where)
    kind = str(dtype).removeprefix("torch.")
    return Forecast(
        name, torch.__version__, free / 2**30, kind, rate / 1e12, compile_seconds, tuple(stages), files, tuple(notes)
    )


def _called(stage: TrainingStage) -> str:
    return f"stage {stage.name}" if stage.name else "the run"


def _rate(device: torch.device, dtype: torch.dtype) -> float:
    try:
        return matrix_rate(device, dtype)
    except RuntimeError as error:
        switch = "--device cpu" if dtype == torch.float32 else "--precision fp32"
        raise TrainingError(f"{device} fails at {dtype} ({first_line(error)}): use {switch}") from None


def _compile_seconds(device: torch.device, dtype: torch.dtype) -> float:
    """Compile a small network and its gradient."""
    start = time.perf_counter()
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect"), nn.ReLU(), nn.Conv2d(8, 3, 1)).to(device)
    try:
        with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            loss = torch.compile(net)(torch.rand(2, 3, 32, 32, device=device)).float().square().mean()
        loss.backward()
        synchronize(device)
    except Exception as error:  # a compiler behind a compiler: anything may come out of it
        raise TrainingError(f"torch.compile does not work here ({first_line(error)}): use --no-compile") from None
    return time.perf_counter() - start


def _learner(plan: TrainingPlan, stage: TrainingStage, device: torch.device) -> Learner:
    source, config = plan.model_before(stage), stage.config
    network: Decoder | FastNet
    if config.model == "fast":
        network = FastNet.fresh(config.seed) if source is None else read_fast(source)
    elif source is None:
        network = Decoder() if config.model == "classic" else BaseDecoder()
    else:
        network = read_decoder(source, config.model)
    # Compiling the whole would take longer than all else; whether the compiler works has been seen.
    plain = replace(config, compile=False, warmup_iter=0).resolved(from_scratch=False)
    encoder: VGGEncoder = load_encoder(upto=CONTENT_LAYER)
    return Learner(plain, encoder, network, device, Team(Ranks()), load_decoder() if config.teacher_weight else None)


def _try(
    stage: TrainingStage,
    tried_config: TrainingConfig,
    learner: Learner,
    rate: float,
    minutes: float | None,
    seconds: float,
    notes: list[str],
) -> StageForecast:
    """Take steps of noise, with batches as large as memory and time allow."""
    config, device = stage.config, learner.device
    size = config.batch_size
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    tried = size if device.type == "cuda" else 1
    while True:
        try:
            taken = _step_seconds(tried_config, learner, tried, 1)
            if tried < size and (taken * size / tried) * 2 < seconds:
                tried = size
                continue
            if taken * _TIMED < seconds / 2:
                taken = _step_seconds(tried_config, learner, tried, _TIMED)
            break
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise TrainingError(_way_out(stage, learner, error)) from None
            if tried == 1:
                raise TrainingError(
                    f"{_called(stage)}: not even a single pair of {config.crop} px fits into memory: "
                    f"use a smaller --crop than {config.crop}"
                ) from None
            size = tried = tried // 2
            if device.type == "cuda":
                torch.cuda.empty_cache()
    if size < config.batch_size:
        notes.append(
            f"{_called(stage)}: {config.batch_size} pairs of {config.crop} px do not fit into memory, "
            f"{size} do: --batch-size {size}"
        )
    flops = pair_flops(config)
    speed = tried / taken * pair_flops(tried_config) / flops
    pairs = None if minutes is None else round(speed * 60 * minutes * stage.share)
    peak = peak_memory(device) * 1e6 / 2**30 if device.type == "cuda" else None
    return StageForecast(
        stage.name, size, tried, tried_config.crop, speed, flops / 1e9, flops * speed / rate, peak, pairs
    )


def _way_out(stage: TrainingStage, learner: Learner, error: BaseException) -> str:
    half = learner.dtype != torch.float32
    switch = "--precision fp32" if half else "--device cpu" if is_gpu(learner.device) else "another version of torch"
    return f"{_called(stage)}: a step fails ({first_line(error)}): use {switch}"


def _affordable(config: TrainingConfig, rate: float, seconds: float) -> TrainingConfig:
    """The settings with crops of which a step of one pair takes no longer than that, as far as they can be smaller."""
    least = max(LATTICE_SIZE, config.least_crop)
    while 2 * pair_flops(config) / rate > seconds and config.crop // 2 >= least and config.crop % 16 == 0:
        side = config.crop // 2
        config = replace(config, crop=side, loss_size=min(config.loss_size, side))
    return config


def _step_seconds(config: TrainingConfig, learner: Learner, size: int, steps: int) -> float:
    """Seconds of a step, averaged over some."""
    batch = _noise(config, size)
    synchronize(learner.device)
    start = time.perf_counter()
    for step in range(steps):
        learner.step(step, batch)
    synchronize(learner.device)
    return (time.perf_counter() - start) / steps


def _noise(config: TrainingConfig, size: int) -> Batch:
    """A batch of the pixels that cost most to draw: crops that are to be reduced."""
    side = config.crop + config.crop // 8
    drawn = torch.Generator().manual_seed(config.seed)
    pixels = torch.randint(0, 256, (2 * size * 3 * side**2,), dtype=torch.uint8, generator=drawn)
    flips = torch.zeros(2 * size, 1, 1, 1, dtype=torch.bool)
    return Batch(pixels, (side,) * (2 * size), flips, torch.zeros(size, 1, 1, 1))


def _files(stage: TrainingStage, learner: Learner) -> dict[str, int]:
    """Names and bytes, to a percent or so, of what a stage writes."""
    folder = f"{stage.name}/" if stage.name else ""
    network = learner.network
    ends: dict[str, nn.Module] = {DECODER_FILE: network}
    if isinstance(network, FastNet):
        ends = {DECODER_FILE: network.decoder, ENCODER_FILE: network.encoder}
    found = {f"{folder}{name}": sum(2 * p.numel() for p in end.parameters()) for name, end in ends.items()}
    # Weights, their average and two moments, in float32.
    whole = 16 * sum(p.numel() for p in network.parameters())
    return found | {f"{folder}checkpoints/ ({stage.config.keep_checkpoints} of)": whole}

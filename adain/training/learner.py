"""What is trained, its running average and its optimiser; one call is one step."""

from __future__ import annotations

import contextlib
import copy
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn

from .._utils.errors import InputError, first_line, out_of_memory
from .._utils.ncnn import require_ncnn
from ..nn.decoder import Decoder
from ..nn.vgg import VGGEncoder
from ..nn.winograd import LEAST_PLACES, Net, is_worthwhile, prepare, serves
from .checkpoint import DECODER_FILE, ENCODER_FILE, save_state
from .config import Phase, TrainingConfig, ema_decay, learning_rate, phase_of
from .crops import Batch, Mix, draw_mix, to_images
from .distributed import Team
from .networks import FastNet, paint
from .objective import Encode, Losses, distil_objective, style_terms, warmup_objective, with_spectra
from .pool import PooledBatch

METRICS = ("loss", "content", "style", "identity", "grad_norm")
"""What :meth:`Learner.step` returns, in this order."""


class Learner:
    """What changes while training.

    Args:
        config: resolved.
        encoder: VGG-19, frozen; taken over, and converted to the working precision.
        network: what is trained, where it starts.
        teacher: the base model's decoder, where ``teacher_weight`` asks for it; as ``encoder``.
        note: is told if what was to be compiled is not.
    """

    def __init__(
        self,
        config: TrainingConfig,
        encoder: VGGEncoder,
        network: Decoder | FastNet,
        device: torch.device,
        team: Team,
        teacher: Decoder | None = None,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.config = config
        self.device = device
        self.dtype = working_dtype(config, device)
        self.autocast = torch.autocast(device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)
        self._by_winograd = wants_winograd(config, device)
        # A frozen network gains nothing from float32 weights, and autocast would convert them at each use.
        self.encoder = self._prepared(encoder.to(device, self.dtype))
        self.teacher = None if teacher is None else self._prepared(teacher.to(device, self.dtype))
        self.network = self._prepared(network.to(device)).requires_grad_(True)
        taught = self.teacher if isinstance(network, FastNet) else network
        self._folded = None if taught is None else taught.network.folded
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self._rank = team.ranks.rank
        self._parameters: list[Tensor] = list(self.network.parameters())
        self._averages: list[Tensor] = list(self.average.parameters())
        self.optimizer = self._new_optimizer()
        # Each phase of the fast model leaves some of its parameters out.
        trained = team.wrap(self.network, device, partly=isinstance(network, FastNet))
        # Where gradients are exchanged, what exchanges them is left outside: each network is compiled by itself.
        apart = config.compile and team.ranks.world_size > 1
        self._encode: Encode = torch.compile(self.encoder) if apart else self.encoder
        self._run: Callable[..., Any] = torch.compile(trained) if apart else trained
        self._note = note
        self._compiled: dict[str, Callable[..., tuple[Losses, Tensor]]] = {}
        if config.compile:
            torch.compiler.reset()  # a stage before this one has its graphs no more, whose number is limited
        if config.compile and not apart:
            self._compiled = {phase: torch.compile(self._terms, dynamic=False) for phase in get_args(Phase)}

    def step(self, step: int, batch: Batch | PooledBatch, share: float = 0.0) -> Tensor:
        """Train on the batch of a step, numbered from 0 over the whole run.

        Args:
            share: as for :func:`~adain.training.config.learning_rate`.

        Returns:
            ``(5,)`` float32 on the device, :data:`METRICS`. Not finite if the step went wrong, in which case
            the weights are spoilt.
        """
        config = self.config
        phase, t = phase_of(config, step)
        if t == 0:
            # The two phases have losses of different scale: moments of the first would mislead the second.
            self.optimizer = self._new_optimizer()
        for group in self.optimizer.param_groups:
            rests = group["is_encoder"] and phase == "style" and t < config.freeze_iter
            group["lr"] = 0.0 if rests else learning_rate(config, step, share)
        size = config.crop if phase == "style" else (config.warmup_crop or config.crop)
        if isinstance(batch, PooledBatch):
            images, identity, mix = batch.pool.cut(batch.rows, size), batch.identity, batch.mix
        else:
            images, identity = to_images(batch, size, self.device)
            mix = draw_mix(config, step, self._rank, identity)
        losses = self._backward(phase, images, identity, mix)
        norm = nn.utils.clip_grad_norm_(self._parameters, config.clip_norm or math.inf)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self._averages, self._parameters, 1.0 - ema_decay(config, step))
        return torch.stack([*losses, norm]).detach()

    def _prepared(self, network: Net) -> Net:
        return prepare(network, by_winograd=self._by_winograd)

    def _backward(self, phase: Phase, images: Tensor, identity: Tensor, mix: Mix) -> Losses:
        """The losses of a batch, their gradients left in the parameters."""
        while True:
            compiled = self._compiled.get(phase)
            try:
                self.optimizer.zero_grad(set_to_none=True)
                with self.autocast, _quiet() if compiled else contextlib.nullcontext():
                    losses, output = (compiled or self._terms)(phase, images, identity, mix)
                    if phase == "style":
                        losses = with_spectra(self.config, losses, output)
                losses.total.backward()  # type: ignore[no-untyped-call]
                return losses
            except Exception as error:  # a compiler behind a compiler: anything may come out of it
                if compiled is None or out_of_memory(error):
                    raise
                self._note(f"torch.compile does not work here ({first_line(error)}): going on without")
                self._compiled.clear()

    def _terms(self, phase: Phase, images: Tensor, identity: Tensor, mix: Mix) -> tuple[Losses, Tensor]:
        """All of a step's losses but those of spectra, and the images they are of: what is compiled as one."""
        if phase == "warmup":
            if isinstance(self.network, FastNet):
                return distil_objective(self._encode, self._run, images), images
            return warmup_objective(self._encode, self._run, images, self._folded), images
        content, style = images.chunk(2)
        networks = self._encode, self._run, self.teacher
        return style_terms(self.config, *networks, content, style, identity, mix, self._folded)

    @torch.no_grad()
    def paint(self, content: Tensor, style: Tensor) -> Tensor:
        """``(B, 3, H, W)`` images in the style of others, by the averaged weights, not clamped."""
        with self.autocast:
            return paint(self.encoder, self.average, content, style)

    def save(self, folder: Path, state: Mapping[str, Any]) -> None:
        """Write the averaged weights of a :meth:`state`: files for ``--decoder`` and, a fast model's, ``--encoder``."""
        decoder = state["average"]
        if isinstance(self.average, FastNet):
            encoder, decoder = (
                {k.removeprefix(end): v for k, v in state["average"].items() if k.startswith(end)}
                for end in ("encoder.", "decoder.")
            )
            save_state(encoder, folder / ENCODER_FILE)
        save_state(decoder, folder / DECODER_FILE)

    def state(self) -> dict[str, Any]:
        """All that :meth:`load` needs; its tensors are those that are trained."""
        return {part: getattr(self, part).state_dict() for part in ("network", "average", "optimizer")}

    def load(self, state: dict[str, Any]) -> None:
        """Go back to a :meth:`state`, also of before there was more to train than a decoder."""
        self.network.load_state_dict(state["network"] if "network" in state else state["decoder"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        for group in self.optimizer.param_groups:
            group.setdefault("is_encoder", False)

    def _new_optimizer(self) -> torch.optim.Optimizer:
        fused = self.device.type in ("cpu", "cuda")
        encoder = list(self.network.encoder.parameters()) if isinstance(self.network, FastNet) else []
        known = set(map(id, encoder))
        groups = [{"params": [p for p in self._parameters if id(p) not in known], "is_encoder": False}]
        if encoder:
            groups.append({"params": encoder, "is_encoder": True})
        return torch.optim.Adam(groups, lr=self.config.lr, betas=self.config.betas, fused=fused)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without a compiler's warnings, which are of what it looks through and not of what it makes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def wants_winograd(config: TrainingConfig, device: torch.device) -> bool:
    """Whether convolutions are those of :mod:`adain.nn.winograd`.

    Raises:
        InputError: if they are asked for and cannot be had.
    """
    if config.winograd == "off" or config.compile:
        return False
    dtype = working_dtype(config, device)
    if config.winograd == "auto":
        return is_worthwhile(device, dtype) and config.batch_size * config.crop**2 >= LEAST_PLACES
    if not serves(device, dtype):
        raise InputError(f"--winograd on computes in float32 on a CPU, not on {device}: leave it out")
    try:
        require_ncnn()
    except InputError:
        raise InputError("--winograd on needs ncnn: pip install ncnn, or leave it out") from None
    return True


def working_dtype(config: TrainingConfig, device: torch.device) -> torch.dtype:
    """The precision of the convolutions: float32, or bfloat16, whose range needs no loss scaling."""
    wants = config.precision == "bf16" or (config.precision == "auto" and device.type == "cuda")
    return torch.bfloat16 if wants else torch.float32

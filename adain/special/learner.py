r"""One step of a change: nearer to the artwork, and no further from the photograph than the decoder is as it is.

.. math:: L = w_s \frac{L_s}{L_s^0} + \lambda D

with the style loss :math:`L_s` of Huang & Belongie 2017, eq. 13, against the artwork's statistics, in parts of what it
was at the first step, and the content distance :math:`D` of output and photograph, in relu4_1 normalised by channel.
:math:`\lambda` is no constant. Every
few steps the decoder as it is paints the same crops, and :math:`\lambda` grows while the change's pictures lose more
than a slack beside those, and falls while they lose less: the method of multipliers, for the constraint
:math:`D \leq D_0 + \text{slack}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..control.change import Change
from ..control.style import Style
from ..losses import content_loss, style_loss
from ..nn.decoder import Decoder
from ..nn.fold import fuse, layers_of
from ..nn.padding import freeze
from ..nn.statistics import at_least_float32, normalize_channels
from ..nn.vgg import CONTENT_LAYER, STYLE_LAYERS, VGGEncoder
from ..stylizer.transfer import transfer
from ..training.config import Phase, TrainingConfig
from ..training.crops import Batch, Mix
from ..training.distributed import Team
from ..training.learner import Learner, wants_winograd
from ..training.objective import Losses
from ..training.pool import PooledBatch
from .lowrank import SpecialDecoder, factors_of
from .target import SpecialTarget

STYLE_FILE = "style.safetensors"
"""The style so far, in the run's folder."""

COMPARED_EVERY = 4
"""Steps between two comparisons with the decoder as it is."""

GROWTH, LARGEST_GAP = 1.5, 0.2
"""How fast the multiplier answers: by the exponential of so much times the gap, which counts up to a limit."""


@dataclass(frozen=True)
class Original:
    """What a change is trained for.

    Attributes:
        encoder: that gives features; None for VGG-19, which judges, too.
        decoder: as it is.
        name: for people.
        weights: of :func:`adain.nn.states.weights_digest`.
    """

    encoder: VGGEncoder | None
    decoder: Decoder
    name: str
    weights: str


class SpecialLearner(Learner):
    """What changes while a decoder is specialised; see :class:`~adain.training.learner.Learner`.

    Args:
        judge: VGG-19, frozen; taken over.
        slack: content distance that may be lost.
    """

    def __init__(
        self,
        config: TrainingConfig,
        judge: VGGEncoder,
        model: Original,
        target: SpecialTarget,
        rank: int,
        slack: float,
        device: torch.device,
        team: Team,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        by_winograd = wants_winograd(config, device)
        network: Any = SpecialDecoder(model.decoder, rank, config.seed, by_winograd=by_winograd)
        super().__init__(config, judge, network, device, team, None, note)
        own = model.encoder
        self._own = None if own is None else self._prepared(own.to(device, self.dtype))
        self._general = self._prepared(model.decoder.to(device, self.dtype)).requires_grad_(False)
        freeze(self.encoder)  # of which nothing but the gradient of the picture is wanted
        self._model, self._slack = model, slack
        self._style = target.style.to(device)
        self._stats = {layer: (mean.to(device), std.to(device)) for layer, (mean, std) in target.stats.items()}
        self._hold = torch.tensor(config.structure_weight, device=device)
        self._first: Tensor | None = None  # style loss of the decoder as it is
        self._compares = False
        self._latest: tuple[Tensor, Tensor] | None = None  # of _seen

    def step(self, step: int, batch: Batch | PooledBatch, share: float = 0.0) -> Tensor:
        self._compares = step % COMPARED_EVERY == 0
        return super().step(step, batch, share)

    def _backward(self, phase: Phase, images: Tensor, identity: Tensor, mix: Mix) -> Losses:
        images = images[: self.config.batch_size]
        losses = super()._backward(phase, images, identity, mix)
        if self._compares:
            assert self._latest is not None
            wanted, shape = self._latest
            with torch.no_grad(), self.autocast:
                found = self._encode(self._general(wanted.to(self.dtype)), (CONTENT_LAYER,))
                gap = losses.content - content_loss(normalize_channels(found[CONTENT_LAYER]), shape) - self._slack
                self._hold *= torch.exp(GROWTH * gap.clamp(-LARGEST_GAP, LARGEST_GAP))
        return losses

    def _terms(self, phase: Phase, images: Tensor, identity: Tensor, mix: Mix) -> tuple[Losses, Tensor]:
        self._latest = wanted, shape = self._seen(images)
        output = self._run(wanted)
        found = self._encode(output, STYLE_LAYERS)
        style = style_loss(found, self._stats)
        distance = content_loss(normalize_channels(found[CONTENT_LAYER]), shape)
        if self._first is None:
            self._first = style.detach().clone()
        total = self.config.style_weight * style / self._first + self._hold * distance
        return Losses(total, distance, style, torch.zeros_like(total)), output

    @torch.no_grad()
    def _seen(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What the decoder is to decode, and what is to stay of the photographs: relu4_1, normalised."""
        folded = self._general.network.folded
        if self._own is None:
            seen = self._encode(images, layers_of(folded))
            features = fuse(seen, folded)
        else:
            seen, features = self._encode(images, (CONTENT_LAYER,)), self._own.features(images)
        wanted = transfer(at_least_float32(features), self._style)
        return wanted, normalize_channels(seen[CONTENT_LAYER])

    @torch.no_grad()
    def paint(self, content: Tensor, style: Tensor) -> Tensor:
        with self.autocast:
            painted: Tensor = self.average(self._seen(content)[0])
            return painted

    def save(self, folder: Path, state: Mapping[str, Any]) -> None:
        """Write the style with its change, of the averaged weights of a :meth:`state`."""
        self.styled(state["average"]).save(folder / STYLE_FILE)

    def styled(self, average: Mapping[str, Tensor]) -> Style:
        """The style with its change."""
        factors = factors_of(average, self._general.network)
        change = Change(self._model.name, self._model.weights, ((1.0, factors),))
        style = self._style.to("cpu")
        return Style(style.mean, style.std, style.name, style.fine_std, change)

    def state(self) -> dict[str, Any]:
        first = {} if self._first is None else {"first": self._first}
        return super().state() | {"hold": self._hold} | first

    def load(self, state: dict[str, Any]) -> None:
        super().load(state)
        self._hold = state["hold"].to(self.device)
        self._first = state["first"].to(self.device) if "first" in state else None

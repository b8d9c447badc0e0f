"""The decoder, its running average and its optimiser; one call is one step."""

from __future__ import annotations

import copy
import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..decoder import Decoder
from ..vgg import VGGEncoder
from .config import TrainingConfig
from .crops import Batch, to_images
from .distributed import Team
from .objective import Decode, Encode, style_objective, warmup_objective
from .schedule import ema_decay, learning_rate, phase_of

METRICS = ("loss", "content", "style", "identity", "grad_norm")
"""What :meth:`Learner.step` returns, in this order."""


class Learner:
    """What changes while training.

    Args:
        config: resolved.
        encoder: frozen; taken over, and converted to the working precision.
        decoder: where to start.
        device: where both go.
        team: averages the gradients.
    """

    def __init__(
        self, config: TrainingConfig, encoder: VGGEncoder, decoder: Decoder, device: torch.device, team: Team
    ) -> None:
        self.config = config
        self.device = device
        self.dtype = working_dtype(config, device)
        # A frozen network gains nothing from float32 weights, and autocast would convert them at each use.
        self.encoder = encoder.to(device, self.dtype).to(memory_format=torch.channels_last)
        self.decoder = decoder.to(device).to(memory_format=torch.channels_last).requires_grad_(True)
        self.average = copy.deepcopy(self.decoder).requires_grad_(False)
        self._parameters: list[Tensor] = list(self.decoder.parameters())
        self._averages: list[Tensor] = list(self.average.parameters())
        self.optimizer = self._new_optimizer()
        self._encode: Encode = self.encoder
        trained: nn.Module = team.wrap(self.decoder, device)
        self._decode: Decode = trained
        if config.compile:
            self._encode = cast(Encode, torch.compile(self.encoder))
            self._decode = cast(Decode, torch.compile(trained))

    def step(self, step: int, batch: Batch) -> Tensor:
        """Train on one batch.

        Args:
            step: its number in the whole run, from 0; decides phase and learning rate.

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
            group["lr"] = learning_rate(config, step)
        size = config.crop if phase == "style" else (config.warmup_crop or config.crop)
        images, identity = to_images(batch, size, self.device)
        with self.autocast():
            if phase == "warmup":
                losses = warmup_objective(self._encode, self._decode, images)
            else:
                content, style = images.chunk(2)
                losses = style_objective(config, self._encode, self._decode, content, style, identity)
        self.optimizer.zero_grad(set_to_none=True)
        losses.total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self._parameters, config.clip_norm or math.inf)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self._averages, self._parameters, 1.0 - ema_decay(config, step))
        return torch.stack([*losses, norm]).detach()

    def autocast(self) -> AbstractContextManager[Any]:
        """The working precision, for forward passes."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def state(self) -> dict[str, Any]:
        """All that :meth:`load` needs."""
        return {
            "decoder": self.decoder.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go back to a :meth:`state`."""
        self.decoder.load_state_dict(state["decoder"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _new_optimizer(self) -> torch.optim.Optimizer:
        fused = self.device.type in ("cpu", "cuda")
        return torch.optim.Adam(self._parameters, lr=self.config.lr, betas=self.config.betas, fused=fused)


def working_dtype(config: TrainingConfig, device: torch.device) -> torch.dtype:
    """The precision of the convolutions: float32, or bfloat16, whose range needs no loss scaling."""
    wants = config.precision == "bf16" or (config.precision == "auto" and device.type == "cuda")
    return torch.bfloat16 if wants else torch.float32

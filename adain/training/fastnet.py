"""The fast model as it is trained: encoder, decoder, and the adaptors that distillation needs and nobody else."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..nn.adain import adaptive_instance_norm
from ..nn.fast import FOLDED, FastDecoder, FastEncoder
from ..nn.statistics import channel_mean_std
from ..nn.vgg import CONTENT_LAYER, LAYERS
from .mixing import PLAIN, Mix

ADAPTED = {"relu1_1": "relu1_1", "relu2_1": "relu2_1", FOLDED: "relu3_1", CONTENT_LAYER: CONTENT_LAYER}
"""Layers of the fast encoder, and those of VGG-19 they learn from: of one size each."""


class FastNet(nn.Module):
    """Both ends of the fast model in one module, so that one call serves a step on any number of GPUs.

    Args:
        encoder, decoder: taken over.
    """

    def __init__(self, encoder: FastEncoder, decoder: FastDecoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        widths = {spec.relu: spec.c_out for spec in encoder.specs}
        wanted = {spec.relu: spec.c_out for spec in LAYERS}
        self.adaptors = nn.ModuleDict(
            {own: nn.Conv2d(widths[own], wanted[other], kernel_size=1) for own, other in ADAPTED.items()}
        )

    @classmethod
    def fresh(cls, seed: int) -> FastNet:
        """With He et al.'s initialisation, the same for the same seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            net = cls(FastEncoder(), FastDecoder())
            for end in (net.encoder, net.decoder):
                for name, parameter in end.named_parameters():
                    if name.endswith("weight"):
                        nn.init.kaiming_normal_(parameter, nonlinearity="relu")
                    else:
                        nn.init.zeros_(parameter)
        return net

    def forward(
        self, content: Tensor, style: Tensor | None = None, mix: Mix = PLAIN
    ) -> Tensor | tuple[dict[str, Tensor], Tensor]:
        """The content in a style; without a style, what :func:`~adain.training.objective.distil_objective` wants.

        Shape:
            ``(B, 3, H, W)`` images in ``[0, 1]``, sides multiples of 8.
        """
        if style is not None:
            features = self.encoder.features(content)
            styles = mix.blended({CONTENT_LAYER: channel_mean_std(self.encoder.features(style))})
            goal = adaptive_instance_norm(features, *styles[CONTENT_LAYER])
            if mix.alpha is not None:
                goal = torch.lerp(features.float(), goal.float(), mix.alpha)
            painted: Tensor = self.decoder(goal)
            return painted
        found = self.encoder(content, tuple(ADAPTED))
        adapted = {other: self.adaptors[own](found[own]) for own, other in ADAPTED.items()}
        # The decoder follows: what makes pixels easy to give back is not what the encoder is to learn.
        return adapted, self.decoder(self.encoder.fuse(found).detach())

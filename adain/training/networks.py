"""What is trained, where it starts: the mirrored decoder, and both ends of the fast model.

With PyTorch's default initialisation, a decoder without normalisation layers hardly moves for hundreds of steps.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nn.decoder import MIRRORED, Decoder
from ..nn.fast import FOLDED, FastDecoder, FastEncoder
from ..nn.fold import fuse, layers_of
from ..nn.folded import BaseDecoder
from ..nn.instance_norm import adaptive_instance_norm
from ..nn.statistics import channel_mean_std
from ..nn.vgg import CONTENT_LAYER, LAYERS, VGGEncoder
from .crops import PLAIN, Mix

IMAGE_STD, IMAGE_MEAN = 0.2, 0.45
"""Deviation and mean of a typical photograph in ``[0, 1]``: where the last layer starts."""

ADAPTED = {"relu1_1": "relu1_1", "relu2_1": "relu2_1", FOLDED: "relu3_1", CONTENT_LAYER: CONTENT_LAYER}
"""Layers of the fast encoder, and those of VGG-19 they learn from: of one size each."""


@torch.no_grad()
def mirrored_decoder(encoder: VGGEncoder, images: Tensor) -> Decoder:
    """A float32 decoder made of the encoder's own filters.

    Each layer gets the filters of the encoder's layer of the same name, transposed and turned by 180°, which
    is the adjoint of that layer. Then, layer by layer, weights and bias are set so that over ``images`` every
    channel of the layer's output (before its ReLU) has mean 0, and the layer as a whole deviation 1; for the
    last layer these are a photograph's 0.45 and 0.2.

    Args:
        encoder: reaching relu4_1; not changed.
        images: ``(B, 3, H, W)`` photographs in ``[0, 1]``.
    """
    decoder = Decoder().to(images.device)
    x = encoder(images)[MIRRORED[0].relu].float()
    for spec in MIRRORED:
        conv, mirror = decoder.get_submodule(spec.name), encoder.get_submodule(spec.name)
        weight, bias = conv.get_parameter("weight"), conv.get_parameter("bias")
        weight.copy_(mirror.get_parameter("weight").transpose(0, 1).flip(2, 3))
        bias.zero_()
        std, mean = (IMAGE_STD, IMAGE_MEAN) if spec is MIRRORED[-1] else (1.0, 0.0)
        y = conv(x)
        # One scale for the layer keeps the filters' proportions; a shift for each channel keeps its ReLU alive:
        # with a common one the decoder answers grey and stays there.
        means = y.mean(dim=(0, 2, 3), keepdim=True)
        scale = std / float((y - means).std(correction=0).clamp_min(1e-12))
        weight.mul_(scale)
        bias.copy_(mean - scale * means.flatten())
        x = F.relu((y - means) * scale + mean)
        if spec.pool_before:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
    return decoder


def grown(decoder: Decoder) -> BaseDecoder:
    """The base model's decoder that gives, to the bit, what a plain one does: its skip begins at zero."""
    base = BaseDecoder()
    missing = base.load_state_dict(decoder.state_dict(), strict=False).missing_keys
    for name in missing:
        nn.init.zeros_(base.get_parameter(name))
    return base


@torch.no_grad()
def paint(encoder: VGGEncoder, network: Decoder | FastNet, content: Tensor, style: Tensor) -> Tensor:
    """``(B, 3, H, W)`` images in the style of others by a decoder, or by both ends of a fast model; not clamped."""
    if isinstance(network, FastNet):
        made: Tensor = network(content, style)
        return made
    folded = network.network.folded
    features, wanted = (fuse(encoder(images, layers_of(folded)), folded) for images in (content, style))
    painted: Tensor = network(adaptive_instance_norm(features, *channel_mean_std(wanted)))
    return painted


class FastNet(nn.Module):
    """Both ends of the fast model in one module, so that one call serves a step on any number of GPUs.

    Beside them stand the adaptors that distillation needs and nobody else.
    """

    def __init__(self, encoder: FastEncoder, decoder: FastDecoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        widths, wanted = ({spec.relu: spec.c_out for spec in specs} for specs in (encoder.specs, LAYERS))
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
        """The content in a style; without a style, what :func:`~adain.training.objective.distil_objective` wants."""
        if style is not None:
            if content.shape == style.shape:  # one call for both, which fills a GPU better
                features, wanted = self.encoder.features(torch.cat([content, style])).chunk(2)
            else:
                features, wanted = self.encoder.features(content), self.encoder.features(style)
            styles = mix.blended({CONTENT_LAYER: channel_mean_std(wanted)})
            painted: Tensor = self.decoder(mix.transfer(features, *styles[CONTENT_LAYER]))
            return painted
        found = self.encoder(content, tuple(ADAPTED))
        adapted = {other: self.adaptors[own](found[own]) for own, other in ADAPTED.items()}
        # The decoder follows: what makes pixels easy to give back is not what the encoder is to learn.
        return adapted, self.decoder(fuse(found, self.encoder.folded).detach())

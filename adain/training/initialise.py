"""A starting point for the decoder from which it learns at once.

With PyTorch's default initialisation, a decoder without normalisation layers hardly moves for hundreds of
steps.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..nn.decoder import MIRRORED, Decoder
from ..nn.vgg import VGGEncoder

HIDDEN_STD, HIDDEN_MEAN = 1.0, 0.0
IMAGE_STD, IMAGE_MEAN = 0.2, 0.45
"""Deviation and mean of a typical photograph in ``[0, 1]``: where the last layer starts."""


@torch.no_grad()
def mirrored_decoder(encoder: VGGEncoder, images: Tensor) -> Decoder:
    """A decoder made of the encoder's own filters.

    Each layer gets the filters of the encoder's layer of the same name, transposed and turned by 180°, which
    is the adjoint of that layer. Then, layer by layer, weights and bias are set so that over ``images`` every
    channel of the layer's output (before its ReLU) has mean 0, and the layer as a whole deviation 1; for the
    last layer these are a photograph's 0.45 and 0.2.

    Args:
        encoder: reaching relu4_1; not changed.
        images: ``(B, 3, H, W)`` photographs in ``[0, 1]``.

    Returns:
        A float32 decoder on the device of the images.
    """
    decoder = Decoder().to(images.device)
    x = encoder(images)[MIRRORED[0].relu].float()
    for spec in MIRRORED:
        conv = decoder.get_submodule(spec.name)
        mirror = encoder.get_submodule(spec.name)
        weight, bias = conv.get_parameter("weight"), conv.get_parameter("bias")
        weight.copy_(mirror.get_parameter("weight").transpose(0, 1).flip(2, 3))
        bias.zero_()
        last = spec is MIRRORED[-1]
        std, mean = (IMAGE_STD, IMAGE_MEAN) if last else (HIDDEN_STD, HIDDEN_MEAN)
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

"""AdaIN as a reader of the paper would write it down: plain layers, float32, NCHW, nothing kept between calls."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from adain.nn import CONTENT_LAYER, MIRRORED, layers_upto
from adain.options import Options

EPS = 1e-5


def build_encoder(weights: Mapping[str, Tensor]) -> nn.Sequential:
    """VGG-19 to relu4_1 from the weights of :class:`adain.nn.VGGEncoder`."""
    layers: list[nn.Module] = []
    for spec in layers_upto(CONTENT_LAYER):
        layers += [nn.MaxPool2d(2, ceil_mode=True)] if spec.pool_before else []
        layers += [nn.ReflectionPad2d(1), _convolution(weights, spec.name), nn.ReLU()]
    return nn.Sequential(*layers)


def build_decoder(weights: Mapping[str, Tensor]) -> nn.Sequential:
    """The mirror image, from the weights of :class:`adain.nn.Decoder`."""
    layers: list[nn.Module] = []
    for spec in MIRRORED:
        layers += [nn.ReflectionPad2d(1), _convolution(weights, spec.name), nn.ReLU()]
        layers += [nn.Upsample(scale_factor=2, mode="nearest")] if spec.pool_before else []
    return nn.Sequential(*layers[:-1])  # no activation behind the last


def _convolution(weights: Mapping[str, Tensor], name: str) -> nn.Conv2d:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], 3)
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def to_tensor(image: Image.Image) -> Tensor:
    pixels = torch.from_numpy(np.array(image.convert("RGB")))
    return pixels.permute(2, 0, 1).contiguous().float().div(255).unsqueeze(0)


def statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    batch, channels = features.shape[:2]
    flat = features.view(batch, channels, -1)
    std = (flat.var(dim=2, unbiased=False) + EPS).sqrt().view(batch, channels, 1, 1)
    return flat.mean(dim=2).view(batch, channels, 1, 1), std


def adain(content: Tensor, style: Tensor) -> Tensor:
    style_mean, style_std = statistics(style)
    mean, std = statistics(content)
    normalised = (content - mean.expand(content.size())) / std.expand(content.size())
    return normalised * style_std.expand(content.size()) + style_mean.expand(content.size())


class Textbook:
    """Encoder, AdaIN, decoder; the artwork is resized and encoded for every picture."""

    def __init__(self, encoder: Mapping[str, Tensor], decoder: Mapping[str, Tensor]) -> None:
        self.encoder = build_encoder(encoder)
        self.decoder = build_decoder(decoder)

    @torch.no_grad()
    def __call__(self, photo: Image.Image, art: Image.Image, style_size: int = Options.style_size) -> Image.Image:
        """A picture of the photograph's size, which is a multiple of 8."""
        scale = style_size / min(art.size)
        shape = (round(art.width * scale), round(art.height * scale))
        style = self.encoder(to_tensor(art.resize(shape, Image.Resampling.LANCZOS)))
        content = self.encoder(to_tensor(photo))
        output = self.decoder(adain(content, style)).clamp(0, 1)
        levels = output[0].mul(255).add(0.5).clamp(0, 255).permute(1, 2, 0).to("cpu", torch.uint8)
        return Image.fromarray(levels.contiguous().numpy())

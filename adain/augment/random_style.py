"""Samples of a training set in random styles: the pass itself, which every framework's transform calls."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..control.color import as_color
from ..image.tensors import resize_to
from ..nn.instance_norm import adaptive_instance_norm
from ..nn.layers import MIN_SIZE
from ..stylizer.stylizer import Stylizer
from .draws import NUMBERS, StyleDraw, draw_of, uniforms_by_content
from .epochs import Epoch
from .networks import DEFAULT_MODEL, stylizer_of
from .options import RandomStyleOptions
from .pixels import check_samples, completed, from_unit, resized, to_channels, to_color, to_levels, to_unit
from .sources import SHIPPED, BankInput, ListedStyles, StyleSource, open_source

PASS_PIXELS = {"cpu": 16 * 224**2, "cuda": 128 * 224**2}
"""About so many go through the networks at a time, which bounds the memory of a batch of any size."""


class RandomStyle:
    """Stylises each sample of a batch in a style, and with a strength, of its own (Huang & Belongie 2017).

    The samples of a batch are encoded and decoded together; AdaIN, eq. 8, takes the statistics of one style for each.
    Nothing of a sample reaches another. The networks are loaded when they are first needed, once in each process, on
    the device where the samples lie.

    Args:
        bank: a :class:`StyleBank` or its file; ``"shipped"``, the Gaussian that comes with the library; or a list of
            :class:`~adain.Style` and of anything :func:`~adain.image.open_source` takes, which is encoded here.
        options: a :class:`RandomStyleOptions`; its fields are keywords, too.

    Raises:
        InputError: if an option is out of range, or the styles are of another model.
        MissingFileError, ImageError: if a file is missing or damaged.

    >>> augment = RandomStyle("paintings.safetensors", p=0.5, alpha=(0.5, 1.0))
    >>> images = augment(images)  # (B, 3, H, W), uint8 or floats in [0, 1]
    """

    def __init__(self, bank: BankInput = SHIPPED, options: RandomStyleOptions | None = None, **changes: Any) -> None:
        asked = RandomStyleOptions.of(options, **changes)
        source = open_source(bank, asked)
        # Pictures were encoded, and are not needed again.
        self.bank = source if isinstance(source, ListedStyles) else bank
        self.options = asked.change(model=asked.model or source.model or DEFAULT_MODEL)
        self._source: StyleSource | None = source
        self._is_checked = False
        self._epoch = Epoch()

    @property
    def source(self) -> StyleSource:
        """Where styles come from; opened anew in another process."""
        if self._source is None:
            self._source = open_source(self.bank, self.options)
        return self._source

    def set_epoch(self, epoch: int) -> None:
        """Let samples draw anew where there is a ``seed``; without one they always do. Workers that live on, too."""
        self._epoch.set(epoch)

    def __call__(self, images: Tensor) -> Tensor:
        """The batch with its samples stylised.

        Args:
            images: ``(B, C, H, W)`` or ``(C, H, W)`` on any device, of 1 or 3 channels and any size: uint8, or floats
                in ``[0, 1]``, or normalised as ``mean`` and ``std`` say.

        Returns:
            The same shape, type and device; what was not chosen is as it was, to the bit. Grey stays grey.

        Raises:
            ImageError: for any other shape, type or range of values.
        """
        return self.apply(images, self.draw(images))

    def draw(self, images: Tensor) -> StyleDraw:
        """What :meth:`__call__` draws for a batch, to be used again with :meth:`apply`."""
        batch = check_samples(images)
        if self.options.seed is None:
            return self.draw_for(len(batch))
        first = batch[:1] if self.options.same_on_batch else batch
        drawn = uniforms_by_content(to_levels(first, self.options), self.options.seed, int(self._epoch))
        return self._meaning(drawn.expand(len(batch), -1))

    def draw_for(self, count: int, generator: torch.Generator | None = None) -> StyleDraw:
        """What is drawn for so many samples, whatever they are, of a generator or of torch's own."""
        rows = 1 if self.options.same_on_batch else count
        drawn = torch.rand(rows, NUMBERS, dtype=torch.float64, generator=generator, device="cpu")
        return self._meaning(drawn.expand(count, -1))

    def _meaning(self, uniforms: Tensor) -> StyleDraw:
        return draw_of(uniforms, self.options, self.source)

    def apply(self, images: Tensor, draw: StyleDraw) -> Tensor:
        """Samples as a draw has it, a row each; arguments, result and errors as of :meth:`__call__`."""
        batch = check_samples(images)
        if len(draw.applied) != len(batch):
            raise InputError(f"a draw for {len(draw.applied)} samples does not fit {len(batch)}")
        chosen = draw.applied.nonzero()[:, 0].tolist()
        if not chosen:
            return images
        is_tracked = self.options.differentiable and torch.is_grad_enabled()
        with torch.set_grad_enabled(is_tracked), torch.autocast(images.device.type, enabled=False):
            if len(chosen) == len(batch):
                result = self._stylise(batch, draw)
            else:
                places = torch.tensor(chosen, device=batch.device)
                some = self._stylise(batch[places], StyleDraw(*(part[chosen] for part in draw)))
                result = batch.index_copy(0, places, some)
        return result.reshape(images.shape)

    def _stylise(self, batch: Tensor, draw: StyleDraw) -> Tensor:
        """All samples of a batch, in as many passes as their size asks for."""
        stylizer = stylizer_of(self.options, batch.device)
        if not self._is_checked:
            self.source.check(stylizer)
            self._is_checked = True
        step = _samples_of_a_pass(batch, self.options.size)
        parts = [
            self._pass(stylizer, batch[start : start + step], StyleDraw(*(p[start : start + step] for p in draw)))
            for start in range(0, len(batch), step)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _pass(self, stylizer: Stylizer, batch: Tensor, draw: StyleDraw) -> Tensor:
        unit = to_color(to_unit(batch, self.options))
        height, width = unit.shape[2:]
        small = resized(unit, self.options.size)
        inner = completed(small).contiguous(memory_format=torch.channels_last)
        features = stylizer.encode(inner)
        mean, std = (part.to(features.device) for part in self._statistics(draw))
        alpha = draw.alpha.float().to(features.device).view(-1, 1, 1, 1)
        painted = stylizer.decode_features(adaptive_instance_norm(features, mean, std, alpha))
        painted = painted[..., : small.shape[2], : small.shape[3]].clamp(0.0, 1.0)
        if painted.shape[2:] != (height, width):
            painted = resize_to(painted, (height, width))
        if (color := as_color(self.options.color)) is not None:
            painted = color.apply_to_output(painted, unit)
        return from_unit(to_channels(painted, batch.shape[1]), batch, self.options)

    def _statistics(self, draw: StyleDraw) -> tuple[Tensor, Tensor]:
        """Mean and deviation ``(N, C, 1, 1)`` of each sample's style, or of its two."""
        mean, std = self.source.statistics(draw.first.tolist())
        blended = draw.share.nonzero()[:, 0].tolist()
        if blended:
            share = draw.share[blended].float().view(-1, 1, 1, 1)
            others = self.source.statistics(draw.second[blended].tolist())
            mean, std = (
                own.index_copy(0, torch.tensor(blended, device=own.device), torch.lerp(own[blended], other, share))
                for own, other in zip((mean, std), others, strict=True)
            )
        return mean, std

    def __getstate__(self) -> dict[str, Any]:
        """Without what is read from a bank, which another process opens itself; styles in memory go along."""
        return {**self.__dict__, "_source": None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"

    def describe(self) -> str:
        """The bank and what is not at its default."""
        said = [f"{name}={value!r}" for name, value in self.options.given().items()]
        return ", ".join([repr(self.bank), *said])


def _samples_of_a_pass(batch: Tensor, shorter: int) -> int:
    """How many samples of a batch go through the networks together."""
    height, width = batch.shape[2:]
    scale = shorter / min(height, width) if shorter else 1.0
    pixels = max(MIN_SIZE, height * scale) * max(MIN_SIZE, width * scale)
    return max(1, int(PASS_PIXELS.get(batch.device.type, PASS_PIXELS["cpu"]) / pixels))

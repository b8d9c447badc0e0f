"""Keeping a stylised video steady: statistics that run on over a shot, and strokes that move with what they are on.

The motion between two frames is found by dense inverse search (Kroeger et al. 2016).
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._utils.arrays import Array, Device, device_of, is_tensor, moved
from ..control.regions import Placement
from ..control.style import Style
from ..image.arrays import LUMA
from ..image.wrap import axes_of, extended, inner
from ..nn.statistics import EPS, channel_mean_std, regional_mean_std
from ..options import Wrap
from .frames import require
from .options import VideoOptions

if TYPE_CHECKING:
    from torch import Tensor

MOMENT_DECAY = 0.9  # share of the running statistics in the next, at strength 1
BLEND = 0.9  # share of the frame before in the next where the flow is trusted fully, at strength 1
LIGHT = 0.06  # difference of the source's colours along the flow, in [0, 1], at which the trust has fallen to 0.37
WINDOW = 5  # side in pixels of the square over which that difference is averaged, so that noise counts as no change
JITTER = 2.0  # pixels of flow below which it may be noise that moves, and nothing else
LEVEL = 1 / 255  # by how much the source's colours may differ more without the flow for it to be taken for that
AROUND = 64  # pixels that a frame is read beyond sides that meet, for motion across them to be followed so far
MIN_SIDE = 16  # below this, in pixels, frames are taken not to move: the method's patches do not fit


class Steadier:
    r"""Makes what is done to one frame follow from what was done to the one before.

    *Statistics.* AdaIN normalises with mean and deviation of the content, and those change from frame to frame with
    noise and with what enters the picture: colours pulse. Within a shot they are replaced by running averages

    .. math:: \bar\mu_t = d\,\bar\mu_{t-1} + (1 - d)\,\mu_t, \qquad \bar\sigma^2_t \text{ likewise}, \qquad d = 0.9\,S

    *Strokes.* The result before, moved along the optical flow of the source, is mixed into the result,

    .. math:: y_t(p) \leftarrow (1 - w)\,y_t(p) + w\,y_{t-1}(p + f(p)), \qquad w = 0.9\,S\,m(p)\,e^{-(e(p)/0.06)^2}

    where :math:`m` is the test of Ruder et al. 2016 (:func:`~adain.image.warp.trusted`) and :math:`e` what the source
    itself differs by along the flow. What moves by a pixel or two, and is explained as well by standing still, stands
    still: the noise of a source has a flow of its own, and strokes would tremble with it. Whatever comes into view, and
    every first frame of a shot, is painted anew.

    It computes with torch. Arrays are lent to that, so that there is no copy of them, and get arrays back.

    Args:
        strength: :math:`S` in ``[0, 1]``; 0 changes nothing.
        wrap: which sides of the frames meet; what moves across them, up to :data:`AROUND` pixels a frame, is followed.

    Raises:
        InputError: if the strength is out of range, or OpenCV is not installed.
    """

    def __init__(self, strength: float, wrap: Wrap = "none") -> None:
        VideoOptions.declared()["stability"].check(strength)
        self.strength = float(strength)
        self._flow = FlowFinder() if self.strength else None
        self._axes = axes_of(wrap)
        # "moments": mean and variance, running; "before": the last result and its source.
        self._memory: dict[str, tuple[Tensor, Tensor]] = {}

    def cut(self) -> None:
        """Forget everything: a new shot begins."""
        self._memory = {}

    def target(self, target: Style | Placement, features: Array) -> Style | Placement:
        """What to decode the ``features`` ``(1, C, H, W)`` of a frame with, for them to have running statistics.

        AdaIN with statistics :math:`\\bar\\mu, \\bar\\sigma` of the content in place of its own :math:`\\mu, \\sigma`
        equals AdaIN with the style :math:`\\sigma_s \\sigma / \\bar\\sigma` and
        :math:`\\mu_s + \\sigma_s (\\mu - \\bar\\mu) / \\bar\\sigma`.
        """
        if not self.strength:
            return target
        if not is_tensor(features):
            return self.target(target.to("cpu"), moved(features, "cpu")).to(None)
        import torch

        cells = target.cells if isinstance(target, Placement) and not target.shared_content else None
        if cells is None:
            mean, std = (x[None] for x in channel_mean_std(features))
        else:
            mean, std = regional_mean_std(features, cells)
        moments = (mean, std.square())
        before = self._memory.get("moments", moments)
        if before[0].shape != mean.shape:
            before = moments
        decay = MOMENT_DECAY * self.strength
        running_mean, variance = (torch.lerp(new, old, decay) for new, old in zip(moments, before, strict=True))
        self._memory["moments"] = (running_mean, variance)
        deviation = variance.clamp_min(EPS).sqrt()
        scale, shift = std / deviation, (mean - running_mean) / deviation
        if isinstance(target, Style):
            return _moved(target, scale[0], shift[0])
        count = len(target.styles)  # statistics are one for all of them, or one for each
        each = zip(target.styles, scale.expand(count, -1, -1, -1, -1), shift.expand(count, -1, -1, -1, -1), strict=True)
        return dataclasses.replace(target, styles=tuple(itertools.starmap(_moved, each)))

    def blend(self, output: Array, content: Array) -> Array:
        """The result ``(1, 3, H, W)`` in ``[0, 1]`` with the one before mixed in; ``content`` is its source."""
        if self._flow is None:
            return output
        device = device_of(output)
        lent = moved(output, device or "cpu"), moved(content, device or "cpu")
        steadied: Array = moved(self._blend(*lent, self._flow), device)
        return steadied

    def _blend(self, output: Tensor, content: Tensor, finder: FlowFinder) -> Tensor:
        before = self._memory.get("before")
        if before is not None and before[0].shape == output.shape:
            margins = [AROUND if around else 0 for around in self._axes]
            wide = (extended(x, margins) for x in (output, content, *before))
            output = inner(self._mixed(finder, *wide), margins)
        self._memory["before"] = (output, content)
        return output

    def _mixed(
        self, finder: FlowFinder, output: Tensor, content: Tensor, last_output: Tensor, last_content: Tensor
    ) -> Tensor:
        """The result with the one before mixed in."""
        import torch

        from ..image.warp import trusted, warp

        flow, back = finder.both_ways(content, last_content)
        change, unmoved = _difference(content, warp(last_content, flow)), _difference(content, last_content)
        stays = (flow.norm(dim=1, keepdim=True) < JITTER) & (unmoved <= change + LEVEL)
        flow, back = flow.masked_fill(stays, 0.0), back.masked_fill(stays, 0.0)
        change = torch.where(stays, unmoved, change)
        trust = torch.exp(-(change / LIGHT).square()) * trusted(flow, back)
        # Bilinear interpolation of what was interpolated before, over and over, would melt every stroke.
        moved_on = warp(last_output, flow, "bicubic").clamp(0.0, 1.0)
        return torch.lerp(output, moved_on, BLEND * self.strength * trust)

    def state(self) -> dict[str, Any]:
        """What it remembers, in arrays."""
        return {name: [moved(x, None) for x in pair] for name, pair in self._memory.items()}

    def restore(self, state: dict[str, Any], device: Device) -> None:
        """Undo :meth:`state`; ``device`` is that of frames to come, or None for arrays."""
        self._memory = {name: (moved(a, device or "cpu"), moved(b, device or "cpu")) for name, (a, b) in state.items()}


def _difference(a: Tensor, b: Tensor) -> Tensor:
    """Of two pictures' colours about each pixel, ``(1, 1, H, W)``."""
    import torch.nn.functional as F

    return F.avg_pool2d((a - b).abs().mean(1, keepdim=True), WINDOW, 1, WINDOW // 2, count_include_pad=False)


def _moved(style: Style, scale: Tensor, shift: Tensor) -> Style:
    fine = None if style.fine_std is None else style.fine_std * scale
    mean, std = style.mean + style.std * shift, style.std * scale
    return dataclasses.replace(style, mean=mean, std=std, fine_std=fine)


class FlowFinder:
    """Optical flow from a frame to the one before it, and back."""

    def __init__(self) -> None:
        cv2 = require("cv2", "OpenCV")
        self._finder: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        # At the full size: what is steadied are strokes of few pixels, and half a pixel off they would blur.
        self._finder.setFinestScale(0)

    def both_ways(self, current: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
        """Flow from ``current`` to ``previous``, and from there, each ``(1, 2, H, W)`` as in :mod:`adain.image.warp`.

        Frames are ``(1, 3, H, W)`` in ``[0, 1]``; the result is on the device of ``current``.
        """
        if min(current.shape[2:]) < MIN_SIDE:
            still = current.new_zeros(1, 2, *current.shape[2:])
            return still, still
        a, b = _grey(current), _grey(previous)
        flows = (self._finder.calc(*ways, None).transpose(2, 0, 1) for ways in ((a, b), (b, a)))
        flow, back = (moved(np.ascontiguousarray(x)[None], current.device) for x in flows)
        return flow, back


def _grey(image: Tensor) -> npt.NDArray[np.uint8]:
    weights = image.new_tensor(LUMA)[:, None, None]
    grey = (image[0] * weights).sum(0).mul(255.0).round_().clamp_(0.0, 255.0)
    levels: npt.NDArray[np.uint8] = grey.byte().cpu().numpy()
    return levels

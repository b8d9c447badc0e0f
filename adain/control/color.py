"""Keeping the colours of the photograph: in the picture that comes out, or in the style that goes in."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import Tensor

from .._utils.errors import InputError
from ..image.tensors import luma
from ..nn.statistics import at_least_float32, channel_mean_std
from ..options import ColorMode, ColorSpace, Options
from .recolor import METHODS as METHODS
from .recolor import (
    affine,
    check_batches,
    check_choice,
    check_strength,
    fit_mask,
    fit_weights,
    match_histogram,
    match_linear,
)

MODES = get_args(ColorMode)
SPACES = get_args(ColorSpace)

_D65 = (0.95047, 1.0, 1.08883)
_DELTA = 6.0 / 29.0  # of CIE Lab: below its cube the cube root goes over into a straight line

# Luminance without a change of space and back: adding the same number to R, G and B changes the luma by that number and
# leaves B - Y and R - Y, and so every chroma of YCbCr and YIQ, what they were. In the coordinates f(X), f(Y), f(Z) of
# Lab, whose L is 116 f(Y) - 16 and whose a and b are differences of them, the same holds. `_to_coordinates` gives
# the coordinates in which lightness is added so, `_lightness` the lightness in their units.


def preserve_luminance(
    output: Tensor,
    content: Tensor,
    *,
    space: str = Options.color_space,
    strength: float = Options.color_strength,
    mask: Tensor | None = None,
    clamp: bool = True,
) -> Tensor:
    """The lightness of a stylised picture with the colours of the photograph.

    Luminance-only transfer of Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", applied to the
    result. Differentiable with respect to both images.

    Args:
        output: ``(B, 3, H, W)`` in ``[0, 1]``, the stylised picture.
        content: ``(B, 3, H, W)`` in ``[0, 1]``, the photograph; either batch may be 1 and then serves all of the other.
        space: one of :data:`SPACES`. ``"ycbcr"`` keeps B - Y and R - Y, as every space of that luma does; ``"lab"``
            keeps a and b of CIE Lab (D65), which look more alike at another lightness, and takes longer.
        strength: in ``[0, 1]``, between ``output`` and the result; 0 returns ``output`` itself.
        mask: ``(B, 1, H, W)`` or ``(1, 1, H, W)`` in ``[0, 1]``: where colours are kept, and how much.
        clamp: cut the result to ``[0, 1]``. Colours as strong as the content's do not exist at every lightness; where
            they do not, the cut makes them weaker and shifts the lightness. Without it the chroma is the content's to
            rounding.

    Returns:
        ``(B, 3, H, W)`` in the dtype of ``output``; the arithmetic is float32 or better.

    Raises:
        InputError: if the space is unknown, the strength is out of range, or the images or the mask do not fit.
    """
    check_batches(output, content)
    if output.shape[2:] != content.shape[2:]:
        raise InputError(
            f"the output is {output.shape[3]}x{output.shape[2]} px and the content {content.shape[3]}x"
            f"{content.shape[2]}: resize the content to the output"
        )
    check_choice("colour space", space, SPACES)
    amount = check_strength(strength)
    if amount == 0.0:
        return output
    o, c = at_least_float32(output), at_least_float32(content)
    coordinates = _to_coordinates(c, space)
    result = _from_coordinates(coordinates + (_lightness(o, space) - _own_lightness(coordinates, space)), space)
    if mask is not None:
        result = torch.lerp(o, result, amount * fit_mask(mask, result))
    elif amount != 1.0:
        result = torch.lerp(o, result, amount)
    return (result.clamp_(0.0, 1.0) if clamp else result).to(output.dtype)


def match_luma(
    style: Tensor,
    content: Tensor,
    *,
    space: str = Options.color_space,
    strength: float = Options.color_strength,
    style_mask: Tensor | None = None,
    content_mask: Tensor | None = None,
    clamp: bool = False,
) -> Tensor:
    r"""Give a style the mean and the contrast of a content's lightness; its chroma stays.

    .. math:: L_S' = \frac{\sigma_C}{\sigma_S} (L_S - \mu_S) + \mu_C

    (Gatys et al. 2016, after Hertzmann et al. 2001; one channel of Reinhard et al. 2001.) Meant for a style
    before it is encoded, where the light of the two pictures differs much. Deviations are those of
    :func:`~adain.nn.statistics.channel_mean_std`, which stay above 0: a flat style becomes a flat one. Differentiable
    with respect to both images.

    All arguments but ``space``, one of :data:`SPACES`, whose lightness it is, and the result are those of
    :func:`~adain.control.match_linear`.

    Raises:
        InputError: if the space is unknown; else as :func:`~adain.control.match_linear`.
    """
    check_batches(style, content)
    check_choice("colour space", space, SPACES)
    amount = check_strength(strength)
    if amount == 0.0:
        return style
    s, c = at_least_float32(style), at_least_float32(content)
    coordinates = _to_coordinates(s, space)
    lightness = _own_lightness(coordinates, space)
    mean, std = channel_mean_std(lightness, None if style_mask is None else fit_weights(style_mask, s))
    content_weights = None if content_mask is None else fit_weights(content_mask, c)
    target_mean, target_std = channel_mean_std(_lightness(c, space), content_weights)
    change = (target_std / std - 1.0) * (lightness - mean) + (target_mean - mean)
    result = _from_coordinates(coordinates + change, space)
    if amount != 1.0:
        result = torch.lerp(s, result, amount)
    return (result.clamp_(0.0, 1.0) if clamp else result).to(style.dtype)


@dataclass(frozen=True)
class ColorPreservation:
    """How the colours of the photograph are kept: what to do with the style before, and with the result after.

    Attributes:
        mode: one of :data:`MODES`. ``"luminance"`` takes only the lightness of the result (:func:`preserve_luminance`);
            ``"linear"`` and ``"histogram"`` recolour the style (:func:`~adain.control.recolor.match_linear`,
            :func:`~adain.control.recolor.match_histogram`); ``"none"`` does nothing.
        space: one of :data:`SPACES`, for ``"luminance"``.
        method: one of :data:`METHODS`, for ``"linear"``.
        strength: in ``[0, 1]``; 0 does nothing.
        match_luma: for ``"luminance"``: fit the style's lightness to the photograph's first (:func:`match_luma`). Helps
            where the two differ much, and darkens some pictures.

    Raises:
        InputError: on construction, if a value is none of its choices or out of range.
    """

    mode: str = "luminance"
    space: str = Options.color_space
    method: str = Options.color_method
    strength: float = Options.color_strength
    match_luma: bool = False

    def __post_init__(self) -> None:
        check_choice("colour mode", self.mode, MODES)
        check_choice("colour space", self.space, SPACES)
        check_choice("colour method", self.method, METHODS)
        object.__setattr__(self, "strength", check_strength(self.strength))

    @property
    def needs_content(self) -> bool:
        """Whether the style depends on the photograph, so that it must be encoded anew for each."""
        recolours = self.mode in ("linear", "histogram") or (self.mode == "luminance" and self.match_luma)
        return self.strength > 0.0 and recolours

    @property
    def changes_output(self) -> bool:
        """Whether :meth:`apply_to_output` does anything."""
        return self.strength > 0.0 and self.mode == "luminance"

    def apply_to_style(
        self,
        style_pixels: Tensor,
        content_pixels: Tensor,
        *,
        style_mask: Tensor | None = None,
        content_mask: Tensor | None = None,
    ) -> Tensor:
        """The style to encode for a photograph: recoloured, or ``style_pixels`` itself where nothing is to be done.

        Arguments, result, which is not cut to ``[0, 1]``, and errors are those of
        :func:`~adain.control.match_linear`.
        """
        if not self.needs_content:
            return style_pixels
        how: dict[str, Any] = {"strength": self.strength, "style_mask": style_mask, "content_mask": content_mask}
        if self.mode == "linear":
            return match_linear(style_pixels, content_pixels, method=self.method, **how)
        if self.mode == "histogram":
            return match_histogram(style_pixels, content_pixels, **how)
        return match_luma(style_pixels, content_pixels, space=self.space, **how)

    def apply_to_output(self, output: Tensor, content: Tensor, *, mask: Tensor | None = None) -> Tensor:
        """The stylised picture with the photograph's colours, or ``output`` itself where nothing is to be done.

        Arguments, result and errors are those of :func:`preserve_luminance`.
        """
        if not self.changes_output:
            return output
        return preserve_luminance(output, content, space=self.space, strength=self.strength, mask=mask)


ColorInput = None | str | ColorPreservation | Mapping[str, Any]
"""What keeps colours: a mode's name, all of its settings, as an object or as its fields, or nothing."""


def as_color(color: ColorInput, options: Options | None = None) -> ColorPreservation | None:
    """What keeps colours, with the settings of ``options`` where only a mode is named; None for nothing.

    Raises:
        InputError: if there is no such mode.
    """
    if isinstance(color, str):
        settings: dict[str, Any] = {}
        if options is not None:
            settings = {name: getattr(options, f"color_{name}") for name in ("space", "method", "strength")}
            settings["match_luma"] = options.match_luma and color == "luminance"
        color = ColorPreservation(color, **settings)
    elif isinstance(color, Mapping):
        color = ColorPreservation(**color)
    return color if color is not None and (color.needs_content or color.changes_output) else None


ColorShare = tuple[ColorPreservation, float | Tensor]
"""Colours to keep in the result, and how much of it they are for: one number, or one a pixel ``(1, 1, H, W)``."""


def keep_colors(output: Tensor, pixels: Callable[[], Tensor], colors: Sequence[ColorShare]) -> Tensor:
    r"""A stylised picture with the photograph's colours, where and as far as each share asks for it.

    .. math:: y + \sum_k w_k\, (P_k(y) - y)

    with :math:`P_k` the colour preservation of share :math:`w_k`.

    Args:
        output: ``(B, 3, H, W)`` in ``[0, 1]``.
        pixels: gives those of the photograph, ``(B, 3, H, W)`` in ``[0, 1]``; asked only where they are needed.
        colors: see :data:`ColorShare`; the shares sum to at most 1 everywhere.

    Returns:
        ``(B, 3, H, W)`` in ``[0, 1]``; ``output`` itself where there is nothing to do.
    """
    groups: dict[ColorPreservation, float | Tensor] = {}
    for color, share in colors:
        if color.changes_output:
            key = dataclasses.replace(color, match_luma=False)  # which was for the style
            groups[key] = groups[key] + share if key in groups else share
    if not groups:
        return output
    results = []
    for color, share in groups.items():
        mask = share.clamp(max=1.0) if isinstance(share, Tensor) else None
        if not isinstance(share, Tensor):
            color = dataclasses.replace(color, strength=color.strength * min(share, 1.0))
        results.append(color.apply_to_output(output, pixels(), mask=mask))
    if len(results) == 1:
        return results[0]
    return sum((result - output for result in results), output).clamp(0.0, 1.0)


def _to_coordinates(image: Tensor, space: str) -> Tensor:
    """``(B, 3, H, W)`` in which lightness is the same number in all channels; see above."""
    return _cube_root(_tristimulus(image)) if space == "lab" else image


def _from_coordinates(coordinates: Tensor, space: str) -> Tensor:
    """The inverse of :func:`_to_coordinates`, beyond ``[0, 1]`` too: nothing is cut."""
    if space != "lab":
        return coordinates
    from kornia.color import linear_rgb_to_rgb

    matrix = _xyz_matrix().inverse()
    cubed = torch.where(coordinates > _DELTA, coordinates**3, (coordinates - 4.0 / 29.0) * (3.0 * _DELTA**2))
    result: Tensor = linear_rgb_to_rgb(affine(cubed, matrix[None], torch.zeros(1, 3)))
    return result


def _own_lightness(coordinates: Tensor, space: str) -> Tensor:
    """``(B, 1, H, W)`` lightness of what :func:`_to_coordinates` gave."""
    return coordinates[:, 1:2] if space == "lab" else _lightness(coordinates, space)


def _lightness(image: Tensor, space: str) -> Tensor:
    """``(B, 1, H, W)`` lightness of ``(B, 3, H, W)`` pixels."""
    if space == "lab":
        return _cube_root(_tristimulus(image)[:, 1:2])
    return luma(image)


def _tristimulus(image: Tensor) -> Tensor:
    """XYZ of sRGB pixels, relative to the white point."""
    # Imported here, as it takes a quarter of a second that the other spaces need not wait for.
    from kornia.color import rgb_to_linear_rgb

    return affine(rgb_to_linear_rgb(image), _xyz_matrix()[None], torch.zeros(1, 3))


@functools.cache
def _xyz_matrix() -> Tensor:
    """Linear RGB to XYZ relative to the white point, ``(3, 3)`` float64: kornia's matrix, for :func:`affine`."""
    from kornia.color import rgb_to_xyz

    with torch.inference_mode(False), torch.autocast("cpu", enabled=False):
        columns = rgb_to_xyz(torch.eye(3, dtype=torch.float64).view(3, 3, 1, 1))[:, :, 0, 0]
        matrix: Tensor = columns.mT / torch.tensor(_D65, dtype=torch.float64)[:, None]
    return matrix


def _cube_root(t: Tensor) -> Tensor:
    # The clamp keeps the slope of the branch that is not taken finite, and with it the gradient.
    root = t.clamp_min(_DELTA**3).pow(1.0 / 3.0)
    return torch.where(t > _DELTA**3, root, t / (3.0 * _DELTA**2) + 4.0 / 29.0)

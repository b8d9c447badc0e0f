"""High dynamic range: PQ and HLG as light, and that light on a screen that goes no further than white.

PQ and HLG are those of Rec. ITU-R BT.2100-2, Tables 4 and 5. A picture of high dynamic range is shown on a standard
screen by the EETF of Report ITU-R BT.2390-8, section 5.4, applied to the largest of R, G and B of that screen, so that
hues stay. The screen's white is the reference white of Report ITU-R BT.2408, 203 cd/m²: what is dark keeps its light,
what is brighter is compressed the more, and the brightest that the picture may hold becomes white.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[Any]
"""Floating-point numbers."""

Curve: TypeAlias = Literal["PQ", "HLG"]

WHITE = 203.0
"""cd/m² of reference white (BT.2408), which is that of the screen."""

BRIGHTEST = 10_000.0
"""cd/m² of the highest number of PQ."""

USUAL_PEAK = 4_000.0
"""cd/m² of the brightest of a PQ picture that does not say it: what the brighter studio monitors show."""

HLG_PEAK = 1_000.0
"""cd/m² of the brightest of HLG, on the display that it is made for (BT.2100, Table 5)."""

LUMINANCE = (0.2627, 0.6780, 0.0593)
"""Of R, G and B of BT.2020."""

_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_GAMMA = 1.2  # of the system at 1000 cd/m²


def curve_of(transfer: int) -> Curve | None:
    """PQ or HLG by their codes in Rec. ITU-T H.273; None for others, which are of standard range."""
    return {16: "PQ", 18: "HLG"}.get(transfer)  # type: ignore[return-value]


def peak_of(curve: Curve, brightest: float | None = None, mastered: float | None = None) -> float:
    """cd/m² of the brightest that a picture may hold, of at least white.

    Args:
        curve: HLG has the one peak always.
        brightest: what the file says of its brightest pixel (MaxCLL); None or 0 where it does not.
        mastered: what it says of the display that it was made on, likewise.
    """
    return HLG_PEAK if curve == "HLG" else min(max(brightest or mastered or USUAL_PEAK, WHITE), BRIGHTEST)


def pq_light(numbers: Any) -> Floats:
    """cd/m² of numbers of PQ in ``[0, 1]``."""
    power = np.power(numbers, 1 / _M2)
    light: Floats = BRIGHTEST * np.power(np.maximum(power - _C1, 0) / (_C2 - _C3 * power), 1 / _M1)
    return light


def pq_numbers(light: Any) -> Floats:
    """Undo :func:`pq_light`."""
    power = np.power(np.asarray(light) / BRIGHTEST, _M1)
    numbers: Floats = np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2)
    return numbers


def hlg_light(numbers: Floats) -> Floats:
    """cd/m² of numbers ``(..., 3)`` of HLG in ``[0, 1]``, on a display of :data:`HLG_PEAK`."""
    scene = np.where(numbers <= 0.5, numbers**2 / 3, (np.exp((numbers - _C) / _A) + _B) / 12)
    luminance = scene @ np.array(LUMINANCE, scene.dtype)
    light: Floats = HLG_PEAK * scene * np.power(luminance, _GAMMA - 1)[..., None]
    return light


def hlg_numbers(light: Floats) -> Floats:
    """Undo :func:`hlg_light`."""
    light = light / HLG_PEAK
    luminance = np.maximum(light @ np.array(LUMINANCE, light.dtype), 1e-12)
    scene = light * np.power(luminance, (1 - _GAMMA) / _GAMMA)[..., None]
    bright = _A * np.log(np.maximum(12 * scene - _B, 1e-12)) + _C
    numbers: Floats = np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    return np.clip(numbers, 0, 1)


def screen_light(light: Any, peak: float) -> Floats:
    """cd/m² of a screen of :data:`WHITE` for light of up to ``peak``: the EETF of BT.2390 from black to black."""
    if peak <= WHITE:
        darker: Floats = np.minimum(light, WHITE)
        return darker
    top = float(pq_numbers(peak))
    white, source = float(pq_numbers(WHITE)) / top, pq_numbers(np.minimum(light, peak)) / top
    knee = 1.5 * white - 0.5
    t = np.clip((source - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * white
    return np.where(source < knee, light, pq_light(spline * top))


def gain_of(light: Floats, peak: float) -> Floats:
    """How many times brighter than on the screen a picture ``(..., 3)`` in cd/m² is, 1 or more, ``(...)``."""
    largest = np.maximum(np.maximum(light[..., 0], light[..., 1]), light[..., 2])  # in a sixth of the time of max()
    brightest = np.maximum(largest, 1e-4)
    gain: Floats = np.maximum(brightest / screen_light(brightest, peak), 1)
    return gain


def tone_mapped(light: Floats, peak: float) -> Floats:
    """A picture ``(..., 3)`` in cd/m² as light of a screen, with white at 1; what is beyond the peak is taken to it."""
    mapped: Floats = light / (gain_of(light, peak) * WHITE)[..., None]
    return np.minimum(mapped, 1)

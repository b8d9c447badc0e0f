"""What a random style is asked for: one declaration for every framework it is used from; free of torch."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from .._utils.declare import Declared, option
from ..options import ColorMode, Precision

if TYPE_CHECKING:
    from ..control.color import ColorPreservation


@dataclass(frozen=True, kw_only=True)
class RandomStyleOptions(Declared):
    """How samples are stylised at random.

    A range is two numbers, ``(low, high)``, of which each sample draws one evenly; one number stands for both.

    Raises:
        InputError: on construction, if a value is out of range, or two contradict each other.
    """

    p: float = option(0.5, "Share of the samples that are stylised; the others cost nothing.", low=0, high=1, flag="")
    alpha: float | Sequence[float] = option(
        1.0, "Strength, a number or a range: 0 is the photograph, 1 the full style.", low=0, high=1, flag=""
    )
    blend: float | Sequence[float] = option(
        0.0, "Share of a second style in each sample's, a number or a range; 0 for one style alone.",
        low=0, high=1, flag="",
    )  # fmt: skip
    spread: float | None = option(
        None, "Draw styles that no artwork has, from the bank's Gaussian, so many deviations wide; None for artworks, "
        "and 1 of a bank without.", low=0, flag="",
    )  # fmt: skip
    color: ColorMode | ColorPreservation | None = option(
        None, '"luminance" keeps the colours of the sample; or a ColorPreservation of that mode.', flag=""
    )
    size: int = option(
        0, "Shorter side in px at which samples are stylised, to be brought back to their own; 0 for their own.",
        low=0, flag="",
    )  # fmt: skip
    mean: float | Sequence[float] | None = option(
        None, "Of float samples that are normalised already, one for all channels or one for each; with std.", flag=""
    )
    std: float | Sequence[float] | None = option(
        None, "What those were divided by, likewise.", low=0, is_open=True, flag=""
    )
    same_on_batch: bool = option(False, "One style, one strength and one choice by p for the whole batch.", flag="")
    seed: int | None = option(
        None, "None draws from torch's generators. A number draws by it, the sample's own pixels and the epoch: in any "
        "order, batch and process.", flag="",
    )  # fmt: skip
    differentiable: bool = option(False, "Let gradients pass to the samples.", flag="")
    model: str | None = option(
        None, "Shipped model (see adain weights list); the bank's, or of a list the fast one.", flag=""
    )
    encoder: str | os.PathLike[str] | None = option(None, "Your own encoder (.safetensors).", is_file=True, flag="")
    decoder: str | os.PathLike[str] | None = option(None, "Your own decoder (.safetensors).", is_file=True, flag="")
    precision: Precision = option(
        "auto", "What the networks compute in; auto is bf16 on GPUs and CPUs that compute in it, and fp32 elsewhere.",
        choices=get_args(Precision), flag="",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "blend"):
            low, high = self.range_of(name)
            if low > high:
                self.refuse(f"{{{name}}} is a number or a range (low, high), not {getattr(self, name)}")
        if (self.mean is None) != (self.std is None):
            self.refuse("{mean} and {std} go together: give both, or neither")
        for name in ("mean", "std"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) not in (1, 3):
                self.refuse(f"{{{name}}} is one number for all channels or one for each of three, not {len(value)}")
        self._check_color()

    def _check_color(self) -> None:
        if self.color is None:
            return
        mode = self.color if isinstance(self.color, str) else getattr(self.color, "mode", None)
        if mode not in get_args(ColorMode):
            self.refuse(f'{{color}} is "luminance" or a ColorPreservation, not {self.color!r}')
        if mode in ("linear", "histogram") or getattr(self.color, "needs_content", False):
            self.refuse('{color} would recolour artworks, of which statistics alone are left: use "luminance"')

    def range_of(self, name: str) -> tuple[float, float]:
        """The least and the greatest value of :attr:`alpha` or :attr:`blend`."""
        value: Any = getattr(self, name)
        values = value if isinstance(value, tuple) else (value,)
        if len(values) not in (1, 2):
            return math.inf, -math.inf  # no range
        return values[0], values[-1]

"""One arithmetic for two kinds of arrays: NumPy's, and torch's tensors where those are what is given.

What is written against :func:`namespace`, and with the methods that both kinds share, computes with torch for whoever
hands in tensors (on any device, differentiably) and needs no torch for whoever hands in arrays.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

FloatArray: TypeAlias = "npt.NDArray[np.float32]"

AnyArray: TypeAlias = "torch.Tensor | npt.NDArray[np.float32]"
"""An array of either kind."""

Array = TypeVar("Array", "torch.Tensor", "npt.NDArray[np.float32]")
"""An array of one kind: what comes out is of the kind that went in."""

Device: TypeAlias = "torch.device | str | None"
"""Where tensors lie; None means arrays of NumPy, which are no tensors."""


def is_tensor(value: object) -> TypeGuard[torch.Tensor]:
    """Whether a value is a tensor; nobody has one without having imported torch."""
    # Another thread may be importing it at this moment, and not have come to its names.
    kind = getattr(sys.modules.get("torch"), "Tensor", None)
    return kind is not None and isinstance(value, kind)


def namespace(value: object) -> Any:
    """The module whose functions take it: ``torch`` for a tensor, else ``numpy``."""
    return sys.modules["torch"] if is_tensor(value) else np


def device_of(value: object) -> Device:
    """Where a tensor lies; None for an array, which may have a ``device`` of its own that is no torch's."""
    return value.device if is_tensor(value) else None


def moved(value: Any, device: Device) -> Any:
    """An array of either kind as a tensor on a device, or, on None, as an array; without a copy where that can be."""
    if device is None:
        return value.detach().cpu().numpy() if is_tensor(value) else value
    if is_tensor(value):
        return value.to(device)
    import torch

    return torch.as_tensor(value, device=device)


def no_gradients() -> AbstractContextManager[Any]:
    """Where torch is told to keep nothing for gradients, if it is there at all."""
    make: Callable[[], AbstractContextManager[Any]] = getattr(sys.modules.get("torch"), "no_grad", nullcontext)
    return make()


def at_least_float32(x: Array) -> Array:
    """``x`` in float32, or unchanged if it already is float32 or float64.

    Sums of squares over an image overflow float16 and lose most digits in bfloat16.
    """
    value: Any = x
    if is_tensor(value):
        torch = namespace(value)
        value = value if value.dtype in (torch.float32, torch.float64) else value.float()
    elif value.dtype not in (np.float32, np.float64):
        value = value.astype(np.float32)
    return value  # type: ignore[no-any-return]

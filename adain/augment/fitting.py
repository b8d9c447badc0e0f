"""A bank of the distribution alone, without the styles that it was fitted to."""

from __future__ import annotations

import os
from collections.abc import Mapping

from .._utils.protect import protect
from .bank import StyleBank
from .bank_options import RANK
from .saving import Origin, Rows, save


def save_distribution(
    bank: StyleBank, path: str | os.PathLike[str], *, rank: int = RANK, origin: Mapping[str, str] | None = None
) -> StyleBank:
    """Fit a Gaussian to a bank's styles and write a bank that holds it alone.

    Args:
        bank: with at least two styles.
        path: of the file, which must end in ``.safetensors``.
        rank: directions of the covariance that are kept; each takes 4 bytes a channel.
        origin: what people are to know of it, such as its licence; see :attr:`StyleBank.origin`.

    Raises:
        InputError: if there are fewer styles, or the file cannot be written.
    """
    protect([path], [bank.path])
    told = {"styles": str(len(bank)), **(origin or {})}
    made = Origin(bank.model, bank.probe, bank.style_size, told)
    save(path, Rows.none(bank.channels), made, bank.fit(rank))
    return StyleBank.open(path, bank.device)

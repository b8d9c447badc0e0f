"""What can be said of the making of a bank; free of torch."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..options import Declared, option

RANK = 32
"""Directions that a Gaussian keeps where none are asked for."""


@dataclass(frozen=True, kw_only=True)
class BankOptions(Declared):
    """How a bank of styles is made of pictures."""

    sources: str | os.PathLike[str] | None = option(
        None, "Table (.tsv or .csv) of where pictures came from: columns file, and source, licence or class.",
        metavar="FILE", is_file=True,
    )  # fmt: skip
    rank: int = option(RANK, "Of the Gaussian that is fitted to the styles.", low=0, high=1024, metavar="N")
    licence: str = option("", "Of pictures of which the table says nothing.", metavar="TEXT")
    picture_column: str | None = option(None, "Column of parquet files that holds the pictures.", metavar="NAME")
    title_column: str | None = option(None, "Column of parquet files that names their pictures.", metavar="NAME")

"""What can be said of an exported model; free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..options import Declared, option

Storage = Literal["fp32", "fp16", "int8"]
"""How exported filters can be stored."""


@dataclass(frozen=True, kw_only=True)
class ExportOptions(Declared):
    """How a model is written."""

    storage: Storage = option(
        "fp32", "How weights are stored; all are computed with in fp32.", choices=get_args(Storage)
    )
    opset: int = option(17, "Of ONNX's operators: every runtime of the last years reads the default.", metavar="N")

"""What a run leaves for people: its log, a plot of it, and preview sheets."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

import torch
from PIL import Image
from torch import Tensor

from .._utils.files import atomic_path
from .._utils.plots import Curve, plot_curves
from ..image import center_crop_square, contact_sheet, save_image, to_pil, to_tensor
from .cache import ImageCache
from .config import Phase
from .learner import Learner

Record = dict[str, Any]

LOG_FILE = "log.jsonl"

PREVIEW_CONTENTS, PREVIEW_STYLES = 3, 4


class Preview(NamedTuple):
    """Pictures of a sheet; those that were painted are on the device still."""

    contents: list[Image.Image]
    styles: list[Image.Image]
    painted: list[list[Tensor]]


class Reporter:
    """What a run tells whoever watches. This one ignores it all."""

    def note(self, message: str) -> None:
        """One line worth reading: something was skipped, a checkpoint was damaged."""

    def decoding(self, kind: str, count: int) -> None:
        """So many images of a kind are decoded."""

    def begin(self, step: int, total: int) -> None:
        """Training starts at this step."""

    def advance(self, step: int) -> None:
        """So many steps are done."""

    def record(self, record: Record) -> None:
        """A line was added to the log."""

    def close(self) -> None:
        """Nothing more will come."""


@dataclass
class RunLog:
    """``log.jsonl``: one object for every few steps."""

    path: Path

    def read(self) -> list[Record]:
        """All whole lines; a killed process may have left half of one."""
        if not self.path.is_file():
            return []
        records = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                records.append(json.loads(line))
        return [r for r in records if isinstance(r, dict) and "step" in r]

    def truncate(self, step: int) -> None:
        """Forget what came after ``step``: it is about to be done again."""
        kept = [r for r in self.read() if r["step"] <= step]
        with atomic_path(self.path) as temporary:
            temporary.write_text("".join(json.dumps(r) + "\n" for r in kept), encoding="utf-8")

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def plot_losses(records: list[Record], path: Path) -> bool:
    """Draw the losses over the steps, raw and smoothed, on a logarithmic scale; nothing for an empty log.

    Returns:
        False if there is no matplotlib, without which a run goes on all the same.
    """
    if not records:
        return True
    curves = []
    for index, name in enumerate(("loss", "style", "content", "identity")):
        for phase in get_args(Phase):
            points = {r["step"]: r[name] for r in records if r["phase"] == phase and (r[name] or 0) > 0}
            curves.append(Curve(name, list(points), list(points.values()), smooth=True, color=index))
    try:
        plot_curves(path, curves, xlabel="step")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "matplotlib":
            raise
        return False
    return True


@torch.no_grad()
def paint_preview(learner: Learner, contents: ImageCache, styles: ImageCache, size: int) -> Preview:
    """A few training contents × styles under the averaged weights, the same ones each time."""
    left, top = _examples(contents, PREVIEW_CONTENTS, size), _examples(styles, PREVIEW_STYLES, size)
    tensors = [to_tensor(style).to(learner.device) for style in top]
    rows = []
    for picture in left:
        content = to_tensor(picture).to(learner.device)
        rows.append([learner.paint(content, style).float().clamp(0, 1) for style in tensors])
    return Preview(left, top, rows)


def save_preview(preview: Preview, size: int, path: Path) -> None:
    """The sheet of a preview."""
    rows: list[list[Image.Image | None]] = [[None, *preview.styles]]
    for picture, painted in zip(preview.contents, preview.painted, strict=True):
        rows.append([picture, *map(to_pil, painted)])
    save_image(contact_sheet(rows, cell=size), path, quality=90)


def _examples(cache: ImageCache, count: int, size: int) -> list[Image.Image]:
    count = min(count, len(cache))
    squares = [center_crop_square(Image.fromarray(cache.image(k * len(cache) // count))) for k in range(count)]
    return [s.resize((size, size), Image.Resampling.LANCZOS) for s in squares]

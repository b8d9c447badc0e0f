"""The evaluation itself: every pair, every row, every measure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from .._utils.errors import AdainError, InputError
from ..image import DEFAULT_MAX_PIXELS
from ..image.resize import scaled
from ..nn.devices import resolve_device
from ..nn.pretrained import load_encoder
from ..nn.vgg import layers_upto, min_size
from ..options import Options
from ..stylizer.stylizer import Stylizer
from .catalogue import Metric, View, choose, layers_for
from .frechet import frechet_distance
from .gallery import Fit, Gallery, Seen, visiting
from .judges import Judges
from .making import PairMaker
from .networks import ArtInception, art_fid
from .options import EvaluationOptions
from .pairs import GUARDS, MADE, Pair


@dataclass(frozen=True)
class Entry:
    """The measures of one output; those that are not a finite number are left out."""

    row: str
    content: Path
    style: Path
    output: Path | None
    values: Mapping[str, float]


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        metrics: in the order of tables.
        rows: names, in the order of tables.
        entries: of every pair and row, in the order of pairs.
        sets: measures of all outputs of a row together, by row.
        failures: what kept pairs from being measured, each once.
        size: side of the pictures in pixels.
    """

    metrics: Sequence[Metric]
    rows: Sequence[str]
    entries: Sequence[Entry]
    sets: Mapping[str, Mapping[str, float]]
    failures: Sequence[AdainError]
    size: int


def evaluate(
    pairs: Sequence[Pair],
    *,
    names: Sequence[str] | None = None,
    stylizer: Stylizer | None = None,
    alpha: float = 1.0,
    correct: int = Options.correct,
    size: int = EvaluationOptions.size,
    fit: Fit = EvaluationOptions.fit,
    judges: Judges | None = None,
    device: str | torch.device = "auto",
    max_pixels: int | None = DEFAULT_MAX_PIXELS,
    track: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Evaluation:
    """Measure outputs against their contents and styles.

    Every picture is brought to a square of one size, so that all compare pixel to pixel, and is encoded once while it
    is held; contents and styles are visited in blocks, so that memory stays bounded whatever their number. They are
    measured with the shipped VGG-19, whichever made them. A picture that cannot be read costs its own pairs alone.

    Args:
        pairs: with outputs, of :func:`~adain.metrics.pairs.with_outputs`, or without, to be stylised now.
        names: of measures; None for all that can be taken.
        stylizer: makes a row ``adain``; None for none.
        alpha, correct: its strength and its rounds of correction.
        size, fit, max_pixels: of the squares, see :func:`~adain.metrics.load_square`.
        judges: networks and a segmentation of the user's, for the measures that need them.
        device: where to measure.
        track: is given what will be visited, and gives it back one by one: for a progress bar.

    Raises:
        InputError: if a measure is unknown or cannot be taken, there is nothing to measure, or the size is too small.
    """
    rows = list(dict.fromkeys(row for pair in pairs for row in pair.outputs))
    rows += [MADE] if stylizer is not None else []
    if not rows:
        raise InputError("there is nothing to measure: give outputs, or a stylizer that makes them")
    judges = judges or Judges()
    styles = list(dict.fromkeys(pair.style for pair in pairs))
    chosen = choose(names, stylising=stylizer is not None, networks=judges.names, styles=len(styles), size=size)
    layers = layers_for(metric.name for metric in chosen)
    least = min_size(sum(spec.pool_before for spec in layers_upto(layers[-1])))
    if size < least:
        raise InputError(f"a size of {size} px is too small for these measures: use {least} or more")
    scaled((1, 1), size, max_pixels=max_pixels, name="every picture", option="size")
    where = resolve_device(device) if stylizer is None else stylizer.device
    encoder = load_encoder(upto=layers[-1]).to(where).to(memory_format=torch.channels_last)
    judges = judges.to(where)
    contents = {path: k for k, path in enumerate(dict.fromkeys(pair.content for pair in pairs))}
    places = {path: k for k, path in enumerate(styles)}
    with torch.inference_mode():
        gallery = Gallery(encoder, layers, size=size, fit=fit, max_pixels=max_pixels, judges=judges)
        judge = _Judge(chosen, gallery, judges.inception, [*rows, *GUARDS])
        if stylizer is not None:
            judge.maker = PairMaker(
                stylizer, gallery, alpha=alpha, correct=correct, styles=styles, timed=judge.wants("ms")
            )
        order = visiting([(contents[pair.content], places[pair.style]) for pair in pairs], gallery.block)
        entries = {k: judge.pair(pairs[k]) for k in track(order)}
        judged = [entry for k in sorted(entries) for entry in entries[k]]
        sets = judge.sets(judged)
    failures = {str(error): error for error in (*_missing(pairs), *judge.failures)}
    return Evaluation(chosen, judge.rows, judged, sets, [*failures.values()], size)


def _missing(pairs: Sequence[Pair]) -> Iterator[AdainError]:
    """A line for every row that lacks outputs which another has."""
    for row in dict.fromkeys(row for pair in pairs for row in pair.outputs):
        lacking = [pair for pair in pairs if pair.outputs and row not in pair.outputs]
        if lacking:
            first = f"{lacking[0].content.name} in {lacking[0].style.name}"
            yield InputError(f"{row} lacks {len(lacking)} of {len(pairs)} outputs that others have: {first}")


@dataclass
class _Judge:
    """Measures the rows of a pair, and remembers what sets need."""

    metrics: Sequence[Metric]
    gallery: Gallery
    inception: ArtInception | None
    rows: Sequence[str]
    maker: PairMaker | None = None
    failures: list[AdainError] = field(default_factory=list)
    vectors: dict[tuple[str, str], list[tuple[Tensor, Tensor]]] = field(default_factory=lambda: defaultdict(list))
    _known: dict[Path | None, Tensor] = field(default_factory=dict)

    def wants(self, name: str) -> bool:
        """Whether this measure is to be taken."""
        return any(metric.name == name for metric in self.metrics)

    def pair(self, pair: Pair) -> list[Entry]:
        """An entry for each row that could be measured."""
        try:
            content, style = self.gallery.look_at_content(pair.content), self.gallery.look(pair.style)
        except AdainError as error:
            self.failures.append(error)
            return []
        entries = []
        for row in self.rows:
            if row not in (MADE, *GUARDS, *pair.outputs):
                continue
            try:
                output, values = self._output(row, pair, content, style)
                view = View(output, content, style)
                for metric in self.metrics:
                    if metric.of is not None:
                        values[metric.name] = float(metric.of(view))
                self._remember(row, pair, view)
            except AdainError as error:
                self.failures.append(error)
                continue
            finite = {m.name: values[m.name] for m in self.metrics if math.isfinite(values.get(m.name, math.nan))}
            entries.append(Entry(row, pair.content, pair.style, pair.outputs.get(row), finite))
        return entries

    def _output(self, row: str, pair: Pair, content: Seen, style: Seen) -> tuple[Seen, dict[str, float]]:
        """The picture of a row, and the measures of its making."""
        if row in GUARDS:
            return (content if row == "identity" else style), {}
        if row != MADE or self.maker is None:
            path = pair.outputs[row]
            output = self.gallery.read(path)
            self.gallery.check_fits(output, content, path)
            return output, {}
        image, price = self.maker.make(pair.content, pair.style)
        extras = self.maker.extras({metric.name for metric in self.metrics}, pair.content, pair.style)
        return self.gallery.see(image), price | extras

    def _remember(self, row: str, pair: Pair, view: View) -> None:
        own = {"identity": pair.content, "style": pair.style}.get(row)
        for name in ("vgg-fd", "fid"):
            if self.wants(name):
                found = self._vector(name, view.output, own), self._vector(name, view.style, pair.style)
                self.vectors[row, name].append(found)

    def _vector(self, name: str, seen: Seen, path: Path | None) -> Tensor:
        """Pooled features of a picture; of a content or style they are computed once."""
        if name == "vgg-fd":
            return seen.pooled
        if path is None or path not in self._known:
            assert self.inception is not None  # or the measure would not have been chosen
            self._known[path] = self.inception(seen.pixels)[0].cpu()
        return self._known[path]

    def sets(self, entries: Sequence[Entry]) -> dict[str, dict[str, float]]:
        """Measures of whole rows; those of fewer than two outputs are left out."""
        found: dict[str, dict[str, float]] = {row: {} for row in self.rows}
        for (row, name), vectors in self.vectors.items():
            if len(vectors) >= 2:
                output, style = (torch.stack(side) for side in zip(*vectors, strict=True))
                found[row][name] = float(frechet_distance(output, style))
        for row, values in found.items():
            distances = [entry.values["lpips"] for entry in entries if entry.row == row and "lpips" in entry.values]
            if self.wants("artfid") and "fid" in values and distances:
                values["artfid"] = art_fid(sum(distances) / len(distances), values["fid"])
        return found

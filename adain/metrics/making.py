"""Pictures made for the evaluation: stylised now, timed, and at every strength and blend.

The latter tell whether turning a control further also changes the picture further.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from .._utils.errors import InputError
from .._utils.memory import peak_memory, reset_peak_memory
from ..control.style import Style, blend
from ..losses import Stats, mean_std_distance
from ..nn.vgg import MIN_SIZE, STRIDE, STYLE_LAYERS
from ..options import Options
from ..stylizer.stylizer import Content, Stylizer
from .content import DISTANCE_LAYERS, vgg_distance
from .gallery import Gallery
from .pixels import warping_error
from .style import residual, style_stats

T = TypeVar("T")

STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""The alphas, and the shares of the second style, that pictures are made at."""

PAN = (6, 3)
"""The known motion in pixels, to the right and down: no multiple of the encoder's stride, which would hide flicker."""


class PairMaker:
    """Stylises the pictures of a gallery, whose encoder judges them.

    Args:
        alpha, correct: of every picture; see :meth:`~adain.Stylizer.decode`.
        styles: all there are, in order: a blend goes from each to the next.
        timed: whether the price of pictures is of interest.
    """

    def __init__(
        self,
        stylizer: Stylizer,
        gallery: Gallery,
        *,
        alpha: float,
        styles: Iterable[Path],
        correct: int = Options.correct,
        timed: bool = True,
    ) -> None:
        self.stylizer, self.gallery, self.alpha, self.correct = stylizer, gallery, alpha, correct
        self.order = list(dict.fromkeys(styles))
        self._styles: dict[Path, Style] = {}
        self._content: tuple[Path, Content, float, float | None] | None = None
        self._warm = not timed

    def make(self, content: Path, style: Path) -> tuple[Tensor, dict[str, float]]:
        """A content in a style, and its price as far as it is known: one pass of encoder, AdaIN and decoder.

        *Milliseconds* are those of the wall clock, from pixels to pixels, with the style encoded before; the content is
        encoded once for all its styles, and that time counted with each. The first picture is made twice, and the
        second time counts. *Megabytes* are what such a pass needs beyond what was in use: on CUDA as allocated, on
        Linux as resident memory, elsewhere unknown. Both > 0; lower is better.
        """
        if not self._warm:
            self._warm = True
            self._decode(self._encode(content)[0], style)
            self._content = None
        encoded, seconds, memory = self._encode(content)
        image, more, most = self._decode(encoded, style)
        price = {"ms": 1e3 * (seconds + more)}
        if memory is not None and most is not None:
            price["mb"] = max(memory, most)
        return image, price

    def extras(self, names: Set[str], content: Path, style: Path) -> dict[str, float]:
        """The measures of how controls behave, as far as ``names`` ask for them."""
        found = {}
        encoded = self._encode(content)[0]
        if names & {"alpha-falls", "alpha-rise", "path-alpha"}:
            known, correct = self._style(style), self.correct
            images = [self.stylizer.decode(encoded, known, alpha=alpha, correct=correct) for alpha in STEPS]
            if names & {"alpha-falls", "alpha-rise"}:
                found["alpha-falls"], found["alpha-rise"] = self._alphas(images, content, style)
            if "path-alpha" in names:
                found["path-alpha"] = self._path(images)
        if names & {"blend-moves", "blend-setback", "path-blend"}:
            other, images = self._blended(encoded, style)
            if names & {"blend-moves", "blend-setback"}:
                found["blend-moves"], found["blend-setback"] = self._blends(images, style, other)
            if "path-blend" in names:
                found["path-blend"] = self._path(images)
        if "warping-error" in names:
            found["warping-error"] = self._pan(content, style)
        return found

    def _alphas(self, images: Sequence[Tensor], content: Path, style: Path) -> Monotonicity:
        seen, wanted = self.gallery.look(content), self.gallery.look(style)
        return falling([float(residual(self._stats(i), seen.stats, wanted.stats)) for i in images])

    def _blended(self, encoded: Content, style: Path) -> tuple[Path, list[Tensor]]:
        """The style after this one, and a content in blends from this one to that."""
        other = self.order[(self.order.index(style) + 1) % len(self.order)]
        pair = [self._style(style), self._style(other)]
        blends = [blend(pair, [1.0 - share, share]) for share in STEPS]
        how: dict[str, Any] = {"alpha": self.alpha, "correct": self.correct}
        return other, [self.stylizer.decode(encoded, mixed, **how) for mixed in blends]

    def _blends(self, images: Sequence[Tensor], style: Path, other: Path) -> Monotonicity:
        first, second = self.gallery.look(style).stats, self.gallery.look(other).stats
        apart = float(mean_std_distance(first, second))
        if apart == 0.0:
            raise InputError(f"{style} and {other} are the same style: nothing lies between them")
        to_first, to_second = [], []
        for image in images:
            stats = self._stats(image)
            to_first.append(float(mean_std_distance(stats, first)) / apart)
            to_second.append(float(mean_std_distance(stats, second)) / apart)
        return interpolation(to_first, to_second)

    def _path(self, images: Sequence[Tensor]) -> float:
        features = (self.gallery.encoder(image, DISTANCE_LAYERS) for image in images)
        return float(path_length(features, STEPS[1] - STEPS[0]))

    def _pan(self, content: Path, style: Path) -> float:
        """Two views of the content, the second :data:`PAN` further, each stylised by itself."""
        pixels = self.gallery.look(content).pixels
        right, down = PAN
        side = (self.gallery.size - max(PAN)) // STRIDE * STRIDE
        if side < MIN_SIZE:
            raise InputError(f"warping-error needs pictures of at least {MIN_SIZE + STRIDE} px a side")
        views = (pixels[..., :side, :side], pixels[..., down : down + side, right : right + side])
        made = [
            self.stylizer.stylize(view.contiguous(), self._style(style), alpha=self.alpha, correct=self.correct)
            for view in views
        ]
        flow = torch.tensor(PAN, dtype=torch.float32, device=pixels.device).reshape(1, 2, 1, 1)
        return float(warping_error(made[1], made[0], flow.expand(1, 2, side, side)))

    def _stats(self, image: Tensor) -> Stats:
        return style_stats(self.gallery.encoder(image, STYLE_LAYERS))

    def _style(self, path: Path) -> Style:
        if path not in self._styles:
            self._styles[path] = self.stylizer.encode_style(self.gallery.look(path).pixels, size=0)
        return self._styles[path]

    def _encode(self, path: Path) -> tuple[Content, float, float | None]:
        if self._content is None or self._content[0] != path:
            pixels = self.gallery.look(path).pixels
            self._content = None  # free the one before
            self._content = (path, *self._priced(lambda: self.stylizer.encode_content(pixels)))
        return self._content[1:]

    def _decode(self, encoded: Content, style: Path) -> tuple[Tensor, float, float | None]:
        known = self._style(style)
        return self._priced(lambda: self.stylizer.decode(encoded, known, alpha=self.alpha, correct=self.correct))

    def _priced(self, work: Callable[[], T]) -> tuple[T, float, float | None]:
        """What ``work`` gives, and the seconds and MB that it took."""
        device = self.stylizer.device
        waits: dict[str, Callable[[], None]] = {
            "cuda": partial(torch.cuda.synchronize, device),
            "mps": torch.mps.synchronize,
        }
        wait = waits.get(device.type, lambda: None)
        wait()
        is_known, before, start = reset_peak_memory(device), peak_memory(device), time.perf_counter()
        result = work()
        wait()
        seconds = time.perf_counter() - start
        return result, seconds, peak_memory(device) - before if is_known else None


def path_length(features: Iterable[Mapping[str, Tensor]], step: float) -> Tensor:
    r"""Perceptual path length (Karras et al. 2019, "A Style-Based Generator Architecture", eq. 2), of a whole path.

    .. math:: \operatorname{mean}_k \frac{d(g(t_k), g(t_k + \epsilon))}{\epsilon^2}

    with :math:`d` the :func:`~adain.metrics.vgg_distance`, a mean squared difference of features, in place of the
    learned distance of the paper, and over all neighbours on a path of equal steps :math:`\epsilon` in place of random
    places on it: here alpha, or the share of the second style in a blend, in steps of ¼. Its figures are not those of
    the paper.

    Args:
        features: encoder features at :data:`~adain.metrics.DISTANCE_LAYERS` of pictures in the order of the path.
        step: ε, by how much the control differs from one to the next, > 0.

    Returns:
        ``(B,)`` float32 ≥ 0; 0 where nothing changes, and for steps so small that each changes features in proportion
        the square of how fast they change. Lower is better: a sudden jump costs more than the same way in even steps.

    Raises:
        InputError: if there are fewer than two pictures.
    """
    lengths = [vgg_distance(before, after) / step**2 for before, after in pairwise(features)]
    if not lengths:
        raise InputError("the length of a path needs at least two pictures")
    return torch.stack(lengths).mean(dim=0)


class Monotonicity(NamedTuple):
    """How steadily values go one way.

    Attributes:
        share: of the steps that go the right way, in ``[0, 1]``; a step of 0 does not. Higher is better.
        setback: the largest step the wrong way, ≥ 0, in the unit of the values; 0 for none. Lower is better.
    """

    share: float
    setback: float


def falling(values: Sequence[float]) -> Monotonicity:
    r"""How steadily values fall.

    .. math:: \text{share} = \frac{|\{k : v_{k+1} < v_k\}|}{n - 1}, \qquad
              \text{setback} = \max\left(0, \max_k (v_{k+1} - v_k)\right)

    *Alpha monotonicity* is this of the style residual at alpha 0, ¼, ½, ¾, 1: more strength should leave less of the
    way to the style. A measure of this project's own.

    Returns:
        The share, in ``[0, 1]``: higher is better; and the setback, ≥ 0: lower is better.

    Raises:
        InputError: if there are fewer than two values.
    """
    if len(values) < 2:
        raise InputError("monotonicity needs at least two values")
    steps = [after - before for before, after in pairwise(values)]
    return Monotonicity(sum(step < 0 for step in steps) / len(steps), max(0.0, *steps))


def interpolation(to_first: Sequence[float], to_second: Sequence[float]) -> Monotonicity:
    """How steadily a blend goes from one style to another: away from the first and towards the second.

    *Interpolation monotonicity* is this of the AdaIN style distances of a picture to two styles, each divided by the
    distance of the styles from each other, at shares 0, ¼, ½, ¾, 1 of the second: the distance to the first should
    rise with every step and that to the second fall. A measure of this project's own.

    Args:
        to_first, to_second: distances in the order of the shares, as many of the one as of the other.

    Returns:
        The share of the steps of both that go the right way, in ``[0, 1]``: higher is better; and the largest step
        that does not, as a part of the way between the styles, ≥ 0: lower is better.

    Raises:
        InputError: if there are fewer than two distances, or not as many of both.
    """
    if len(to_first) != len(to_second):
        raise InputError(f"{len(to_first)} distances to one style and {len(to_second)} to the other")
    away, towards = falling([-value for value in to_first]), falling(to_second)
    return Monotonicity((away.share + towards.share) / 2, max(away.setback, towards.setback))

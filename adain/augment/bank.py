"""A bank of styles: the statistics of many artworks in one file, of which only what is used is read."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from .._utils.arrays import Device, is_tensor, moved
from .._utils.errors import InputError, suggest
from ..control.style import Style, check_encoded
from ..nn.shipped import shipped_bank
from ..options import Options, plural
from . import gaussian as _gaussian
from . import probe, search
from .bank_options import RANK
from .chance import Generator, random
from .gaussian import PARTS, Gaussian
from .layout import Mapped, Texts
from .layout import is_bank as is_bank
from .saving import Origin, Rows, save

if TYPE_CHECKING:
    from ..image import ImageInput
    from ..stylizer.base import BaseStylizer

Indices = npt.NDArray[np.int64]

BY = ("uniform", "class")
"""How :meth:`StyleBank.sample` can choose."""


class StyleBank(Sequence[Style]):
    """The statistics of many artworks, and the distribution they are drawn from, in one ``.safetensors`` file.

    The file is mapped into memory: opening one of 100,000 styles reads a header of a kilobyte, and a style is read
    when it is asked for. A bank is for the model that encoded it, and others with its encoder (:meth:`check`). It may
    be used by several threads; in another process, such as a worker of a ``DataLoader``, it is opened anew.

    A bank may hold the distribution alone: its length is 0, and :meth:`random_style` works.

    Attributes:
        path: of the file.
        device: where the tensors of styles come to lie; None for arrays of NumPy.
        model: the name of the model whose statistics these are, such as ``"fast"``.
        channels: of its features.
        style_size: shorter side in pixels that the artworks were scaled to; 0 for their own.
        names: of the styles: the path of each artwork in what the bank was made of, without its ending.
        sources, licences: where each came from, and under which licence; empty where that is not known.
        labels: the class of each, empty for none.
        probe: what tells its encoder from others, see :meth:`check`.
        origin: of the bank itself: licence, how it was made and of what, where its maker says so.
    """

    def __init__(self, path: str | os.PathLike[str], device: Device = "cpu") -> None:
        self.path, self.device = Path(os.path.abspath(path)), device
        self._file = file = Mapped(path)
        try:
            self.style_size = int(file.metadata.get("style_size", "0"))
            self.origin: dict[str, str] = dict(json.loads(file.metadata.get("origin", "{}")))
            self._means, self._stds, self.probe = file["mean"], file["std"], file["probe"]
            count, self.channels = self._means.shape
            self.names, self.sources, self.licences, self.labels = texts = [
                Texts.read(file, name) for name in ("name", "source", "licence", "class")
            ]
        except KeyError as error:
            raise InputError(f"cannot read {path}: it is a bank without {error.args[0]}; make it anew") from None
        except (ValueError, TypeError) as error:
            raise InputError(f"cannot read {path}: it is damaged ({error}); make it anew") from None
        if self._stds.shape != (count, self.channels) or any(len(each) != count for each in texts):
            raise InputError(f"cannot read {path}: it is damaged, as its parts are of different lengths; make it anew")
        self.model = file.metadata.get("model", "")

    @property
    def precision(self) -> str:
        """What the statistics are stored in: ``"float16"``, or ``"float32"`` where that is too narrow for them."""
        return max((part.dtype for part in (self._means, self._stds)), key=lambda dtype: dtype.itemsize).name

    @classmethod
    def open(cls, path: str | os.PathLike[str], device: Device = "cpu") -> StyleBank:
        """The bank in a file.

        Args:
            path: of the file.
            device: where the tensors of its styles come to lie; None for arrays.

        Raises:
            MissingFileError: if there is no such file.
            InputError: if it is damaged, or no bank.
        """
        return cls(path, device)

    @classmethod
    def shipped(cls, model: str = "fast", device: Device = "cpu") -> StyleBank:
        """The bank that ships for a model: the distribution of its training artworks' statistics, and no styles.

        Raises:
            WeightsError: if there is no such model, or none for it.
        """
        return cls(shipped_bank(model).path, device)

    @classmethod
    def save(
        cls,
        path: str | os.PathLike[str],
        styles: Sequence[Style],
        model: BaseStylizer,
        *,
        labels: Sequence[str] | None = None,
        sources: Sequence[str] | None = None,
        licences: Sequence[str] | None = None,
        style_size: int = Options.style_size,
        rank: int = RANK,
    ) -> StyleBank:
        """Write a bank of styles that are encoded already, and open it; :func:`build_bank` makes one of pictures.

        Args:
            path: of the file, which must end in ``.safetensors``; it appears complete or not at all.
            styles: of one or several artworks each; their names become those of the bank.
            model: what encoded them.
            labels, sources, licences: one for each artwork, see the class.
            style_size: that they were encoded at.
            rank: of the distribution that is fitted to them, if there are at least two.

        Raises:
            InputError: if a style is of another model, or the file cannot be written.
        """
        for style in styles:
            check_encoded(style)
        if other := [style for style in styles if style.channels != model.channels]:
            raise InputError(f"{other[0]} is no style of a model of {model.channels} channels: encode all with one")
        if special := [style for style in styles if style.change is not None]:
            raise InputError(f"{special[0]} has a change of the decoder, which a bank does not keep: give its artwork")
        if any(style.fine_std is not None for style in styles):
            raise InputError("a bank keeps one deviation a channel: encode its styles without fine_size")
        means, stds = (
            np.concatenate([np.empty((0, model.channels), np.float32), *(probe.flat(getattr(s, part)) for s in styles)])
            for part in ("mean", "std")
        )
        if not (np.isfinite(means).all() and np.isfinite(stds).all() and (stds > 0).all()):
            raise InputError("a style has statistics that are no numbers, or deviations that are not above 0")
        names = [style.name for style in styles for _ in range(len(style.mean))]
        texts = {
            key: [""] * len(names) if each is None else [*each]
            for key, each in (("sources", sources), ("licences", licences), ("labels", labels))
        }
        if wrong := [key for key, each in texts.items() if not all(isinstance(text, str) for text in each)]:
            raise InputError(f"{wrong[0]} of a bank are texts: give str(...) of each")
        if wrong := [key for key, each in texts.items() if len(each) != len(names)]:
            raise InputError(f"{len(names)} styles need as many {wrong[0]}, not {len(texts[wrong[0]])}")
        rows = Rows(means, stds, names, texts["sources"], texts["licences"], texts["labels"])
        origin = Origin(probe.name_of(model), probe.statistics(model), style_size)
        save(path, rows, origin, Gaussian.fit(rows.coordinates, rank) if len(names) > 1 else None)
        return cls(path, model.device)

    def __reduce__(self) -> tuple[Any, ...]:
        device = str(self.device) if self.device is not None else None
        return type(self), (self.path, device)

    def to(self, device: Device) -> StyleBank:
        """The same bank, whose styles come to lie on another device; on None, as arrays."""
        return StyleBank(self.path, device)

    def check(self, model: BaseStylizer) -> None:
        """InputError, unless a model has the encoder that this bank's statistics are of.

        It encodes a small picture, and the statistics have to be those that the bank's own encoder found: what they
        are computed with and in which precision makes no difference.
        """
        if not probe.agrees(model, self.probe):
            raise InputError(
                f"{self.path.name} holds styles of the model {self.model!r}, of {self.channels} channels, and another "
                f"encoder is in use, of {model.channels}: choose that model, or make a bank with this one (adain bank "
                "build)"
            )

    def __len__(self) -> int:
        return len(self._means)

    @overload
    def __getitem__(self, index: int | str) -> Style: ...
    @overload
    def __getitem__(self, index: slice) -> list[Style]: ...
    def __getitem__(self, index: int | str | slice) -> Style | list[Style]:
        """A style by its number or its name; several of a slice.

        Raises:
            IndexError: if there is no such number.
            InputError: if there is no such name.
        """
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        k = self.index(index) if isinstance(index, str) else self._place(index)
        return self._styles(self._means[k : k + 1], self._stds[k : k + 1], self.names[k])

    def __bool__(self) -> bool:
        return True  # also of a bank that holds a distribution alone

    def __iter__(self) -> Iterator[Style]:
        return (self[k] for k in range(len(self)))

    def __contains__(self, name: object) -> bool:
        return name in self._numbers

    def index(self, name: Any, start: int = 0, stop: int | None = None) -> int:
        """The number of the style of a name; InputError if there is none."""
        if name not in self._numbers:
            known = list(self.names[: 1 << 16])
            raise InputError(f"{self.path.name} has no style {name!r}: {suggest(str(name), known, most=5)}")
        return self._numbers[name]

    def batch(self, indices: Any) -> Style:
        """Styles as one, with statistics ``(B, C, 1, 1)`` in float32.

        Args:
            indices: ``(B,)`` numbers of styles: a sequence, an array or a tensor; or a slice.

        Raises:
            IndexError: if there is no such number.
        """
        if isinstance(indices, slice):
            indices = range(*indices.indices(len(self)))
        chosen = moved(indices, None) if is_tensor(indices) else np.asarray(indices)
        chosen = np.atleast_1d(chosen.astype(np.int64) if chosen.size == 0 else chosen)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise InputError(f"indices are whole numbers in one dimension, not {chosen.dtype} {chosen.shape}")
        if chosen.size and not (-len(self) <= chosen.min() and chosen.max() < len(self)):
            raise self._missing(chosen[(chosen < -len(self)) | (chosen >= len(self))][0])
        name = self.names[int(chosen[0])] if len(chosen) == 1 else f"{len(chosen)} styles"
        return self._styles(self._means[chosen], self._stds[chosen], name)

    @functools.cached_property
    def classes(self) -> list[str]:
        """The classes there are, in the order of their names."""
        return [name for name in self.labels.distinct if name]

    def members(self, name: str) -> Indices:
        """The numbers of the styles of a class; InputError if there is no such class."""
        if name not in self._members:
            raise InputError(f"{self.path.name} has no class {name!r}: {suggest(name, self.classes)}")
        return self._members[name]

    def sample(
        self,
        count: int,
        generator: Generator = None,
        by: Literal["uniform", "class"] | Sequence[str] = "uniform",
        *,
        distinct: bool = False,
    ) -> Indices:
        """Numbers of styles, drawn at random.

        The same generator in the same state gives the same numbers of the same bank, on any machine and device.

        Args:
            count: how many.
            generator: see :data:`~adain.augment.chance.Generator`.
            by: ``"uniform"``: each style alike; ``"class"``: each class alike, and in it each style, where styles
                without a class are one more; or names of styles and of classes, each of which is as likely.
            distinct: give no style twice.

        Returns:
            ``(count,)`` int64.

        Raises:
            InputError: if the bank holds none, too few, or none of such a name.
        """
        self._check_styles()
        _check_count(count)
        rng = random(generator)
        if by not in BY if isinstance(by, str) else not isinstance(by, Iterable):
            raise InputError(f"by is {' or '.join(BY)}, or a list of names, not {by!r}")
        if by == "uniform":
            groups = [np.arange(len(self))]
        elif by == "class":
            groups = [*self._members.values()]
        else:
            groups = [self.members(name) if name in self._members else np.array([self.index(name)]) for name in by]
        return _draw(groups, count, rng, distinct, self.path.name)

    @functools.cached_property
    def distribution(self) -> Gaussian:
        """The Gaussian over ``[log(mean + f), log std]`` that the file holds, or else the one that is fitted now.

        Raises:
            InputError: if there is none and fewer than two styles, or it is damaged.
        """
        if self.has_distribution:
            parts = [self._file.get(f"gaussian.{part}", np.empty(0)).astype(np.float32) for part in PARTS]
            width = 2 * self.channels
            if [part.shape for part in parts] != [(width,), (len(parts[1]), width), *[(width,)] * 3]:
                raise InputError(f"the distribution of {self.path.name} is damaged; make it anew")
            return Gaussian(*parts)
        return self.fit()

    @property
    def has_distribution(self) -> bool:
        """Whether the file holds one."""
        return "gaussian.mean" in self._file

    def fit(self, rank: int = RANK) -> Gaussian:
        """The Gaussian of this bank's styles, of a rank of one's own; InputError if there are fewer than two."""
        return Gaussian.fit(lambda: _gaussian.chunks(self._means, self._stds), rank)

    def random_style(self, count: int = 1, generator: Generator = None, spread: float = 1.0) -> Style:
        """Styles that no artwork has, drawn from :attr:`distribution`.

        The same generator in the same state gives the same styles, to rounding, on any machine and device.

        Args:
            count: how many, in one Style with statistics ``(count, C, 1, 1)`` in float32.
            generator: see :data:`~adain.augment.chance.Generator`.
            spread: 0 gives the mean style, 1 styles as various as the artworks, more wilder ones. Whatever it is, no
                number is smaller or larger than any artwork of the bank has it.

        Raises:
            InputError: if the spread is below 0, or there is no distribution.
        """
        _check_count(count)
        if not isinstance(spread, Real) or not 0 <= spread < float("inf"):
            raise InputError(f"spread is a number of at least 0, not {spread!r}")
        drawn = self.distribution.sample(count, random(generator), spread)
        name = "random style" if count == 1 else f"{count} random styles"
        return self._styles(*_gaussian.statistics(drawn), name)

    def nearest(
        self,
        query: Style | ImageInput,
        count: int = 1,
        *,
        model: BaseStylizer | None = None,
    ) -> tuple[Indices, npt.NDArray[np.float32]]:
        """The styles nearest to that of a picture; see :func:`adain.augment.search.distances` for the measure.

        Args:
            query: an encoded style, or a picture for ``model`` to encode at :attr:`style_size`.
            count: how many at most.
            model: what encodes the picture, with this bank's encoder.

        Returns:
            Their numbers ``(n,)`` and distances ``(n,)``, the nearest first.

        Raises:
            InputError: if the bank holds none, the style is of another model, or a picture comes without one.
            MissingFileError, ImageError: if the picture cannot be read.
        """
        _check_count(count)
        self._check_styles()
        if not isinstance(query, Style):
            if model is None:
                raise InputError("a picture has to be encoded to be searched for: pass model=, or its Style")
            self.check(model)
            query = model.encode_style(query, size=self.style_size)
        check_encoded(query)
        mean, std = (moved(part, None).astype(np.float32) for part in (query.mean, query.std))
        if mean.shape != (1, self.channels, 1, 1):
            raise InputError(f"one style of {self.channels} channels is searched for, not of shape {mean.shape}")
        found = search.distances(self._means, self._stds, mean.ravel(), std.ravel())
        indices = search.smallest(found, count)
        return indices, found[indices]

    def stamped(self) -> dict[int, tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
        """Mean and deviation ``(C,)`` of each style by the stamp of the file it was made of, where that is known."""
        stamps = self._file.get("stamp")
        return {} if stamps is None else {s: (self._means[k], self._stds[k]) for k, s in enumerate(stamps.tolist())}

    def __repr__(self) -> str:
        return f"StyleBank({self.path.name}, {len(self)} styles, model={self.model!r}, channels={self.channels})"

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        """By name; of two of one name the first."""
        return {name: k for k, name in reversed([*enumerate(self.names)])}

    @functools.cached_property
    def _members(self) -> dict[str, Indices]:
        """The styles of each class, and those of none by an empty name, if there are any."""
        if self.labels.codes is None:
            return {}
        codes = np.asarray(self.labels.codes)
        order = np.argsort(codes, kind="stable")
        edges = np.searchsorted(codes[order], np.arange(len(self.labels.distinct) + 1))
        return {name: order[edges[k] : edges[k + 1]] for k, name in enumerate(self.labels.distinct)}

    def _check_styles(self) -> None:
        if not len(self):
            raise InputError(f"{self.path.name} holds a distribution and no styles: draw from it with random_style")

    def _place(self, number: int) -> int:
        try:
            return range(len(self))[number]
        except IndexError:
            raise self._missing(number) from None

    def _missing(self, number: int) -> IndexError:
        return IndexError(f"{self.path.name} has {plural(len(self), 'style')}, and none of the number {number}")

    def _styles(self, means: npt.NDArray[Any], stds: npt.NDArray[Any], name: str) -> Style:
        if not (np.isfinite(means).all() and np.isfinite(stds).all()):
            raise InputError(f"{self.path.name} is damaged: {name!r} has statistics that are no numbers; make it anew")
        return Style(moved(_laid(means), self.device), moved(_laid(stds), self.device), name)


def _check_count(count: Any) -> None:
    if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < 0:
        raise InputError(f"a count of styles is a whole number of at least 0, not {count!r}")


def _laid(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """``(B, C)`` as ``(B, C, 1, 1)`` in float32, in memory."""
    return np.array(values, np.float32).reshape(*values.shape, 1, 1)


def _draw(groups: Sequence[Indices], count: int, rng: np.random.Generator, distinct: bool, name: str) -> Indices:
    """Numbers out of groups, each group alike."""
    if not groups:
        raise InputError("by names no style: give one at least")
    if not distinct:
        chosen = rng.integers(len(groups), size=count) if len(groups) > 1 else np.zeros(count, np.int64)
        places = rng.random(count)
        return np.array([groups[g][int(p * len(groups[g]))] for g, p in zip(chosen, places, strict=True)], np.int64)
    if count > (there := len(np.unique(np.concatenate(groups)))):
        raise InputError(
            f"{name} has {plural(there, 'style')} to choose from, and {count} distinct ones were asked for"
        )
    if len(groups) == 1:
        return np.asarray(rng.choice(groups[0], count, replace=False), np.int64)
    found: dict[int, None] = {}  # groups by name may share a style
    left = [list(rng.permutation(group)) for group in groups]
    while len(found) < count:
        found[int(left[int(rng.integers(len(left)))].pop())] = None
        left = [each for each in left if each]
    return np.fromiter(found, np.int64)

"""Making a bank of pictures: artwork by artwork, and on from where it was when the same is asked for again."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .._utils.errors import AdainError, DiskFullError, InputError
from .._utils.files import check_writable, unwritable
from .._utils.fingerprint import fingerprint
from .._utils.locks import hold
from .._utils.prefetch import read_ahead
from .._utils.protect import protect
from ..control.style import SUFFIX
from ..options import Options, plural
from . import probe
from .artworks import Artwork, SourceLine, find, provenance, read_sources
from .bank import StyleBank, is_bank
from .bank_options import BankOptions
from .gaussian import Gaussian
from .saving import Origin, Rows, save

if TYPE_CHECKING:
    from ..stylizer.base import BaseStylizer

Values: TypeAlias = npt.NDArray[Any]

PARTIAL = ".partial"
"""Ending of the folder beside a bank that keeps what is encoded while it is being made."""


@dataclass(frozen=True)
class BuildProgress:
    """One picture is done.

    Attributes:
        done, total: pictures.
        name: of this one.
        error: why it was skipped; None if it is in the bank.
        is_known: whether it was encoded before.
        note: what is to be told of the bank as a whole; of no picture then.
    """

    done: int
    total: int
    name: str
    error: str | None = None
    is_known: bool = False
    note: str | None = None


def build_bank(
    paths: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    model: BaseStylizer,
    *,
    options: BankOptions | None = None,
    sizes: Options | None = None,
    progress: Callable[[BuildProgress], None] | None = None,
) -> StyleBank:
    """A bank of all pictures in folders, tar archives and parquet tables.

    The same call goes on where one was broken off, however that ended, and encodes again only what has changed. A
    picture that cannot be read is told of and left out.

    Args:
        paths: of pictures, folders, which are searched with their sub-folders, ``.tar`` archives and ``.parquet``
            tables. A picture's class is the first folder of its path in what is named here.
        output: the file to write, which must end in ``.safetensors`` and appears when it is complete. What has been
            encoded is kept beside it meanwhile, in a folder with :data:`PARTIAL` at the end of its name.
        model: what encodes.
        options: of banks.
        sizes: of the artworks: ``style_size`` and ``crop``.
        progress: called after each picture.

    Raises:
        MissingFileError: if a path does not exist.
        InputError: if one cannot be used, no picture can be read, another process makes the same bank, or the output
            is something else than a bank of the same model and sizes.
    """
    options, sizes, target = options or BankOptions(), sizes or Options(), Path(output)
    if target.suffix != SUFFIX:
        raise InputError(f"cannot write {target}: a bank's file must end in {SUFFIX}")
    protect([target], [*paths, *options.files()])
    check_writable(target)
    known = {} if options.sources is None else read_sources(options.sources)
    told = progress or (lambda event: None)
    artworks = list(find(paths, options, lambda name, why: told(BuildProgress(0, 0, name, why))))
    named = _names(artworks)
    how = {"model": model.encoder_identity(), "size": sizes.style_size, "crop": sizes.crop, "limit": model.max_pixels}
    settings = fingerprint(how)
    bank = _before(target, settings)
    before = {} if bank is None else bank.stamped()
    with _Journal(target, settings, model.channels) as journal:
        for note in (journal.note, _gone(bank, named)):
            if note:
                told(BuildProgress(0, len(artworks), "", note=note))
        _encode(artworks, journal, before, (model, sizes), told)
        rows = _rows(artworks, named, journal, before, (known, options))
        if not len(rows.names):
            raise InputError(f"none of {len(artworks)} pictures could be read: no bank was made")
        gaussian = Gaussian.fit(rows.coordinates, options.rank) if len(rows.names) > 1 else None
        origin = Origin(probe.name_of(model), probe.statistics(model), sizes.style_size, {"settings": settings})
        save(target, rows, origin, gaussian)
        journal.discard()
    return StyleBank.open(target, model.device)


def _before(target: Path, settings: str) -> StyleBank | None:
    """The bank that is there already; InputError if that is another's."""
    if not target.exists():
        return None
    bank = StyleBank.open(target, None) if is_bank(target) else None
    if bank is None or bank.origin.get("settings") != settings:
        what = "something else than a bank of styles" if bank is None else "a bank of another model, size or back end"
        raise InputError(f"{target} is there and is {what}: choose another -o, or remove it first")
    return bank


def _gone(bank: StyleBank | None, named: Sequence[str]) -> str:
    """What is told of styles that are in the bank now and will not be."""
    gone = sorted({*bank.names} - {*named}) if bank is not None else []
    if not gone:
        return ""
    shown = ", ".join(gone[:3]) + (", …" if len(gone) > 3 else "")
    return f"left out, as the pictures are no longer there: {shown} ({plural(len(gone), 'style')})"


def _names(artworks: Sequence[Artwork]) -> list[str]:
    """A name for each that no other has."""
    taken: dict[str, int] = {}
    names = []
    for artwork in artworks:
        choices = (artwork.name, artwork.key, *(f"{artwork.key} ({k})" for k in range(2, len(artworks) + 2)))
        name = next(each for each in choices if each not in taken)
        taken[name] = 1
        names.append(name)
    return names


def _encode(
    artworks: Sequence[Artwork],
    journal: _Journal,
    before: Mapping[int, Any],
    how: tuple[BaseStylizer, Options],
    told: Callable[[BuildProgress], None],
) -> None:
    """Encode what is not known yet."""
    model, sizes = how
    total, done = len(artworks), 0
    new = []
    for artwork in artworks:
        if artwork.stamp in before or artwork.stamp in journal:
            done += 1
            told(BuildProgress(done, total, artwork.where, is_known=True))
        else:
            new.append(artwork)

    def read(artwork: Artwork) -> Any:
        return model.open(artwork.read(), size=sizes.style_size, crop=sizes.crop, is_artwork=True)

    with contextlib.closing(read_ahead(new, read)) as opened:
        for artwork, future in opened:
            done, error = done + 1, None
            try:
                style = model.encode_style(future.result(), size=0)
            except DiskFullError:
                raise
            except (AdainError, OSError) as failure:
                error = str(failure)
            else:
                journal.add(artwork.stamp, *(probe.flat(part) for part in (style.mean, style.std)))
            told(BuildProgress(done, total, artwork.where, error))


def _rows(
    artworks: Sequence[Artwork],
    named: Sequence[str],
    journal: _Journal,
    before: Mapping[int, tuple[Values, Values]],
    texts: tuple[Mapping[str, SourceLine], BankOptions],
) -> Rows:
    """What is to be written, in the order in which it was found."""
    known, options = texts
    there = [(a, name) for a, name in zip(artworks, named, strict=True) if a.stamp in before or a.stamp in journal]
    found = [(a, name, provenance(known, a)) for a, name in there]

    def statistics(part: int) -> _Picked:
        return _Picked([before.get(a.stamp) or journal[a.stamp] for a, _ in there], part, journal.channels)

    return Rows(
        statistics(0),
        statistics(1),
        [name for _, name, _ in found],
        [told.source for _, _, told in found],
        [told.licence or options.licence for _, _, told in found],
        [told.label or artwork.label for artwork, _, told in found],
        np.array([artwork.stamp for artwork, _, _ in found], np.uint64),
    )


class _Picked:
    """Rows that lie in several files, as one array ``(N, C)`` that is sliced along its first axis."""

    def __init__(self, rows: Sequence[tuple[Values, Values]], part: int, channels: int) -> None:
        self._rows, self._part = rows, part
        self.shape = (len(rows), channels)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, part: slice) -> Values:
        return np.stack([row[self._part] for row in self._rows[part]]).astype(np.float32)


class _Journal:
    """What has been encoded of a bank that is being made: a row of float32 for each picture, and then its stamp.

    A stamp says that its row is whole: what was killed between the two is encoded again.
    """

    def __init__(self, target: Path, settings: str, channels: int) -> None:
        self.channels = channels
        self.folder = target.with_name(target.name + PARTIAL)
        self._values, self._stamps = self.folder / "statistics", self.folder / "stamps"
        self._places: dict[int, int] = {}
        self._settings = settings
        self._target = target
        self._files: list[IO[bytes]] = []
        self.note = ""
        """What is to be told of what was found here."""

    def __enter__(self) -> _Journal:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = hold(self.folder, str(self._target))
            kept = self._read()
            row = 8 * self.channels
            self._files = [open(path, "r+b" if kept else "w+b") for path in (self._values, self._stamps)]  # noqa: SIM115
            if not kept:
                self._files[1].write(json.dumps({"settings": self._settings}).encode() + b"\n")
            else:
                self._files[0].truncate(len(self._places) * row)
                self._files[0].seek(0, os.SEEK_END)
                self._files[1].seek(self._whole)
                self._files[1].truncate()
        except OSError as error:
            raise unwritable(self.folder, error) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        if not self._places:  # nothing that would be missed
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def _close(self) -> None:
        for file in self._files:
            with contextlib.suppress(OSError):
                file.close()

    def _read(self) -> bool:
        """Whether there is anything of these settings; it is taken note of."""
        try:
            lines = self._stamps.read_bytes().splitlines(keepends=True)
            rows = self._values.stat().st_size // (8 * self.channels)
            if json.loads(lines[0]) != {"settings": self._settings}:
                if rows:
                    kept = f"{plural(rows, 'picture')} in {self.folder.name}"
                    self.note = f"begun anew: {kept} had been encoded by another model or with other options"
                return False
        except (OSError, ValueError, IndexError):
            return False
        self._whole = len(lines[0])
        for line in lines[1 : rows + 1]:
            if len(line) != 17:
                break
            self._places[int(line, 16)] = len(self._places)
            self._whole += len(line)
        return True

    def __contains__(self, stamp: int) -> bool:
        return stamp in self._places

    def add(self, stamp: int, mean: Values, std: Values) -> None:
        try:
            for file, data in zip(self._files, (np.stack([mean, std]).tobytes(), b"%016x\n" % stamp), strict=True):
                file.write(data)
                file.flush()
        except OSError as error:
            raise unwritable(self._target, error) from error
        self._places[stamp] = len(self._places)

    def __getitem__(self, stamp: int) -> tuple[Values, Values]:
        row = self._mapped[self._places[stamp]]
        return row[0], row[1]

    @functools.cached_property
    def _mapped(self) -> Values:
        """``(N, 2, C)``, for when all is encoded."""
        return np.memmap(self._values, np.float32, "r").reshape(-1, 2, self.channels)

    def discard(self) -> None:
        """The bank is there."""
        self._close()
        self._places.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

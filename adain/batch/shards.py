"""Shards of WebDataset: tar files whose members of one key are one sample, and which of those are pictures."""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._utils.errors import ImageError, InputError, MissingFileError
from .._utils.tars import check_end
from ..image import SUFFIXES
from ..image.listing import walk
from ..image.pages import Page
from .plan import Found

SHARD = ".tar"
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tar.lz4")
MOST = 1_000_000
"""Names that braces may stand for."""

_BRACES = re.compile(r"\{(?:(\d+)\.\.(\d+)|([^{}]*,[^{}]*))\}")


@dataclass(frozen=True, slots=True)
class Member:
    """A picture in a shard.

    Attributes:
        file: the shard.
        shard: its name, seen from the folder that was named.
        name: of the member.
        number: of the member, from 0.
        offset, size: of its bytes in the shard.
    """

    file: Path
    shard: str
    name: str
    number: int
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.file}:{self.name}"

    @property
    def drawn_as(self) -> str:
        """What decides which styles are drawn for it: all pictures of a sample have the same ones."""
        key, _ = split(self.name) or (self.name, "")
        return f"{self.shard}/{key}"

    @property
    def called(self) -> Path:
        """What its result is called while the shard is not complete: names of members may be those of no file."""
        return Path(f"{self.number:07d}{os.path.splitext(self.name)[1].lower()}")

    def opened(self, page: int = 1) -> io.BytesIO | Page:
        """Its bytes, as a file with a name, or a page of them."""
        with open(self.file, "rb") as file:
            file.seek(self.offset)
            found = _Named(file.read(self.size))
        found.name = str(self)
        return found if page == 1 else Page(found, page)


class _Named(io.BytesIO):
    name = ""


def split(name: str) -> tuple[str, str] | None:
    """Key and ending of a member, as WebDataset has them: parted at the first dot of the file's name.

    None of what belongs to no sample: a name without a dot, or one that begins with it, and ``__meta__``.

    >>> split("dog/0001.seg.png")
    ('dog/0001', 'seg.png')
    """
    folder, slash, base = name.rpartition("/")
    stem, dot, ending = base.partition(".")
    if not stem or not dot or (not slash and name.startswith("__") and name.endswith("__")):
        return None
    return f"{folder}{slash}{stem}", ending


def key_of(info: tarfile.TarInfo) -> str | None:
    """The key of a member; None of what belongs to no sample."""
    parts = split(info.name) if info.isreg() else None
    return None if parts is None else parts[0]


def samples(members: Iterator[tarfile.TarInfo]) -> Iterator[list[tuple[int, tarfile.TarInfo]]]:
    """The members of each sample with their numbers: those in a row of one key, and what lies between them."""
    run: list[tuple[int, tarfile.TarInfo]] = []
    current: str | None = None
    for numbered in enumerate(members):
        key = key_of(numbered[1])
        if key is not None and current not in (None, key):
            yield run
            run = []
        current = key or current
        run.append(numbered)
    if run:
        yield run


def endings(image_key: str | None) -> frozenset[str]:
    """The endings of members that are pictures, in small letters: those that are named, or all that files have."""
    if image_key is None:
        return frozenset(suffix[1:] for suffix in SUFFIXES)
    return frozenset(part.strip().lower().removeprefix(".") for part in image_key.split(","))


def read_shard(found: Found, image_key: str | None = None) -> tuple[list[Member], set[str]]:
    """The pictures of a shard, and the keys of samples without one.

    Raises:
        ImageError: if it cannot be read.
        InputError: if it is not said which of the pictures of a sample is one.
    """
    wanted, members, others = endings(image_key), list[Member](), set[str]()
    shard = (found.below / Path(found.path).name).as_posix()
    try:
        with tarfile.open(found.path, "r:") as file:
            for run in samples(iter(file)):
                pictures = [_member(found.path, shard, *each) for each in run if _is_picture(each[1], wanted)]
                if len(pictures) > 1 and image_key is None:
                    several = ", ".join(split(each.name)[1] for each in pictures)  # type: ignore[index]
                    raise InputError(
                        f"{found.path}: {pictures[0].name} is one of several pictures of its sample ({several}), which "
                        "may be a label map: say which are to be stylised, such as --image-key jpg (image_key)"
                    )
                members += pictures
                if not pictures:
                    others |= {key for _, info in run if (key := key_of(info)) is not None}
            check_end(file)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise unreadable(found.path, error) from error
    return members, others


def unreadable(path: Path, error: Exception) -> ImageError | MissingFileError:
    """The error of a shard that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return MissingFileError(f"cannot read {path}: there is no such file; check the path")
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    return ImageError(f"cannot read {path}: it is damaged or no tar file ({reason})")


def _is_picture(info: tarfile.TarInfo, wanted: frozenset[str]) -> bool:
    parts = split(info.name) if info.isreg() else None
    return parts is not None and parts[1].lower() in wanted


def _member(path: Path, shard: str, number: int, info: tarfile.TarInfo) -> Member:
    if info.issparse():
        raise ImageError(f"cannot read {path}: {info.name} has holes in it; write the shard without --sparse")
    return Member(path, shard, info.name, number, info.offset_data, info.size)


def expand_braces(name: str) -> Iterator[str]:
    """The names that braces stand for, as shells and WebDataset have them: ``a-{000..009}.tar`` and ``{a,b}.tar``.

    Raises:
        InputError: if they are more than :data:`MOST`.
    """
    found = _BRACES.search(name)
    if found is None:
        yield name
        return
    first, last, several = found.groups()
    parts: Sequence[str]
    if several is not None:
        parts = several.split(",")
    else:
        low, high = int(first), int(last)
        if abs(high - low) >= MOST:
            raise InputError(f"{name} stands for more than {MOST} files: name fewer")
        width = max(len(first), len(last)) if "0" in (first[0], last[0]) else 0
        step = 1 if high >= low else -1
        parts = [f"{number:0{width}d}" for number in range(low, high + step, step)]
    for part in parts:
        for rest in expand_braces(name[found.end() :]):
            yield f"{name[: found.start()]}{part}{rest}"


def find_shards(paths: Sequence[object], *, recursive: bool = False) -> list[Found]:
    """The shards among what was given: tar files, several by braces, and folders that hold those and no pictures.

    Raises:
        InputError: if pictures are given beside them, or they are compressed.
    """
    found: list[Found] = []
    others: list[object] = []
    for given in paths:
        shards = [*_shards(given, recursive)] if isinstance(given, (str, os.PathLike)) else []
        found += shards
        others += [] if shards else [given]
    if found and others:
        raise InputError(f"{others[0]} is no shard and {found[0].path} is one: stylise shards and pictures apart")
    return list(dict.fromkeys(found))


def _shards(given: str | os.PathLike[str], recursive: bool) -> Iterator[Found]:
    text = os.fspath(given)
    if text.lower().endswith(COMPRESSED):
        raise _compressed(text)
    if not text.lower().endswith(SHARD) and not os.path.isdir(text):
        return
    if os.path.isdir(text):
        folder = Path(text)
        try:
            listed = walk(folder, lambda _: None) if recursive else sorted(folder.iterdir())
        except OSError:
            return  # whoever looks for pictures in it says why
        files = [path for path in listed if not path.name.startswith(".") and path.is_file()]
        if any(path.suffix.lower() in SUFFIXES for path in files):
            return
        if packed := [path for path in files if path.name.lower().endswith(COMPRESSED)]:
            raise _compressed(packed[0])
        tars = [path for path in files if path.suffix.lower() == SHARD]
        yield from (Found(path, path.parent.relative_to(folder)) for path in tars)
        return
    yield from (Found(Path(name)) for name in ([text] if os.path.exists(text) else expand_braces(text)))


def _compressed(path: str | Path) -> InputError:
    return InputError(f"{path} is compressed, so that nothing in it can be found: unpack it to {SHARD} first")

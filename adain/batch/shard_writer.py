"""Writing a shard: the results of its pictures, and everything else of it byte for byte and in order."""

from __future__ import annotations

import contextlib
import copy
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._utils.errors import InputError
from .shards import key_of, samples, split, unreadable


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """A result on its way into a shard.

    Attributes:
        name: in the shard.
        path: of the file that it is in until then.
        slot: what is put behind the key of its sample; empty for nothing.
        is_failed: whether there is none, and the sample is left out.
    """

    name: str
    path: Path
    slot: str = ""
    is_failed: bool = False

    def renamed(self, member: str) -> str:
        """The name of another member of the same sample."""
        parts = split(member)
        return f"{parts[0]}-{self.slot}.{parts[1]}" if self.slot and parts is not None else member


def write_shard(
    source: Path, target: Path, entries: Mapping[int, Sequence[ShardEntry]], before: Path | None = None
) -> int:
    """Write a shard, whose headers are those of the source but for names and sizes; how many samples are in it.

    A sample comes once for each result of its pictures, all of one before the next. What belongs to no sample, folders
    and links among it, comes once, where it was.

    Args:
        source: the shard that the pictures came from.
        target: the file to write.
        entries: the results of each picture by its number in the source.
        before: the shard of a run before, which has what is no file any more.

    Raises:
        ImageError: if the source cannot be read.
        InputError: if a result is nowhere.
    """
    with contextlib.ExitStack() as opened:
        try:
            given = opened.enter_context(tarfile.open(source, "r:"))
        except (tarfile.TarError, OSError) as error:
            raise unreadable(source, error) from error
        old = None if before is None else opened.enter_context(tarfile.open(before, "r:"))
        how = {"format": tarfile.PAX_FORMAT, "pax_headers": given.pax_headers}
        new = opened.enter_context(tarfile.open(target, "w", **how))  # type: ignore[call-overload]
        count = 0
        try:
            for run in samples(iter(given)):
                own = [entries.get(number, ()) for number, _ in run]
                for k in range(max(1, *map(len, own))):
                    results = [each[k] if each else None for each in own]
                    there = [each for each in results if each is not None]
                    is_lost = any(each.is_failed for each in there)
                    count += bool(there) and not is_lost
                    for (_, info), result in zip(run, results, strict=True):
                        if key_of(info) is None:
                            if k == 0:
                                _copy(given, info, new, info.name)
                        elif is_lost:
                            continue
                        elif result is None:
                            _copy(given, info, new, there[0].renamed(info.name) if there else info.name)
                        else:
                            _add(new, info, result.name, _data(result, old))
        except tarfile.TarError as error:
            raise unreadable(source, error) from error
        except OSError as error:
            if error.errno is None:  # of tarfile, where the data end too early
                raise unreadable(source, error) from error
            raise
    return count


def _copy(given: tarfile.TarFile, info: tarfile.TarInfo, new: tarfile.TarFile, name: str) -> None:
    header = _header(info, name, info.size)
    if info.issparse():
        header.type, header.pax_headers = tarfile.REGTYPE, {}
    new.addfile(header, given.extractfile(info) if info.isreg() else None)


def _add(new: tarfile.TarFile, info: tarfile.TarInfo, name: str, data: bytes) -> None:
    new.addfile(_header(info, name, len(data)), io.BytesIO(data))


def _header(info: tarfile.TarInfo, name: str, size: int) -> tarfile.TarInfo:
    header = copy.copy(info)
    header.name, header.size = name, size
    # Which would go before what is said here.
    header.pax_headers = {key: value for key, value in info.pax_headers.items() if key not in ("path", "size")}
    return header


def _data(result: ShardEntry, old: tarfile.TarFile | None) -> bytes:
    """The bytes of a result: of its file, or else of the shard of a run before."""
    with contextlib.suppress(FileNotFoundError):
        return result.path.read_bytes()
    with contextlib.suppress(KeyError):
        file = None if old is None else old.extractfile(result.name)
        if file is not None:
            return file.read()
    raise InputError(f"{result.path} is gone: run the same again, it is made anew")

"""What one process does: load the networks once, then turn batch after batch of photographs into results."""

from __future__ import annotations

import pickle
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..._utils.errors import AdainError
from ...image import encode_image, read_image, save_image
from ...options import TileSize
from .look import Look
from .records import DONE, FAILED, record

if TYPE_CHECKING:
    import pyarrow as pa
    from PIL import Image

    from ...stylizer.content import Content
    from ...stylizer.stylizer import Stylizer


@dataclass(frozen=True)
class Settings:
    """What every worker needs to know; picklable.

    Attributes:
        looks: the results of each photograph.
        model: arguments of :meth:`adain.Stylizer.from_pretrained`.
        content_size, crop, tile: see :meth:`adain.Stylizer.encode_content`.
        quality: of JPEG and WebP results.
        in_table: results are bytes in a table, rather than files.
        retries: how often a picture is tried again after the process has died at it.
    """

    looks: Sequence[Look]
    model: Mapping[str, Any]
    content_size: int
    crop: bool
    tile: TileSize
    quality: int
    in_table: bool
    retries: int


class LedgerLike(Protocol):
    """A :class:`~adain.batch.ray.ledger.Ledger`, or what stands for one in another process."""

    def begin(self, key: Hashable) -> int: ...

    def finish(self, key: Hashable) -> None: ...


class Worker:
    """Rows of photographs in, one row for each result out, whatever the photographs are.

    A batch is begun again when its process died. The first time that costs nothing; from the second on every result is
    written into the ledger first, so that the one that kills processes is found, and given up after
    ``retries`` more attempts, while its neighbours are made. Results are the same bytes each time.

    Args:
        settings: what to make.
        ledger: where beginnings are counted.
        stylizer: in place of one loaded from the settings.
    """

    def __init__(self, settings: Settings, ledger: LedgerLike, stylizer: Stylizer | None = None) -> None:
        from ...stylizer.stylizer import Stylizer

        self.settings, self.ledger = settings, ledger
        self.stylizer = Stylizer.from_pretrained(**settings.model) if stylizer is None else stylizer

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The results of rows of :data:`~adain.batch.ray.sources.ROW`, packed or not."""
        rows = unpacked(batch)
        key = f"batch {rows[0]['number']}" if rows else "batch"
        careful = self.ledger.begin(key) > 1
        made = [result for row in rows for result in self._row(row, careful)]
        self.ledger.finish(key)
        return results_table(made)

    def _row(self, row: Mapping[str, Any], careful: bool) -> list[dict[str, Any]]:
        content: Content | None = None
        failure = row["reason"]
        results = []
        for index, output in zip(row["todo"], row["outputs"], strict=True):
            start = time.perf_counter()
            data, more = None, {}
            key = f"{row['number']} {index}"
            reason = failure
            if reason is None and careful and self.ledger.begin(key) > self.settings.retries:
                reason = "the process that makes it keeps dying: it may need more memory than there is"
            if reason is None:
                try:
                    content = content or self._content(row)
                    picture = self.settings.looks[index].render(self.stylizer, content)
                    data = self._keep(picture, output)
                    more = {"width": picture.width, "height": picture.height}
                except Exception as error:
                    # Whatever a picture does to the code, it is one picture of a million.
                    known = isinstance(error, AdainError)
                    reason = " ".join((str(error) if known else f"{type(error).__name__}: {error}").split())
                    if content is None:
                        failure = reason
            if careful:
                self.ledger.finish(key)
            name = self.settings.looks[index].name
            status = DONE if reason is None else FAILED
            seconds = round(time.perf_counter() - start, 3)
            made = record(output, row["content"], name, status, reason, seconds=seconds, **more)
            results.append({**made, "number": row["number"], "look": index, "image": data})
        return results

    def _content(self, row: Mapping[str, Any]) -> Content:
        source = row["path"]
        if source is None:
            source = read_image(row["data"], max_pixels=self.stylizer.max_pixels)
        settings = self.settings
        how: dict[str, Any] = {"size": settings.content_size, "crop": settings.crop, "tile": settings.tile}
        return self.stylizer.encode_content(source, **how)

    def _keep(self, picture: Image.Image, output: str) -> bytes | None:
        """The bytes of a result for the table, or None after writing its file."""
        if self.settings.in_table:
            return bytes(encode_image(picture, output, quality=self.settings.quality))
        save_image(picture, output, quality=self.settings.quality)
        return None


RUN = "run"
"""The one column of a batch whose rows are packed, which is how those of a run travel that hold no pictures."""


def unpacked(batch: pa.Table) -> list[dict[str, Any]]:
    """The rows of a batch, or of the runs that are packed in it."""
    if batch.column_names != [RUN]:
        return [dict(row) for row in batch.to_pylist()]
    return [row for run in batch[RUN].to_pylist() for row in pickle.loads(run)]  # of this very job's making


def results_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Results as a table of the same columns and types whatever is in them."""
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    schema = {"output": text, "content": text, "style": text, "status": text, "reason": text}
    schema |= {"width": number, "height": number, "seconds": pa.float64()}
    schema |= {"number": number, "look": number, "image": pa.large_binary()}
    return pa.Table.from_pylist([dict(row) for row in rows], schema=pa.schema(list(schema.items())))

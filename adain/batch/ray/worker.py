"""What one process does: load the networks once, then turn batch after batch of photographs into results."""

from __future__ import annotations

import pickle
import time
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..._utils.errors import AdainError, ImageError
from ...image import Page, encode_image, read_image, size_of_painted
from ...image.strips import Strips
from ..manifest import Manifest
from ..run import Result, explain, fail, portable, render, save
from .options import RayOptions
from .sources import Group
from .tables import as_table

if TYPE_CHECKING:
    import pyarrow as pa

    from ...stylizer.looks import Look, Model
    from ..order import Order

COLUMNS = {"number": "int64", "result": "binary", "image": "large_binary"}
"""Of what a worker gives back, with their types: the number of the task, the pickled :class:`~adain.batch.Result`, and
in a job that goes into a table the bytes of the picture."""


@dataclass(frozen=True)
class Settings:
    """What every worker needs to know; picklable.

    Attributes:
        options: the job's text, of :meth:`~adain.options.Declared.to_json`.
        looks: by number, of each look its styles, the text of its options, its name and its background.
        folder: of the results.
        keeps: what of the results: their lines in the manifest, nothing (of a single file), or their bytes in a table.
    """

    options: str
    looks: Mapping[int, tuple[Any, str, str, Any]]
    folder: str
    keeps: Literal["lines", "nothing", "bytes"]

    @classmethod
    def of(cls, options: RayOptions, looks: Mapping[int, Look], folder: str, keeps: Any) -> Settings:
        """The settings of looks whose styles are encoded.

        Raises:
            InputError: if an option has no form in text.
        """
        packed = {
            k: (look.styles, RayOptions.of(look.options).to_json(), look.name, look.background)
            for k, look in looks.items()
        }
        # The background is the look's, and may be encoded.
        return cls(options.change(background=None).absolute().to_json(), packed, folder, keeps)

    def order(self) -> Order:
        """What is to be made, from the text."""
        from ...stylizer.looks import Look
        from ..order import Order

        looks = {k: Look(styles, RayOptions.from_json(text), *rest) for k, (styles, text, *rest) in self.looks.items()}
        return Order(looks, RayOptions.from_json(self.options), place="ray")


class Ledger(Manifest):
    """What was begun and not finished, beside the manifest of the folder: kept outside the processes that may die.

    It is the one process that appends while the workers are at work, so that the folder may lie on a network.
    """

    def __init__(self, folder: str) -> None:
        super().__init__(folder, is_known=True)
        self.begun: Counter[Hashable] = Counter()

    def begin(self, key: Hashable) -> int:
        """Count a beginning; how many there were since the last end, with this one."""
        self.begun[key] += 1
        return self.begun[key]

    def finish(self, key: Hashable) -> None:
        """It ended; forget it."""
        self.begun.pop(key, None)


class RayWorker:
    """Photographs in, one row for each result out, whatever the photographs are.

    A batch is begun again when its process died. The first time that costs nothing; from the second on every result is
    written into the ledger first, so that the one that kills processes is found, and given up after
    ``options.retries`` more attempts, while its neighbours are made. Results are the same bytes each time.

    Args:
        settings: what to make.
        ledger: where beginnings are counted, and results recorded.
        model: in place of the one that the settings name.
    """

    def __init__(self, settings: Settings, ledger: Ledger, model: Model | None = None) -> None:
        from ...backends.models import open_model
        from ..order import Maker

        self.settings, self.ledger, self.order = settings, ledger, settings.order()
        self.maker = Maker(self.order, model or open_model(self.order.options))
        self.manifest = ledger if settings.keeps == "lines" else None

    def __call__(self, batch: pa.Table) -> pa.Table:
        """What became of the tasks of a batch, as a table of :data:`COLUMNS`."""
        groups = unpacked(batch)
        key = f"batch {groups[0].tasks[0][0]}" if groups else "batch"
        careful = self.ledger.begin(key) > 1
        made = [row for group in groups for row in self._group(group, careful)]
        self.ledger.finish(key)
        return as_table(made, COLUMNS)

    def _group(self, group: Group, careful: bool) -> Iterator[dict[str, Any]]:
        loaded: Any = None
        lost = None if group.reason is None else AdainError(group.reason)
        options: Any = self.order.options
        for number, task in group.tasks:
            start, data = time.perf_counter(), None
            try:
                if lost is None and careful and self.ledger.begin(number) > options.retries:
                    raise AdainError("the process that makes it keeps dying: it may need more memory than there is")
                if lost is None and loaded is None:
                    try:
                        loaded = self._load(group)
                    except Exception as error:
                        lost = explain(error, task)
                if lost is not None:
                    raise lost
                task, picture = render(self.maker, loaded, task)
                seconds = time.perf_counter() - start
                if self.settings.keeps == "bytes":
                    assert not isinstance(picture, Strips)
                    origin = group.content if group.data is None else group.data
                    told: Any = {"metadata": task.metadata, "origin": origin}
                    data = bytes(encode_image(picture, task.job.output, **options.written(), **told))
                    seconds = round(time.perf_counter() - start, 3)
                    height, width = size_of_painted(picture)
                    size = {"width": width, "height": height, "seconds": seconds}
                    result = Result(task, "done", {**task.details, **size})
                else:
                    how: Any = {"options": options, "seconds": seconds, "origin": group.data}
                    result = save(task, picture, self.manifest, **how)
            except Exception as error:
                # Whatever a picture does to the code, it is one picture of a million.
                result = fail(task, explain(error, task), self.manifest)
            if careful:
                self.ledger.finish(number)
            yield {"number": number, "result": pickle.dumps(portable(result)), "image": data}

    def _load(self, group: Group) -> Any:
        if group.data is None:
            return self.maker.read(group.content)
        page: Any = self.order.options.page  # of all pages, rows are refused when they are planned
        try:
            return read_image(Page(group.data, page), max_pixels=self.maker.model.max_pixels)
        except AdainError as error:
            raise ImageError(f"{group.content}: {error}") from error


RUN = "run"
"""The one column of a batch: groups in runs of one or several, pickled."""


def packed(groups: Sequence[Group]) -> pa.Table:
    """Groups with the bytes of their pictures, as a table with a row for each."""
    return as_table([{RUN: pickle.dumps([group])} for group in groups], {RUN: "large_binary"})


def unpacked(batch: pa.Table) -> list[Group]:
    """The groups of a batch; they are of this very job's making."""
    return [group for run in batch[RUN].to_pylist() for group in pickle.loads(run)]

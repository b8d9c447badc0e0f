"""What can be said of a cluster beside what many photographs are to become; free of torch and of Ray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...options import option
from ..options import FolderOptions


def _option(default: Any, help: str, **more: Any) -> Any:
    return option(default, help, group="ray", serves=("ray",), is_decisive=False, **more)


@dataclass(frozen=True, kw_only=True)
class RayOptions(FolderOptions):
    """What many photographs are to become, and who does the work.

    All of :class:`~adain.batch.FolderOptions` goes with Ray, but for ``jobs`` (see ``actors``), ``refine`` and a
    ``stylizer``; ``progress`` is told of results, not of tiles.
    """

    address: str | None = _option(
        None, "Ray cluster to join.", flag="--ray-address", metavar="auto|ADDRESS",
        shown="a Ray on this machine, for this call",
    )  # fmt: skip
    actors: int | None = _option(
        None, "Processes with a model each.", flag="--ray-actors", low=1, metavar="N",
        shown="as many as the CPUs or GPUs allow",
    )  # fmt: skip
    cpus_per_actor: float = _option(
        1.0, "Cores of each.", flag="--ray-cpus-per-actor", low=0, is_open=True, metavar="X"
    )
    gpus_per_actor: float | None = _option(
        None, "GPUs of each, such as 0.25 for four on one.", flag="--ray-gpus-per-actor", low=0, metavar="X",
        shown="1 if there are any",
    )  # fmt: skip
    image_column: str | None = _option(None, "Column of parquet files that holds the pictures.", metavar="NAME")
    retries: int = _option(
        2, "How often a picture is tried again after the process at work on it has died.", flag="", low=0
    )
    name_column: str | None = _option(None, "Column of parquet files that names their pictures.", metavar="NAME")

    @property
    def columns(self) -> tuple[str | None, str | None]:
        """Of pictures and of names."""
        return self.image_column, self.name_column

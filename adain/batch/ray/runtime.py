"""Ray itself: found, started or joined, measured, and its failures told in one line."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..._utils.errors import EngineError, InputError
from .options import RayOptions

OBJECT_STORE = 512 * 2**20
"""Bytes of shared memory for a Ray that is started here; what travels are paths, and pictures of tables in blocks."""


def load() -> Any:
    """The module ``ray``, with ``ray.data``.

    Raises:
        InputError: if it is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InputError(f'the ray engine needs Ray ({error}): pip install "adain[ray]"') from error
    return ray


@contextlib.contextmanager
def joined(ray: Any, address: str | None) -> Iterator[None]:
    """A running Ray: the one this process has, or one started, or joined at ``address``, and left at the end."""
    if ray.is_initialized():
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        quiet |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
    try:
        ray.init(address=address or "local", **quiet)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        raise EngineError(f"cannot {f'join Ray at {address}' if address else 'start Ray'}: {error}") from error
    log = logging.getLogger("ray.data")
    level = log.level
    log.setLevel(logging.ERROR)  # what is left goes to stderr
    try:
        yield
    finally:
        log.setLevel(level)
        ray.shutdown()


@contextlib.contextmanager
def errors(ray: Any) -> Iterator[None]:
    """Turn what Ray raises into one line."""
    try:
        yield
    except ray.exceptions.RayError as error:
        raise EngineError(f"Ray could not do the work: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    """What lies at the root of an error that came through several processes, with their tracebacks in its text."""
    own = re.findall(r"^(?:adain\._utils\.errors\.)\w+: (.+)$", str(error), re.MULTILINE)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return str([type(error).__name__, *lines, *own][-1])


@dataclass(frozen=True)
class Pool:
    """The actors of a job.

    Attributes:
        actors: how many.
        cpus, gpus: of each.
        device: where each computes.
    """

    actors: int
    cpus: float
    gpus: float
    device: str

    @classmethod
    def of(cls, ray: Any, options: RayOptions) -> Pool:
        """What suits the options and the cluster.

        Raises:
            InputError: if they contradict each other, or what there is.
        """
        from ...nn.devices import resolve_device

        device, cpus, gpus = options.device, options.cpus_per_actor, options.gpus_per_actor
        if device not in ("auto", "cpu", "cuda", "mps"):
            raise InputError(f"Ray chooses the GPU of an actor: the device is auto, cpu, cuda or mps, not {device}")
        there = ray.cluster_resources()
        if gpus is None:
            gpus = 1.0 if there.get("GPU", 0) and device in ("auto", "cuda") else 0.0
        if gpus < 0 or (gpus > 1 and gpus != int(gpus)):
            raise InputError(f"an actor has no GPU (0), a share of one (such as 0.25) or several, not {gpus:g}")
        if gpus > 0 and device in ("cpu", "mps"):
            raise InputError(f"GPUs are of no use on --device {device}: leave out one of them")
        if gpus > there.get("GPU", 0):
            raise InputError(f"this Ray has {there.get('GPU', 0):g} GPUs and an actor is to have {gpus:g}")
        if gpus == 0 and device == "cuda":
            raise InputError("--device cuda needs GPUs: this Ray has none for its actors")
        if cpus > there.get("CPU", 0):
            raise InputError(f"this Ray has {there.get('CPU', 0):g} CPUs and an actor is to have {cpus:g}")
        if device == "auto":
            # Without a GPU of its own an actor would still see those of the machine.
            here = resolve_device("auto").type
            device = "cuda" if gpus else "mps" if here == "mps" else "cpu"
        room = int(there.get("CPU", 1) / cpus)
        if gpus:
            room = min(room, int(there["GPU"] / gpus))
        return cls(max(1, min(options.actors or room, room)), cpus, gpus, device)

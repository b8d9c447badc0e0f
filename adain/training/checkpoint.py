"""Checkpoints: everything a run needs to go on as if it had never stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from .._utils.errors import TrainingError, first_line
from .._utils.files import atomic_path

State = dict[str, Any]
"""Tensors, numbers, strings, lists and dicts only, so that nothing else need be unpickled."""

FORMAT = 1

DECODER_FILE, ENCODER_FILE = "decoder.safetensors", "encoder.safetensors"
"""The weights so far in a run's folder; the encoder's only of the fast model."""


@dataclass
class CheckpointStore:
    """The newest ``keep`` checkpoints of one run, ``step-00001000.pt`` and so on, in one folder."""

    folder: Path
    keep: int = 3

    def path(self, step: int) -> Path:
        """Where the checkpoint after so many steps lies."""
        return self.folder / f"step-{step:08d}.pt"

    def paths(self) -> list[Path]:
        """Those there are, oldest first."""
        return sorted(self.folder.glob("step-????????.pt"))

    def save(self, step: int, state: State) -> Path:
        """Write one, whole or not at all, then remove the oldest beyond ``keep``."""
        path = self.path(step)
        with atomic_path(path) as temporary:
            torch.save({"format": FORMAT, "step": step} | state, temporary)
        for old in self.paths()[: -self.keep]:
            old.unlink(missing_ok=True)
        for leftover in self.folder.glob(".adain-*.pt"):
            leftover.unlink(missing_ok=True)  # of a process that was killed while writing
        return path

    def load_latest(self, warn: Callable[[str], None] = lambda _: None) -> State:
        """The newest that can be read, on the CPU; damaged ones get ``.damaged`` added to their name.

        Raises:
            TrainingError: if there is none.
        """
        found = self.paths()
        for path in reversed(found):
            try:
                state: State = torch.load(path, map_location="cpu", weights_only=True)
                if state["format"] != FORMAT:
                    raise ValueError(f"format {state['format']}, not {FORMAT}")
                return state
            except Exception as error:  # torch.load raises whatever a damaged pickle makes it meet
                warn(f"{path.name} is damaged ({first_line(error)}): going back to the one before")
                with contextlib.suppress(OSError):
                    path.rename(path.with_suffix(".pt.damaged"))
        run = self.folder.parent
        if not found:
            raise TrainingError(f"{run} holds no checkpoint to resume from: leave out --resume to start a run")
        fix = f"start a new run in another folder with --init-from {run}"
        raise TrainingError(f"no checkpoint in {self.folder} can be read: {fix}")


def save_weights(network: nn.Module, path: Path) -> None:
    """A network alone in half precision: what ``--decoder`` or ``--encoder`` takes, 7 MB of the base decoder."""
    save_state(network.state_dict(), path)


def save_state(tensors: Mapping[str, Tensor], path: Path) -> None:
    """:func:`save_weights` of a network's ``state_dict``."""
    state = {k: v.detach().half().contiguous().cpu() for k, v in tensors.items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(state))


def random_state() -> State:
    """State of torch's random generators on the CPU and on every GPU."""
    state: State = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_random_state(state: State) -> None:
    """Undo :func:`random_state`, as far as this machine has the same devices."""
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and len(state.get("cuda", [])) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])

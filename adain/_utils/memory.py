"""How much memory is free, and what a pass over an image takes of it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import torch

from ..nn.vgg import VGGEncoder
from ..options import MIN_TILE, TileSize
from ..stylizer.halo import check_tile

BYTES_PER_PIXEL = VGGEncoder.pass_bytes
"""Peak of encoder and decoder over an untiled image, per pixel of float32, for the base model."""

SHARE = 0.6
"""Of the free memory, what one pass may take: the rest is for the picture's own copies and for other programs."""

ASSUMED = 4 << 30
"""Bytes taken to be free where the system does not tell."""


TILE_SIDE = 512
"""Side of the tiles that ``"auto"`` takes on a CPU, in pixels, where memory is not short even for those."""

GPU_TILE_SIDE = 1024
"""The same on a GPU, which small tiles leave idle."""


def free_memory(device: torch.device, *, root: Path = Path("/")) -> int:
    """Bytes that can still be had on a device.

    On the CPU this is what the kernel calls available, or what is left of a control group's limit where that is less.

    Args:
        device: where to compute.
        root: where ``proc`` and ``sys`` are mounted.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What torch holds in its cache and does not use is free for us.
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    known = [amount for amount in (_available(root), *_groups(root)) if amount is not None]
    return max(0, min(known)) if known else ASSUMED


def choose_tile(tile: TileSize, pixels: int, device: torch.device, pass_bytes: int = BYTES_PER_PIXEL) -> int | None:
    """The side of tiles to use for an image; None for no tiles.

    Args:
        tile: a size; ``"off"``; or ``"auto"``: none where the whole image fits into :data:`SHARE` of the free memory,
            else as large as fit into it, up to a size beyond which nothing is gained.
        pixels: of the image, times the images of a batch.
        device: where it will be computed.
        pass_bytes: what the pass takes, a pixel: the encoder knows it.

    Raises:
        InputError: for anything else.
    """
    check_tile(tile)
    if tile == "off":
        return None
    if tile != "auto":
        return int(tile)
    room = int(free_memory(device) * SHARE) // pass_bytes
    if pixels <= room:
        return None
    side = TILE_SIDE if device.type == "cpu" else GPU_TILE_SIDE
    while side > MIN_TILE and (side + 64) ** 2 > room:
        side //= 2
    return side


def _available(root: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(AttributeError, OSError, ValueError):  # a Mac tells only what it has
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return None


def _groups(root: Path) -> list[int]:
    """What is left of the limit of each control group that this process is in, of either version."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    left = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if controllers == "memory":
            base, files = "sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
        elif number == "0":
            base, files = "sys/fs/cgroup", ("memory.max", "memory.current", "")
        else:
            continue
        # Inside a container the path may be the host's, and the group itself at the root of the mount.
        folder = root / base / path.lstrip("/")
        for group in (folder, *folder.parents):
            left += _left(group, *files)
            if group == root / base:
                break
    return left


def _left(group: Path, limit: str, usage: str, prefix: str) -> list[int]:
    with contextlib.suppress(OSError, ValueError):  # no limit reads "max" or is no file
        free = int((group / limit).read_text()) - int((group / usage).read_text())
        # Pages of files are counted as used, and given back when memory is wanted.
        wanted = {f"{prefix}inactive_file", f"{prefix}active_file"}
        pairs = (line.split() for line in (group / "memory.stat").read_text().splitlines())
        return [free + sum(int(value) for name, value in pairs if name in wanted)]
    return []

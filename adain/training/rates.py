"""What a pair costs, and what a device can do: the two figures that say how well a run uses it."""

from __future__ import annotations

import time
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..nn.decoder import Decoder
from ..nn.folded import BaseDecoder
from ..nn.vgg import CONTENT_LAYER, VGGEncoder
from .config import TrainingConfig
from .networks import FastNet
from .objective import style_objective

GPU_SIDE, CPU_SIDE = 8192, 1024
"""Sides of the square matrices of :func:`matrix_rate`: large enough that nothing but arithmetic counts."""

REPEATS = 6
"""The fastest counts: the first one loads, and others may be at work on the machine."""


@cache
def pair_flops(config: TrainingConfig) -> int:
    """Floating-point operations of one pair in a step of style training, forwards and back.

    Convolutions and matrix products alone, an addition and a multiplication counted as two; nothing is computed.
    """
    meta = torch.device("meta")
    network: Decoder | FastNet
    if config.model == "fast":
        network = FastNet.fresh(0)
    else:
        network = Decoder() if config.model == "classic" else BaseDecoder()
    network = network.to(meta).requires_grad_(True)
    encoder = VGGEncoder(CONTENT_LAYER).to(meta).requires_grad_(False)
    teacher = BaseDecoder().to(meta) if config.teacher_weight > 0 else None
    taught = teacher if isinstance(network, FastNet) else network
    folded = None if taught is None else taught.network.folded
    images = torch.empty(1, 3, config.crop, config.crop, device=meta)
    identity = torch.empty(1, 1, 1, 1, device=meta)
    with FlopCounterMode(display=False) as counter:
        losses = style_objective(config, encoder, network, teacher, images, images, identity, folded=folded)
        losses.total.backward()  # type: ignore[no-untyped-call]
    return int(counter.get_total_flops())


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of a product of large matrices: on a GPU what no network can exceed."""
    side = CPU_SIDE if device.type == "cpu" else GPU_SIDE
    a = torch.randn(side, side, device=device).to(dtype)
    best = float("inf")
    for _ in range(REPEATS):
        synchronize(device)
        start = time.perf_counter()
        a @ a
        synchronize(device)
        best = min(best, time.perf_counter() - start)
    return 2.0 * side**3 / best


def synchronize(device: torch.device) -> None:
    """Wait until a device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()

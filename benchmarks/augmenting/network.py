"""A small network and its training, alike for all who are compared."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .digits import Digits

RATE, BATCH = 3e-3, 64

Augment = Callable[[Tensor], Tensor]


def build(classes: int = 10) -> nn.Sequential:
    """Three convolutions, each with batch normalisation and pooling, and the mean of what they find."""
    layers: list[nn.Module] = []
    for c_in, c_out in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


def train(
    pictures: Digits, seed: int, epochs: int, augment: Augment | None, told: Callable[[], object]
) -> nn.Sequential:
    """A network after so many epochs (Adam, one cycle of the rate); ``told`` is called after each."""
    torch.manual_seed(seed)
    network = build()
    count = len(pictures.labels)
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=epochs * -(-count // BATCH))
    for _ in range(epochs):
        order = torch.randperm(count)
        for start in range(0, count, BATCH):
            images, labels = pictures.part(order[start : start + BATCH])
            loss = cross_entropy(network(images if augment is None else augment(images)), labels)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
        told()
    return network.eval()


@torch.no_grad()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of pictures that are taken for what they are, in per cent."""
    found = torch.cat([network(images[start : start + 500]).argmax(dim=1) for start in range(0, len(images), 500)])
    return 100 * float((found == labels).float().mean())

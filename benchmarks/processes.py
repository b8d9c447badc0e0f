"""Processes that start anew, so that memory, threads and start-up of what they do are its own; free of torch."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Self, TypeVar

import click

T = TypeVar("T")


class WorkerError(click.ClickException):
    """What a process was asked for failed."""


class Process:
    """One such process; it starts at once, does one thing after the other, and imports what these need.

    Args:
        name: of what it does, for messages.
        environment: variables it starts with, beside those of this process.
    """

    def __init__(self, name: str, **environment: str) -> None:
        self.name = name
        self.pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
        own = dict(os.environ)
        os.environ.update(environment)
        try:
            self.pool.submit(os.getpid)
        finally:
            os.environ.clear()
            os.environ.update(own)

    def do(self, function: Callable[..., T], *arguments: object, what: str = "go on") -> T:
        """What a function of a module gives there; ``what`` it does, for messages.

        Raises:
            WorkerError: if it fails.
        """
        try:
            return self.pool.submit(function, *arguments).result()
        except BrokenProcessPool:
            raise WorkerError(f"{self.name} ended while it was asked to {what}") from None
        except Exception as error:
            raise WorkerError(f"{self.name} cannot {what}: {type(error).__name__}: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()

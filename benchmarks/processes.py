"""Processes of this package, so that memory, threads and start-up of what they do are its own; free of torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent


class WorkerError(click.ClickException):
    """Such a process failed; the message is its last line."""


def command(*arguments: object) -> list[str]:
    """How to start ``python -m benchmarks`` anew."""
    return [sys.executable, "-m", "benchmarks", *map(str, arguments)]


def environment(threads: int | None = None) -> dict[str, str]:
    """That of a process which finds this checkout, and every library in which uses so many threads."""
    own = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    return own if threads is None else own | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def default_threads() -> int:
    """What torch would take: OMP_NUM_THREADS, else a thread for each core this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    cores = getattr(os, "sched_getaffinity", None)
    return len(cores(0)) if cores else os.cpu_count() or 1


def run(*arguments: object, called: str, env: dict[str, str] | None = None) -> str:
    """What ``python -m benchmarks`` prints with these arguments.

    Args:
        called: what it does, for the message.
        env: by default that of :func:`environment`.

    Raises:
        WorkerError: if it fails.
    """
    done = subprocess.run(command(*arguments), env=env or environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise WorkerError(f"{called} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    return done.stdout

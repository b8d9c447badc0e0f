"""``adain info``: what a report of a fault should say about the machine and the installation."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import click

import adain
from adain._utils.errors import AdainError
from adain._utils.memory import free_memory
from adain._utils.resources import sample_folder, weights_dir

DISTRIBUTIONS = {
    **{
        name: (name,)
        for name in ("torch", "torchvision", "ncnn", "pillow", "numpy", "kornia", "onnxruntime", "av", "ray")
    },
    "opencv": ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
}
"""What adain uses, and the names under which it may be installed."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def info(as_json: bool) -> None:
    """Print versions, devices and models, for reports of faults.

    Nothing in it is personal: the home folder is written as ~. Every shipped file of weights is read and compared
    with its checksum.
    """
    record = describe()
    click.echo(json.dumps(record, ensure_ascii=False) if as_json else "\n".join(lines(record)))


def describe() -> dict[str, Any]:
    """Everything that is told; sizes in bytes, None for what is not installed or not known."""
    torch, problem = _torch()
    temporary = tempfile.gettempdir()
    return {
        "versions": {"adain": adain.__version__, "python": platform.python_version()}
        | {name: _version(names) for name, names in DISTRIBUTIONS.items()},
        "torch_problem": problem,
        "backend": _backend(),
        "platform": platform.platform(),
        "cpu": {"name": _cpu(), "cores": os.cpu_count(), "threads": torch.get_num_threads() if torch else None},
        "memory": {"total": _total_memory(), "free": free_memory()},
        "devices": _devices(torch) if torch else [],
        "models": _models(),
        "folders": {
            "package": shorten(Path(adain.__file__).parent),
            "weights": shorten(weights_dir()),
            "samples": shorten(sample_folder("style").parent),
        },
        "temporary": {"folder": shorten(temporary), "free": shutil.disk_usage(temporary).free},
    }


def lines(record: dict[str, Any]) -> list[str]:
    """The same for people."""
    cpu, memory = record["cpu"], record["memory"]
    rows = [(name, version or "not installed") for name, version in record["versions"].items()]
    if record["torch_problem"]:
        rows.append(("problem", record["torch_problem"]))
    threads = "" if cpu["threads"] is None else f", torch takes {cpu['threads']} threads"
    rows.append(("back end", record["backend"]))
    rows += [("platform", record["platform"]), ("cpu", f"{cpu['name']}, {cpu['cores']} cores{threads}")]
    rows.append(("memory", _room(memory["free"], memory["total"])))
    for device in record["devices"]:
        rows.append(("device", f"{device['device']}, {device['name']}, {_room(device['free'], device['total'])}"))
    rows += [("model", f"{each['model']} {each['part']}: {each['problem'] or 'good'}") for each in record["models"]]
    rows += list(record["folders"].items())
    rows.append(("temporary", f"{record['temporary']['folder']}, {_room(record['temporary']['free'], None)}"))
    width = max(len(name) for name, _ in rows)
    return [f"{name:{width}}  {text}" for name, text in rows]


def shorten(text: str | os.PathLike[str]) -> str:
    """A path, or a message with paths in it, with ``~`` for the home folder."""
    home = os.path.expanduser("~").rstrip(os.sep)
    return re.sub(rf"{re.escape(home)}(?![\w.-])", "~", os.fspath(text)) if os.path.isabs(home) else os.fspath(text)


def _version(names: tuple[str, ...]) -> str | None:
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return None


def _torch() -> tuple[Any, str | None]:
    """The module, or why it cannot be imported."""
    try:
        import torch
    except ModuleNotFoundError as error:
        return None, None if error.name == "torch" else shorten(str(error))
    except Exception as error:  # a library that does not load ends in any kind of error
        return None, shorten(" ".join(f"torch cannot be imported: {error}".split()))
    return torch, None


def _backend() -> str:
    """What computes the networks unless something else is asked for, or why that cannot be said."""
    from adain.backends import choose_backend
    from adain.options import ModelOptions

    try:
        return choose_backend(ModelOptions())
    except Exception as error:  # see above
        return shorten(" ".join(f"unknown: {error}".split()))


def _cpu() -> str:
    with contextlib.suppress(OSError, StopIteration):
        rows = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next(row.split(":", 1)[1].strip() for row in rows if row.startswith("model name"))
    return platform.processor() or platform.machine()


def _total_memory() -> int | None:
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _devices(torch: Any) -> list[dict[str, Any]]:
    """The devices beside the CPU."""
    found = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        found.append({"device": f"cuda:{index}", "name": name, "total": total, "free": free})
    if torch.backends.mps.is_available():
        total = torch.mps.recommended_max_memory()
        free = total - torch.mps.driver_allocated_memory()
        found.append({"device": "mps", "name": platform.machine(), "total": total, "free": free})
    return found


def _models() -> list[dict[str, Any]]:
    """Every file of every shipped model, and what is wrong with it."""
    from adain.nn import read_verified, registry

    try:
        models = registry()
    except AdainError as error:
        return [{"model": "manifest.json", "part": "", "file": None, "problem": shorten(str(error))}]
    found = []
    for name, model in models.items():
        for part, entry in model.parts():
            problem = None
            try:
                read_verified(entry)
            except (AdainError, OSError) as error:
                problem = shorten(str(error))
            found.append({"model": name, "part": part, "file": entry.file, "problem": problem})
    return found


def _room(free: int | None, total: int | None) -> str:
    known = [f"{size / 1e9:.1f} GB {what}" for size, what in ((total, "in all"), (free, "free")) if size is not None]
    return ", ".join(known) or "unknown"

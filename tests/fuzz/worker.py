"""A process that runs commands of ``adain`` one after the other, and says what each has left on its two streams.

The streams are those of the system, so that what a library in C writes is seen, too. Run as ``python -m
tests.fuzz.worker``; a line of JSON with arguments comes in, and one with what became of them goes out.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import resource
import sys
import tempfile
import traceback
from typing import Any


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    streams = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115  # for as long as the process lives
    for number, stream in enumerate(streams, 1):
        os.dup2(stream.fileno(), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))

    from adain.backends import models
    from adain.batch import order
    from adain.cli import main as command
    from adain.video import stylize

    # The networks are read once: they are not what is tried here.
    opened = functools.cache(lambda text: models.open_model(models.ModelOptions.from_json(text)))

    def open_model(options: Any, **_: Any) -> Any:
        return opened(models.ModelOptions.of(options).to_json())

    order.open_model = stylize.open_model = open_model  # type: ignore[assignment]
    print(json.dumps({"peak": _peak()}), file=answers, flush=True)
    for line in sys.stdin:
        code: Any = None
        try:
            command(json.loads(line), prog_name="adain")
        except SystemExit as end:
            code = end.code or 0
        except BaseException:  # what a user would see
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        told = {"code": code, "peak": _peak()}
        for name, stream in zip(("out", "err"), streams, strict=True):
            stream.seek(0)
            told[name] = stream.read().decode("utf-8", "replace")
            stream.seek(0)
            stream.truncate()
        print(json.dumps(told), file=answers, flush=True)


def _peak() -> int:
    """Most memory that this process has had, in bytes."""
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="utf-8") as status:
        # What the other way says begins with what the process had that started this one.
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()

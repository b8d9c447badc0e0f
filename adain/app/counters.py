"""What is counted while the page is served, as ``/metrics`` tells it: plain text, in the format of Prometheus."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable

Labels = tuple[tuple[str, str], ...]


class Counters:
    """Sums that only grow, and gauges that are read when they are asked for; safe between threads.

    >>> counters = Counters()
    >>> counters.add("adain_requests_total", status=200)
    >>> print(counters.text(), end="")
    # TYPE adain_requests_total counter
    adain_requests_total{status="200"} 1
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[str, dict[Labels, float]] = defaultdict(dict)
        self._gauges: dict[str, Callable[[], float]] = {}

    def add(self, name: str, amount: float = 1, /, **labels: object) -> None:
        """Add to a sum; labels are few and of few values each, as each combination is a sum of its own."""
        key = tuple(sorted((label, str(value)) for label, value in labels.items()))
        with self._lock:
            self._sums[name][key] = self._sums[name].get(key, 0) + amount

    def gauge(self, name: str, read: Callable[[], float]) -> None:
        """What ``read`` gives is told as it is then."""
        with self._lock:
            self._gauges[name] = read

    def get(self, name: str, /, **labels: object) -> float:
        """A sum as it stands, over all labels that are not given."""
        wanted = {(label, str(value)) for label, value in labels.items()}
        with self._lock:
            return sum(value for key, value in self._sums.get(name, {}).items() if wanted <= {*key})

    def text(self) -> str:
        """All of it, a line each."""
        with self._lock:
            sums = {name: dict(values) for name, values in self._sums.items()}
            gauges = dict(self._gauges)
        lines = []
        for name, values in sorted(sums.items()):
            lines.append(f"# TYPE {name} counter")
            lines += [f"{name}{_braces(labels)} {value:.15g}" for labels, value in sorted(values.items())]
        for name, read in sorted(gauges.items()):
            lines += [f"# TYPE {name} gauge", f"{name} {read():.15g}"]
        return "".join(f"{line}\n" for line in lines)


def _braces(labels: Labels) -> str:
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for name, value in labels}
    inner = ",".join(f'{name}="{value}"' for name, value in quoted.items())
    return f"{{{inner}}}" if inner else ""

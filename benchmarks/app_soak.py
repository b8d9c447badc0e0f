"""Hours of people at ``adain app``, in minutes: four clients that upload, preview, finish and cancel."""

from __future__ import annotations

import io
import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .measuring import square
from .serving import Answer, Server

CLIENTS = 4

MOST_GROWTH = 1.1
"""Of memory, from the second quarter of the time to the last."""

STYLES = ("gallery-great-wave", "gallery-moulin-galette", "gallery-composition-viii")

BUSY = 429
SUPERSEDED = 409


class Client(threading.Thread):
    """Somebody who does one thing after another, by chance; the same ones for the same seed."""

    def __init__(self, server: Server, seed: int, end: float) -> None:
        super().__init__(daemon=True)
        self.server, self.end = server, end
        self.random = random.Random(seed)
        self.seed, self.slot = seed, f"client {seed}"
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self.content = ""

    def run(self) -> None:
        ways: tuple[Callable[[], None], ...] = (self.upload, self.mask, self.drag, self.finish, self.cancel)
        self.upload()
        while time.monotonic() < self.end:
            way = self.random.choices((self.preview, *ways), (12, 1, 2, 4, 2, 2))[0]
            try:
                way()
            except Exception as error:  # what is told in the report, whatever it is
                self.faults.append(f"{way.__name__}: {type(error).__name__}: {error}")
            self.done[way.__name__] += 1

    def ask(self, wanted: set[int], method: str, target: str, body: object = None) -> Answer:
        answer = self.server.ask(method, target, body)
        if answer.status not in wanted:
            self.faults.append(f"{method} {target}: {answer.status} {answer.body[:200].decode(errors='replace')}")
        return answer

    def picture(self, mode: str = "RGB") -> bytes:
        """A sample, of another size each time."""
        data = io.BytesIO()
        square(self.random.randrange(120, 360)).convert(mode).save(data, "PNG")
        return data.getvalue()

    def order(self, **changes: object) -> dict[str, object]:
        alpha = round(self.random.uniform(0.2, 1), 3)
        return {
            "content": self.content, "styles": [self.random.choice(STYLES)], "options": {"alpha": alpha},
            "preview": True, "slot": self.slot, **changes,
        }  # fmt: skip

    def upload(self) -> None:
        """Another photograph in place of the last one."""
        if self.content:
            self.ask({204}, "DELETE", f"/contents/{self.content}")
        self.content = self.ask({201}, "POST", f"/contents?name=photo-{self.seed}.png", self.picture()).json["id"]
        self.ask({200}, "GET", f"/contents/{self.content}/picture?size=128")

    def preview(self) -> None:
        """A slider's move."""
        answer = self.ask({200, SUPERSEDED, BUSY}, "POST", "/stylize", self.order())
        self.done[f"preview {answer.status}"] += 1

    def drag(self) -> None:
        """A slider drawn faster than previews are made: the newest is made whatever becomes of the others."""
        orders = [self.order() for _ in range(4)]
        with ThreadPoolExecutor(len(orders)) as pool:
            answers = list(pool.map(lambda order: self.ask({200, SUPERSEDED, BUSY}, "POST", "/stylize", order), orders))
        self.done.update(f"preview {answer.status}" for answer in answers)
        if not {200, BUSY} & {answer.status for answer in answers}:
            self.faults.append("drag: nothing was made")

    def mask(self) -> None:
        """A preview of two styles by masks."""
        # The same bytes under the same name are the same upload, so each name is of one client.
        names = [f"/masks?name=mask-{self.seed}-{k}.png" for k in range(2)]
        ids = [self.ask({201}, "POST", name, self.picture("L")).json["id"] for name in names]
        options = {"masks": ids, "feather": 4}
        order = self.order(styles=list(STYLES[:2]), options=options)
        self.ask({200, SUPERSEDED, BUSY}, "POST", "/stylize", order)
        for each in ids:
            self.ask({204}, "DELETE", f"/masks/{each}")

    def job(self) -> str:
        """One that is begun; empty, where there are too many."""
        answer = self.ask({202, BUSY}, "POST", "/stylize", self.order(preview=False))
        self.done[f"finish {answer.status}"] += 1
        return str(answer.json["job"]) if answer.status == 202 else ""

    def finish(self) -> None:
        """A picture, waited for, fetched and forgotten."""
        if not (job := self.job()):
            return
        while True:
            state = self.ask({200}, "GET", f"/jobs/{job}").json
            if state["state"] not in ("waiting", "working"):
                break
            time.sleep(0.05)
        if state["state"] != "done":
            self.faults.append(f"job: {state}")
        elif not self.ask({200}, "GET", f"/jobs/{job}/result").body.startswith(b"\x89PNG"):
            self.faults.append(f"job: no PNG, {state}")
        self.ask({204}, "DELETE", f"/jobs/{job}")

    def cancel(self) -> None:
        """A picture that is not wanted after all."""
        if job := self.job():
            time.sleep(self.random.uniform(0, 0.3))
            self.ask({204}, "DELETE", f"/jobs/{job}")


def soak(folder: Path, minutes: float, say: Callable[[str], None]) -> dict[str, Any]:
    """So long a time of that: what was done, what went wrong, and memory all along."""
    with Server(folder, "--model", "fast", "--preview-size", 256, "--keep", 64) as server:
        began = time.monotonic()
        end = began + 60 * minutes
        clients = [Client(server, seed, end) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        memory = []
        pause = min(10.0, 60 * minutes / 24)
        while time.monotonic() < end:
            time.sleep(pause)
            memory.append((round(time.monotonic() - began, 1), round(server.memory / 1e6, 1)))
            say(f"{memory[-1][0]:.0f} s, {memory[-1][1]:.0f} MB, {sum(len(each.faults) for each in clients)} faults")
        for client in clients:
            client.join(60)
        files = len(server.files)
        stopped = server.stop()
        log = server.log
        left = len(server.files)
    faults = [fault for client in clients for fault in client.faults]
    quarter = max(1, len(memory) // 4)
    second, last = (
        statistics.median(size for _, size in part) for part in (memory[quarter : 2 * quarter], memory[-quarter:])
    )
    return {
        "minutes": minutes,
        "clients": CLIENTS,
        "done": dict(sorted(sum((client.done for client in clients), Counter[str]()).items())),
        "faults": faults[:20],
        "number_of_faults": len(faults),
        "log": log.splitlines()[-20:] if faults else [],
        "tracebacks": log.count("Traceback"),
        "memory_mb": memory,
        "second_quarter_mb": second,
        "last_quarter_mb": last,
        "growth": round(last / second, 3),
        "files_at_the_end": files,
        "files_after_stop": left,
        "stop_s": round(stopped, 2),
        "is_met": not faults and "Traceback" not in log and last <= MOST_GROWTH * second and left == 0,
    }

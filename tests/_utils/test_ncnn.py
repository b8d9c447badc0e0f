"""ncnn is imported once, whole and with what it looks for, however many ask."""

from __future__ import annotations

import os
from pathlib import Path

from tests.conftest import python


def test_who_asks_while_another_imports_it_waits(tmp_path: Path) -> None:
    """Requests of a page that has just been started come at once."""
    (tmp_path / "ncnn.py").write_text("import os, time\ntime.sleep(0.5)\nspins = os.environ['GOMP_SPINCOUNT']\n")
    found = python(
        "import json, os\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from adain._utils.ncnn import require_ncnn\n"
        "os.environ.pop('GOMP_SPINCOUNT', None)\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        "    spins = list(pool.map(lambda _: require_ncnn().spins, range(4)))\n"
        "print(json.dumps({'spins': spins, 'left': os.environ.get('GOMP_SPINCOUNT')}))",
        PYTHONPATH=os.fspath(tmp_path),
    )
    assert found == {"spins": ["0"] * 4, "left": None}

"""Build kernel.wasm and kernel-relaxed.wasm from kernel.c, beside it or in another folder.

    pip install ziglang==0.15.2
    python adain/app/web/kernel/build.py [FOLDER]

The compiler is the clang of that package, which any computer can install, so that all get the same bytes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE, VERSION = "ziglang", "0.15.2"

FEATURES = ("simd128", "atomics", "bulk_memory", "mutable_globals")
BINARIES = {"kernel.wasm": (), "kernel-relaxed.wasm": ("relaxed_simd",)}

# What zig adds for safety is taken away: overflow is not looked for, and there is nothing to protect a stack with.
COMPILE = ("-O3", "-g0", "-ffreestanding", "-fno-sanitize=undefined", "-fno-stack-protector", "-Wall", "-Wextra")

# Memory is the page's, so that threads can share it. The stack lies before everything else: one that is used up ends
# the thread, and overwrites nothing. The page gives each thread a stack of its own.
LINK = (
    *("--import-memory", "--shared-memory", "--max-memory=4294967296"),
    *("--stack-first", "-z", "stack-size=65536", "--export=__stack_pointer"),
    *("--export=__heap_base", "--no-entry", "--strip-all"),
)


def build(folder: Path) -> None:
    """Write both binaries into ``folder``."""
    with tempfile.TemporaryDirectory() as scratch:
        env = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": scratch, "ZIG_LOCAL_CACHE_DIR": scratch}

        def zig(*arguments: str) -> None:
            subprocess.run([sys.executable, "-m", PACKAGE, *arguments], check=True, env=env)

        for name, more in BINARIES.items():
            compiled = Path(scratch, name).with_suffix(".o")
            cpu = "+".join(("-mcpu=generic", *FEATURES, *more))
            relaxed = ["-DRELAXED"] if more else []
            source = str(HERE / "kernel.c")
            zig("cc", "-target", "wasm32-freestanding", cpu, *relaxed, *COMPILE, "-c", source, "-o", str(compiled))
            zig("wasm-ld", *LINK, str(compiled), "-o", str(folder / name))
            (folder / name).chmod(0o644)


def main() -> None:
    try:
        found = version(PACKAGE)
    except PackageNotFoundError:
        found = None
    if found != VERSION:
        sys.exit(f"needs {PACKAGE} {VERSION}, and {found or 'none'} is installed: pip install {PACKAGE}=={VERSION}")
    build(Path(*sys.argv[1:2]) if len(sys.argv) > 1 else HERE)


if __name__ == "__main__":
    main()

"""``python -m adain``."""

from __future__ import annotations

import importlib

if __name__ == "__main__":
    # By name, because a type checker sees this folder without the command line beside it.
    importlib.import_module("adain.cli").main(prog_name="adain")

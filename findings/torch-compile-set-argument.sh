#!/usr/bin/env bash
# torch: torch.compile refuses a function that makes a set of a set it is given.
#
# Versions: torch 2.11.0 (CPU), NumPy 2.4.6, Python 3.11.
# Expected: set(names) is a set of the names, whatever holds them, as without torch.compile and as torch 2.14.1 has it.
# Seen:     AssertionError ("assert source is None" in torch/_dynamo/variables/base.py) where names is a set. A tuple, a
#           list, a frozenset and a dict are taken.
#
# Fails when that changes. Needs python3 with venv, and about 6 GB of disk if the index has CUDA builds alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.11.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch


def chosen(x, names):
    wanted = set(names)
    return {name: factor * x for factor, name in enumerate(("a", "b", "c")) if name in wanted}


print(f"torch {torch.__version__}")
names = ("a", "b")
refused = []
for given in (names, list(names), set(names), frozenset(names), dict.fromkeys(names)):
    kind = type(given).__name__
    torch._dynamo.reset()
    assert list(chosen(torch.ones(2), given)) == ["a", "b"]
    try:
        found = list(torch.compile(chosen, backend="eager")(torch.ones(2), given))
    except AssertionError as error:
        refused.append(kind)
        found = type(error).__name__
    print(f"{kind}: {found}")
if refused != ["set"]:
    raise SystemExit("this has changed")
print("as found: a set is refused")
PYTHON

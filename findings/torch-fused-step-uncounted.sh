#!/usr/bin/env bash
# torch: a fused optimiser changes the weights without counting up their version, so that autograd takes them for unchanged.
#
# Versions: torch 2.14.1, Python 3.11; on a CPU.
# Expected: a graph whose weights were changed in place since it was built cannot be gone back through: "one of the
#           variables needed for gradient computation has been modified by an inplace operation".
# Seen:     Adam, AdamW and SGD say so with foreach=True and foreach=False. With fused=True tensor._version stays as it
#           was, nothing is said, and the gradient is that of the new weights: 4 for w ** 2 at w = 3 after a step of 1,
#           where it was 6.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.14.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import torch

print(f"torch {torch.__version__}")
for kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD):
    for how in ({"foreach": False}, {"foreach": True}, {"fused": True}):
        weight = torch.nn.Parameter(torch.tensor([3.0]))
        options = {} if kind is torch.optim.SGD else {"weight_decay": 0.0}
        optimizer = kind([weight], lr=1.0, **options, **how)
        loss = (weight**2).sum()
        weight.grad = torch.ones(1)
        version = weight._version
        optimizer.step()
        counted = weight._version - version
        try:
            (gradient,) = torch.autograd.grad(loss, weight)
            told, value = False, float(gradient)
        except RuntimeError as error:
            told, value = "modified by an inplace operation" in str(error), None
        print(f"{kind.__name__} {how}: weight {float(weight.detach()):.3f}, counted {counted}, told {told}, gradient {value}")
        if "fused" in how:
            right = not told and counted == 0 and abs(value - 4) < 1e-3
        else:
            right = told and counted > 0
        if not right:
            raise SystemExit("this has changed")
print("as found: a fused step is not counted, and a gradient of before is given with the weights of after")
PYTHON

#!/usr/bin/env bash
# onnxruntime: ReduceMean over two axes is a running sum in float32, which is off by hundredths for large flat tensors.
#
# Versions: onnxruntime 1.30.0 (CPU), onnx 1.23.0, NumPy 2.4.6.
# Expected: the mean of a constant is the constant to about 1e-6, as NumPy has it in float32 (pairwise sums), and as
#           onnxruntime itself has it where the mean is taken along one axis and then along the other.
# Seen:     of 0.1 in 4096 x 4096 it is off by more than a hundredth; instance norms of large flat pictures go astray.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q onnxruntime==1.30.0 onnx==1.23.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper


def mean(x, *steps):
    """ReduceMean along the axes of each step, one node after the other."""
    names = ["x", *(f"step{k}" for k in range(1, len(steps))), "y"]
    nodes = [
        helper.make_node("ReduceMean", [names[k]], [names[k + 1]], axes=axes, keepdims=1) for k, axes in enumerate(steps)
    ]
    tensors = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, None, None])] for name in ("x", "y")]
    graph = helper.make_graph(nodes, "mean", *tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return float(session.run(None, {"x": x})[0].ravel()[0])


print(f"onnxruntime {onnxruntime.__version__}")
for side in (256, 1024, 4096):
    x = np.full((1, 1, side, side), 0.1, np.float32)
    right = float(x[0, 0, 0, 0])
    errors = [abs(found / right - 1) for found in (float(x.mean()), mean(x, [2, 3]), mean(x, [3], [2]))]
    print(f"{side} x {side}: off by {errors[0]:.1e} in NumPy, {errors[1]:.1e} at once, {errors[2]:.1e} axis by axis")
if not (errors[0] < 1e-5 and errors[1] > 1e-2 and errors[2] < 1e-4):
    raise SystemExit("this has changed")
print("as found: a mean over two axes is a running sum")
PYTHON

#!/usr/bin/env bash
# ncnn: a Mat made of a NumPy array gives a GPU other numbers than the CPU, unless a channel fills whole 16 bytes.
#
# Versions: ncnn 1.0.20261020, NumPy 2.4.6, Python 3.11; Vulkan by Mesa 22.3.6 (llvmpipe), Debian 12.
# Expected: a network that only copies (reflecting padding, fp16 switched off) gives the same with
#           use_vulkan_compute as without.
# Seen:     ncnn.Mat(array) has a channel begin where the array's does (cstep = w * h), and the upload to the GPU takes
#           every channel to begin at a multiple of 16 bytes. With w * h a multiple of 4 all is well; with others, all
#           channels but the first are shifted, without an error. ncnn.Mat(array).clone() is right.
#
# Fails when that changes. Needs python3 with venv, and a driver for Vulkan, such as Debian's mesa-vulkan-drivers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q ncnn==1.0.20261020 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import os

import ncnn
import numpy as np

if not ncnn.get_gpu_count():
    raise SystemExit("no driver for Vulkan: install one, such as Debian's mesa-vulkan-drivers")
print(f"ncnn {ncnn.__version__} on {ncnn.get_gpu_info(0).device_name()}")
GRAPH = "7767517\n2 2\nInput in 0 1 in\nPadding pad 1 1 in out 0=1 1=1 2=1 3=1 4=2\n"


def run(values, gpu, copy):
    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_vulkan_compute = gpu
    assert net.load_param_mem(GRAPH) == 0
    assert net.load_model(os.devnull) == 0  # no layer here has weights
    extractor = net.create_extractor()
    mat = ncnn.Mat(values)
    extractor.input("in", mat.clone() if copy else mat)
    code, result = extractor.extract("out")
    assert code == 0
    return np.array(result)


found = {}
for height, width in ((4, 8), (5, 7)):
    values = np.arange(3 * height * width, dtype=np.float32).reshape(3, height, width)
    right = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="reflect")
    for name, gpu, copy in (("CPU", False, False), ("GPU", True, False), ("GPU, clone()", True, True)):
        off = [float(np.abs(each).max()) for each in run(values, gpu, copy) - right]
        found[height * width, name] = max(off) == 0.0
        print(f"{height} x {width}, {name}: largest error of each channel {off}")
wanted = {(n, name): not (n == 35 and name == "GPU") for n, name in found}
if found != wanted:
    raise SystemExit("this has changed")
print("as found: only an array whose channels are no multiple of 16 bytes is wrong, on the GPU, and its copy is right")
PYTHON

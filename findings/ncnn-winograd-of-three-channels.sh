#!/usr/bin/env bash
# ncnn: a first convolution, of 3 colours, is the slower for being computed by Winograd's algorithm, which it is by default.
#
# Versions: ncnn 1.0.20261020, NumPy 2.4.6, Python 3.11; an AMD EPYC with AVX2, one thread.
# Expected: of two ways to compute a convolution, 3 x 3 from 3 to 64 channels at 144 x 144, the default is no slower than
#           the other: Winograd's algorithm saves multiplications, but its transforms cost 64 times as many channels out.
# Seen:     the default takes 1.4 to 1.7 times as long as with use_winograd_convolution off (from 3 to 16 channels 1.8);
#           from 64 to 64 channels it takes half as long. A layer is told apart by the setting 31=64 of its line.
#
# Fails when that changes. Needs python3 with venv, and a processor with AVX2; the ratio is of medians taken in turns.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q ncnn==1.0.20261020 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import statistics
import struct
import time

import ncnn
import numpy as np

print(f"ncnn {ncnn.__version__}, NumPy {np.__version__}")
generator = np.random.default_rng(0)
LEAST = 1.2


def network(c_in, c_out, setting):
    weight = generator.standard_normal((c_out, c_in, 3, 3)).astype("<f4")
    with open("weights.bin", "wb") as file:
        file.write(struct.pack("<I", 0) + weight.tobytes() + np.zeros(c_out, "<f4").tobytes())
    net = ncnn.Net()
    net.opt.num_threads = 1
    line = f"Convolution conv 1 1 in out 0={c_out} 1=3 4=1 5=1 6={weight.size} 9=1 {setting}"
    assert net.load_param_mem(f"7767517\n2 2\nInput in 0 1 in\n{line}\n") == 0
    assert net.load_model("weights.bin") == 0
    return net


def seconds(net, values):
    extractor = net.create_extractor()
    extractor.input("in", ncnn.Mat(values))
    start = time.perf_counter()
    code, _ = extractor.extract("out")
    assert code == 0
    return time.perf_counter() - start


found = {}
for c_in, c_out in ((3, 64), (64, 64)):
    values = generator.random((c_in, 144, 144), np.float32)
    nets = {name: network(c_in, c_out, setting) for name, setting in (("default", ""), ("direct", "31=64"))}
    times = {name: [] for name in nets}
    for _ in range(60):
        for name, net in nets.items():
            times[name].append(seconds(net, values))
    default, direct = (statistics.median(times[name]) for name in nets)
    found[c_in] = default / direct
    print(f"{c_in} to {c_out} channels: {1e3 * default:.2f} ms, without Winograd {1e3 * direct:.2f} ms: {found[c_in]:.2f} x")
if not (found[3] > LEAST and found[64] < 1 / LEAST):
    raise SystemExit("this has changed")
print("as found: by default 3 channels are convolved the slower way, and 64 the quicker one")
PYTHON

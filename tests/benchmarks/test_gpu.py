"""The benchmark ``gpu``: rehearsed on a CPU, with what CUDA alone does left to a GPU or to stand-ins."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from adain import Style, Stylizer
from adain.nn.layers import BASE, CLASSIC, FAST
from benchmarks import gpu, gpu_clock, gpu_stylise
from benchmarks.gpu_floors import COPY, Floors, convolutions, flops_of, numbers_of, widest
from benchmarks.gpu_parts import NO_ROOM, Deadline, Part, carry_out
from benchmarks.gpu_report import write
from benchmarks.gpu_stylise import Case, opened, stylised
from benchmarks.gpu_targets import targets

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread")

FEW = (
    "--device", "cpu", "--precisions", "fp32", "--each", 0, "--sizes", "32x24", "--batches", "1,2",
    "--tiled-size", "96x64", "--tiles", "64,off", "--crop", 32, "--pairs", 1, "--steps", 2,
)  # fmt: skip


def call(*args: object) -> Result:
    return CliRunner().invoke(gpu.main, [str(arg) for arg in args])


def style_of(stylizer: Stylizer) -> Style:
    return Style(torch.zeros(1, stylizer.channels, 1, 1), torch.ones(1, stylizer.channels, 1, 1))


@pytest.mark.parametrize("model", ["vgg19", "fast"])
@pytest.mark.parametrize(("width", "height"), [(64, 48), (70, 45)])
def test_operations_are_those_of_a_pass(model: str, width: int, height: int) -> None:
    stylizer = Stylizer.from_pretrained(model, device="cpu", precision="fp32")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        stylizer(torch.rand(1, 3, height, width), style_of(stylizer))
    assert flops_of(stylizer.decoder.network, width, height) == counter.get_total_flops()


def test_floors() -> None:
    first, *_, last = convolutions(CLASSIC, 16, 8)
    assert first == ("conv1_1", 2 * 9 * 3 * 64 * 128, 3 * 128, 64 * 128)
    assert last == ("conv1_1", 2 * 9 * 64 * 3 * 128, 64 * 128, 3 * 128)
    assert numbers_of(CLASSIC, 16, 8) == sum(each.reads + each.writes for each in convolutions(CLASSIC, 16, 8))
    assert flops_of(BASE, 16, 8) - flops_of(CLASSIC, 16, 8) == 2 * 256 * 256 * 4 * 2  # the finer layer's convolution
    assert widest(FAST, 16, 8) == 16 * 128
    rates = {"bf16": 1e12, COPY: 1e12}
    assert Floors.of(2e9, 3e9, "bf16", rates) == (2.0, 6.0)
    assert Floors.of(2e9, 3e9, "bf16", rates).higher == 6.0
    assert Floors.of(2e9, 3e9, "fp32", {}).higher is None


@pytest.mark.parametrize("model", ["vgg19", "fast"])
def test_a_graph_can_hold_a_pass(model: str) -> None:
    """Nothing asks a device for a number, and nothing comes from the host: neither goes into a CUDA graph."""

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            tensors = [arg for arg in args if isinstance(arg, Tensor)]
            assert all(tensor.is_meta for tensor in tensors), func
            return func(*args, **(kwargs or {}))

    stylizer = Stylizer.from_pretrained(model, device="cpu", precision="bf16").to("meta")
    style = style_of(stylizer)
    pixels = torch.empty(2, 3, 32, 32, device="meta").contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        work = gpu_stylise.prepared("eager", stylizer, style.to("meta"), pixels)
        with Watch():
            assert work().shape == pixels.shape


@pytest.mark.parametrize("model", ["vgg19", "fast"])
def test_a_compiler_sees_a_pass_as_one(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **how: compiler(f, backend="eager", fullgraph=True, **how))
    stylizer, pixels = Stylizer.from_pretrained(model, device="cpu", precision="fp32"), torch.rand(2, 3, 24, 32)
    style = style_of(stylizer)
    with torch.inference_mode():
        made = gpu_stylise.prepared("compile", stylizer, style, pixels)()
        assert float((made - stylizer(pixels, style)).abs().max()) < 1e-4
    torch.compiler.reset()


def test_what_is_replayed_is_of_the_pixels_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of calls, with stand-ins for what a CPU does not have."""
    done: list[str] = []

    class Stream:
        def __init__(self, *_: object) -> None: ...

        def wait_stream(self, other: object) -> None:
            done.append("wait")

    class Graph:
        def replay(self) -> None:
            done.append("replay")

    @contextlib.contextmanager
    def within(what: object) -> Any:
        done.append(f"in {type(what).__name__}")
        yield
        done.append("out")

    for name, value in {
        "Stream": Stream, "current_stream": Stream, "CUDAGraph": Graph, "stream": within, "graph": within,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, value)

    class OnCuda(torch.Tensor):
        device = torch.device("cuda")  # type: ignore[assignment]

    pixels = torch.ones(1, 3, 2, 2).as_subclass(OnCuda)
    replay = gpu_stylise.captured(lambda: done.append("work") or pixels, pixels)
    pixels.zero_()
    assert replay() is pixels
    assert bool((pixels == 1).all())
    works = ["work"] * gpu_stylise.WARM_UP
    assert done == ["wait", "in Stream", *works, "out", "wait", "in Graph", "work", "out", "replay"]


def test_what_fails_is_a_row_and_what_is_late_is_named() -> None:
    def fails() -> dict[str, Any]:
        raise RuntimeError("no such kernel\nat line 3")

    def is_large() -> dict[str, Any]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    told: list[int] = []
    parts = [
        Part("late", "x", {}, dict, rank=9.0, needs=1e9),
        Part("good", "x", {"of": 1}, lambda: {"figure": 2}, rank=3.0),
        Part("bad", "x", {"of": 3}, fails),
        Part("large", "x", {}, is_large, rank=1.0),
    ]
    found = carry_out(parts, Deadline(60), lambda found: told.append(len(found.rows)))
    assert [row["part"] for row in found.rows] == ["bad", "large", "good"]
    assert [row.get("error") for row in found.rows] == ["RuntimeError: no such kernel", NO_ROOM, None]
    assert found.rows[2]["figure"] == 2
    assert found.rows[0]["of"] == 3
    assert (found.left_out, told) == (["late"], [1, 2, 3])


def test_an_interrupt_ends_it_with_what_there_is() -> None:
    def stops() -> dict[str, Any]:
        raise KeyboardInterrupt

    parts = [Part("one", "x", {}, dict), Part("two", "x", {}, stops), Part("three", "x", {}, dict)]
    found = carry_out(parts, Deadline(60))
    assert ([row["part"] for row in found.rows], found.left_out) == (["one"], ["two", "three"])


def test_a_part_that_takes_too_long_is_ended() -> None:
    def lasts() -> dict[str, Any]:
        with contextlib.suppress(Exception):  # as a compiler would
            time.sleep(600)
        return {}

    parts = [
        Part("one", "x", {}, dict, needs=0.0),
        Part("two", "x", {}, lasts, needs=0.0),
        Part("three", "x", {}, dict),
    ]
    found = carry_out(parts, Deadline(1.5))
    assert ([row["part"] for row in found.rows], found.left_out) == (["one"], ["two", "three"])


def test_a_clock_takes_rounds() -> None:
    calls: list[int] = []
    times = gpu_clock.paced(lambda: calls.append(1), CPU, 0.0)
    assert len(times) == gpu_clock.ROUNDS
    assert len(calls) == 2 + gpu_clock.ROUNDS
    assert min(times) >= 0


def row_of(case: Case, ms: float, **more: Any) -> dict[str, Any]:
    about = {"part": case.name, "kind": "stylise", **case._asdict()}
    each = ms / case.batch
    return {**about, "ms": [each, each, 2 * each], "per_second": 1e3 / each, **more}


def test_targets() -> None:
    assert {each.verdict for each in targets([])} == {"not measured"}
    base = "vgg19", "bf16"
    rows = [
        row_of(Case(*base, "eager", 512, 512, 8), 20.0),
        row_of(Case(*base, "tuned", 512, 512, 8), 8.0),
        row_of(Case(*base, "eager", 512, 512, 1), 1.0, greatest=9e-3),
        row_of(Case(*base, "graph", 512, 512, 1), 5.0, greatest=2e-2),
        row_of(Case("fast", "bf16", "eager", 3840, 2160, 1), 9.0),
        row_of(Case("fast", "fp32", "eager", 512, 512, 1), 9.0, greatest=9e-4),
        row_of(Case("fast", "fp32", "exact", 512, 512, 1), 9.0, greatest=1.0),
        {"kind": "stylise", "error": NO_ROOM, **Case("fast", "bf16", "graph", 3840, 2160, 8)._asdict()},
    ]
    found = targets(rows)
    assert [each.verdict for each in found] == [
        "pass", "FAIL", "pass", "FAIL", "not measured", "not measured", "pass"
    ]  # fmt: skip
    assert found[0].what.endswith("(tuned, batch 8)")
    assert found[1].found is not None
    assert found[1].found.median == 5.0


def test_the_most_important_comes_first() -> None:
    settings = {
        "models": ["vgg19", "fast"], "precisions": ["bf16", "fp32"], "ways": list(gpu_stylise.WAYS),
        "sizes": [(512, 512), (1920, 1080), (3840, 2160)], "batches": [1, 8],
    }  # fmt: skip
    parts = sorted(gpu.of_stylising(CPU, settings, 0.5), key=lambda part: part.rank)
    names = [part.name for part in parts]
    ways = "eager", "graph"
    wanted = {f"vgg19 512x512, batch {batch}, {p}, {way}" for batch in (1, 8) for p in ("bf16", "fp32") for way in ways}
    wanted |= {f"fast 3840x2160, batch {batch}, bf16, {way}" for batch in (1, 8) for way in ways}
    assert wanted <= set(names[:16])
    # Feature maps that kernels may count wrongly, and fail by: nothing is to come after them.
    assert {name.split(",")[0] for name in names[-8:]} == {"vgg19 3840x2160"}
    assert all("batch 8" in name for name in names[-8:])


def test_without_a_gpu_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = call()
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.endswith("run this on a machine with a GPU of CUDA, or rehearse it with --device cpu")


def test_no_time_leaves_all_out_by_name(tmp_path: Path) -> None:
    said = json.loads(call(*FEW, "--seconds", 0, "--json", "--out", tmp_path).stdout)
    assert said["rows"] == []
    assert "fast 32x24, batch 2, fp32, tuned" in said["left_out"]
    assert "training of vgg19, batch 1, compiled" in said["left_out"]
    text = (tmp_path / "gpu-rehearsal.md").read_text()
    assert text == write(said)
    assert "* rate of copies" in text
    fewer = json.loads(call(*FEW, "--seconds", 0, "--json", "--only", "tiles", "--out", tmp_path).stdout)
    assert fewer["left_out"][1:] == [
        "rate of copies", *(f"{m} 96x64 in tiles of {tile}" for m in ("vgg19", "fast") for tile in (64, "off"))
    ]  # fmt: skip


def test_a_rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(*_: object) -> float:
        return 1e12

    for name in ("rate_of", "copy_rate"):
        monkeypatch.setattr(gpu, name, small)
    result = call(*FEW, "--models", "fast", "--ways", "eager,graph,exact", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "gpu-rehearsal.json").read_text())
    assert found["left_out"] == []
    rows = {row["part"]: row for row in found["rows"]}
    errors = {name: row["error"] for name, row in rows.items() if "error" in row}
    assert set(errors) == {f"fast 32x24, batch {batch}, fp32, graph" for batch in (1, 2)}
    assert set(errors.values()) == {"InputError: a CUDA graph needs a device of CUDA"}
    for name in ("fast 32x24, batch 2, fp32, eager", "fast 32x24, batch 1, fp32, exact"):
        assert rows[name]["greatest"] < 1e-4
        assert rows[name]["flops"] == flops_of(FAST, 32, 24)
    run = rows["training of fast, batch 1"]
    assert run["steps"] == 3
    assert 0 < run["rate_share"] < 1
    assert rows["fast 96x64 in tiles of 64"]["peak_gb"] > 0
    text = result.stdout
    assert "### fast, 32 × 24 px" in text
    assert "| graph | fp32 | 2 | InputError: a CUDA graph needs a device of CUDA |" in text
    assert "no target is judged" in text
    assert "What must hold" not in text
    again = call("--report", tmp_path / "gpu-rehearsal.json").stdout
    assert again == text


def test_a_report_of_a_gpu() -> None:
    case = Case("vgg19", "bf16", "graph", 512, 512, 1)
    about = {"flops": 1e12, "numbers": 1e9, "peak_gb": 1.0, "ready_s": 0.5, "greatest": 2e-2, "mean": 1e-3}
    result = {
        "machine": "a GPU", "device": "cuda", "is_gpu": True, "tf32": True, "limit_s": 300.0, "spent_s": 9.0,
        "settings": {"tiled_size": [8, 8], "crop": 256, "steps": 20, "trained_in": "bf16"},
        "rates": {"bf16": 1e15, COPY: 4e12},
        "rows": [
            row_of(case, 2.0, **about),
            {"kind": "rate", "part": "rate of matrix products in fp32", "error": "X: y"},
            {"kind": "training", "part": "", "model": "fast", "batch": 8, "compile": True, "error": "Z: z"},
        ],
        "left_out": ["something"],
    }  # fmt: skip
    text = write(result)
    assert "| base model, 512², alone by CUDA graph: ms (graph, batch 1) | ≤ 4 | 2 | pass |" in text
    assert "| bf16: greatest difference" not in text
    assert "| 2 (2–4) | 1 | 0.5 | 50 % | 2.0e-02 | 1.0e-03 | 1.00 | 0.5 |" in text
    assert "| fast | compiled | 8 | Z: z |" in text
    assert "* rate of matrix products in fp32: X: y" in text
    assert text.rstrip().endswith("* something")


@pytest.mark.gpu
@pytest.mark.parametrize("way", ["eager", "graph", "tuned", "exact"])
@pytest.mark.parametrize("model", ["vgg19", "fast"])
def test_every_way_is_the_same_on_cuda(model: str, way: str) -> None:
    row = stylised(Case(model, "fp32", way, 128, 96, 2), torch.device("cuda"), 0.01, compares=True)
    assert row["greatest"] < (1e-3 if way == "exact" else 2e-2)
    assert row["ms"][0] > 0
    opened.cache_clear()


@pytest.mark.gpu
def test_rates_on_cuda() -> None:
    device = torch.device("cuda")
    assert gpu_clock.rate_of("bf16", device) > gpu_clock.rate_of("fp32", CPU)
    assert gpu_clock.copy_rate(device, 0.05) > 0


@pytest.mark.gpu
def test_the_whole_command_on_cuda(tmp_path: Path) -> None:
    few = ("--sizes", "64x48", "--batches", 1, "--tiled-size", "192x128", "--tiles", "64,off", "--crop", 64)
    how = ("--each", 0.01, "--pairs", 2, "--steps", 2, "--ways", "eager,graph,tuned,exact")
    result = call(*few, *how, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert [row for row in found["rows"] if "error" in row] == []
    assert found["left_out"] == []
    assert "What must hold" in result.stdout

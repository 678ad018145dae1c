"""Runs all benchmarks, each in a process of its own, and writes `docs/performance.md`: `make bench`.

`python -m benchmarks.run bus store` runs these two and writes their parts only.
"""

from __future__ import annotations

import importlib
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure, show
from benchmarks.machine import describe_machine
from benchmarks.peers.comparison import Comparison
from benchmarks.report import PAGE, Part, report, title_of, with_parts

_HERE = Path(__file__).parent


def measure(module: str) -> list[Figure]:
    """What the benchmark gives; runs in the process of its own."""
    found: list[Figure] = importlib.import_module(module).figures()
    return found


def measure_all(names: list[str]) -> list[Part]:
    """Each benchmark's part of the page. One that fails is told at the end, the others go on."""
    parts = []
    for number, name in enumerate(names, 1):
        title = title_of(_HERE / f"{name}.py")
        print(f"\n[{number}/{len(names)}] {title} ...", file=sys.stderr)
        started = time.monotonic()
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(max_workers=1, mp_context=context) as executor:
            try:
                part = Part(title, executor.submit(measure, f"benchmarks.{name}").result())
            except Exception as error:
                part = Part(title, [], f"{type(error).__name__}: {error}")
        parts.append(part)
        show(f"{title} ({time.monotonic() - started:.0f} s)", part.figures)
        if part.failure:
            print(part.failure, file=sys.stderr)
    return parts


def main(chosen: list[str]) -> None:
    """Measure `chosen`, or everything, and write the page. Where a benchmark failed: ends with 1, writes nothing."""
    machine = describe_machine()
    names = [f"bench_{name}" for name in chosen] or sorted(path.stem for path in _HERE.glob("bench_*.py"))
    parts = measure_all(names)
    failed = [part.title for part in parts if part.failure]
    if not failed:
        date = f"{datetime.now(UTC):%Y-%m-%d}"
        whole = not chosen
        page = report(date, machine, parts, Comparison.load()) if whole else with_parts(PAGE.read_text(), parts, date)
        PAGE.write_text(page, encoding="utf-8")
        print(f"\nWritten: docs/{PAGE.name}")
    missed = sum(figure.met is False for part in parts for figure in part.figures)
    print(f"{missed} targets missed" if missed else "All targets met")
    if failed:
        sys.exit(f"could not be measured: {', '.join(failed)}; {PAGE.name} is as it was")


if __name__ == "__main__":
    main(sys.argv[1:])

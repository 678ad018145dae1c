"""Runs seeds of the fault simulation: `python -m tests.torture.oms --seeds 10000`, or one in words: `--seed 4711`."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from rich.progress import track

from tests.torture.oms.faults import KINDS
from tests.torture.oms.world import Verdict, run_seed

_CHUNK = 20
_FIRST_FAILURES = 5
_CORES = multiprocessing.cpu_count()


def told(verdict: Verdict, without: Sequence[str] = ()) -> str:
    """A failed seed: what broke, what happened last, and how to see it again."""
    options = f" ARGS='--without {','.join(without)}'" if without else ""
    lines = [
        f"seed {verdict.seed} broke:",
        *(f"  - {problem}" for problem in verdict.problems),
        "the last that happened:",
        *verdict.last,
        f"replay it, all of it in words: make torture SEED={verdict.seed}{options}",
    ]
    return "\n".join(lines)


def main() -> int:
    """0 where every invariant held in every seed."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.torture.oms")
    parser.add_argument("--seeds", type=int, default=10_000, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="run this one only, and tell everything that happens")
    parser.add_argument("--without", default="", help=f"kinds of faults to leave out: {','.join(KINDS)}")
    parser.add_argument("--processes", type=int, default=_CORES)
    arguments = parser.parse_args()
    without = [kind for kind in arguments.without.split(",") if kind]
    unknown = sorted(set(without) - set(KINDS))
    if unknown:
        parser.error(f"no such kind of fault: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    logging.disable(logging.CRITICAL)
    if arguments.seed is not None:
        return _replay(arguments.seed, without)
    return _run(range(arguments.first, arguments.first + arguments.seeds), without, arguments.processes)


def _replay(seed: int, without: Sequence[str]) -> int:
    verdict = run_seed(seed, without, is_loud=True)
    print(f"seed {seed}: {len(verdict.problems)} invariants broke; the log is {verdict.digest}")
    print("\n".join(f"  - {problem}" for problem in verdict.problems))
    return 1 if verdict.problems else 0


def verdicts(seeds: Sequence[int], without: Sequence[str] = (), processes: int = _CORES) -> Iterator[Verdict]:
    """Those of many seeds, as they come."""
    with multiprocessing.Pool(processes, initializer=logging.disable) as pool:
        yield from pool.imap_unordered(partial(run_seed, without=without), seeds, _CHUNK)


def _run(seeds: Sequence[int], without: Sequence[str], processes: int) -> int:
    failed: list[Verdict] = []
    counts: Counter[str] = Counter()
    begun_s = time.perf_counter()
    for verdict in track(verdicts(seeds, without, processes), "seeds", len(seeds)):
        counts.update(verdict.counts)
        if verdict.problems:
            failed.append(verdict)
            if len(failed) <= _FIRST_FAILURES:
                print(told(verdict, without))
    what = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))
    print(f"{len(seeds):,} seeds in {time.perf_counter() - begun_s:.0f} s: {what}")
    if failed:
        print(f"{len(failed)} seeds broke an invariant: {sorted(verdict.seed for verdict in failed)}")
    else:
        print("no invariant broke")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

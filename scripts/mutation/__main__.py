"""`make mutants`: mutants of quantai/oms against tests/oms; fails where too few are killed."""

from __future__ import annotations

import argparse
import importlib
import random
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from scripts.mutation.mutants import Mutant, mutants_of
from scripts.mutation.report import Report
from scripts.mutation.runs import MutationRun

OMS = Path("quantai/oms")
TESTS = ("tests/oms", "--ignore=tests/oms/journal/test_kills.py")
"""The kills happen to processes of their own, which run no mutant."""

PYTEST = (
    *("-o", "addopts=--strict-markers --strict-config --import-mode=importlib"),
    *("-o", "tmp_path_retention_policy=none"),
    *("-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:cov", "--capture=no"),
)


def main() -> int:
    """0 where all were tried and enough of them killed, 1 where not."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("parts", nargs="*", help="how paths below quantai/oms begin: risk, routing/smart; all if none")
    parser.add_argument("--sample", type=int, help="so many, drawn at random")
    parser.add_argument("--again", type=Path, help="only those of a list that such a run printed")
    parser.add_argument("--seed", type=int, default=1, help="of the draw and of the order")
    parser.add_argument("--jobs", type=int, default=1, help="forks at a time")
    parser.add_argument("--least", type=float, default=85, help="per cent that must be killed")
    options = parser.parse_args()

    files = list(_files(options.parts))
    mutants = [mutant for path in files for mutant in mutants_of(path)]
    if options.again:
        listed = set(re.findall(r"^\S+:\d+ #\d+", options.again.read_text(encoding="utf-8"), re.MULTILINE))
        mutants = [mutant for mutant in mutants if mutant.name in listed]
    random.Random(options.seed).shuffle(mutants)  # any first part of a run is a fair sample
    mutants = mutants[: options.sample]
    report = Report(OMS, len(mutants))
    is_finished = _try(files, mutants, options.jobs, report)
    sys.stdout.write(f"{report.survivors()}\n{report.table()}\n")
    return 0 if is_finished and report.score * 100 >= options.least else 1


def _files(parts: Sequence[str]) -> Iterator[Path]:
    for path in sorted(OMS.rglob("*.py")):
        inside = path.relative_to(OMS).as_posix()
        if "migrations" not in inside and (not parts or inside.startswith(tuple(parts))):
            yield path


def _try(files: Sequence[Path], mutants: Sequence[Mutant], jobs: int, report: Report) -> bool:
    """Whether all could be tried: a run may be stopped, and tells what it found so far."""
    for path in files:
        importlib.import_module(".".join(path.with_suffix("").parts))
    with tempfile.TemporaryDirectory() as scratch:
        run = MutationRun(mutants, OMS.resolve(), Path(scratch), jobs, report.tell)
        code = pytest.main([*PYTEST, *TESTS], plugins=[run])
    return code == pytest.ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())

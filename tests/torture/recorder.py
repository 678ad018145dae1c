"""Kills recorders again and again and looks at what is left: `python -m tests.torture.recorder --kills 200`.

After each kill: every file can be read, no event is there twice, no number of a stream is missing before its last, what
the recorder said is safe is there, what is lost is younger than the flush interval, and the ledger has the gap. At the
end a recorder has to live through a full disk, where a small one can be mounted.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.progress import track

from quantai.events import GapEvent
from quantai.events.persistence import EventReader, Part, list_parts
from quantai.events.persistence.salvage import salvage
from quantai.events.persistence.spool import find_journals
from tests.torture import victim
from tests.torture.outage import full, small_disk, survive

_ROOT = Path(__file__).resolve().parents[2]
_PART_INTERVALS_NS = (150_000_000, 700_000_000, 300_000_000_000)
_START_TIMEOUT_S = 60.0
_LONGEST_LIFE_S = 3.0
_SHARE_SALVAGED = 0.6
_AT_ONCE = 2
_SMALL_DISK_BYTES = 8_000_000


@dataclass(frozen=True)
class Kill:
    """One killed recorder: the venue it recorded, when it was killed, and what it had published when."""

    venue: str
    killed_ns: int
    log: np.ndarray


@dataclass(frozen=True)
class Loss:
    """What a kill cost: events that were published, those of them that are there, the age of the oldest that is not."""

    published: int
    found: int
    lost_age_ns: int


class Torture:
    """Recorders that record into one store, each under a venue of its own, each killed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.store = folder / "store"
        self.losses: list[Loss] = []
        self._folder = folder
        self._random = random.Random(seed)
        self._kills = 0
        self._unchecked: list[Kill] = []

    def kill_some(self, count: int) -> None:
        """Start recorders and kill each at some moment; mostly salvage and check what they left, or leave it to the
        next ones, which are killed perhaps while they salvage.
        """
        with ThreadPoolExecutor(count) as pool:
            self._unchecked += pool.map(self._kill_one, [self._plan() for _ in range(count)])
        if self._random.random() < _SHARE_SALVAGED:
            self.check()

    def check(self) -> None:
        """Salvage everything, and look at what was not looked at yet."""
        sealed = salvage(self.store)
        assert not sealed.quarantined, sealed
        assert not sealed.errors, sealed
        assert not find_journals(self.store)
        self.losses += [loss_of(self.store, kill) for kill in self._unchecked]
        self._unchecked.clear()

    def _plan(self) -> tuple[str, int, float]:
        self._kills += 1
        return f"run{self._kills}", self._random.choice(_PART_INTERVALS_NS), self._random.uniform(0, _LONGEST_LIFE_S)

    def _kill_one(self, plan: tuple[str, int, float]) -> Kill:
        venue, part_interval_ns, life_s = plan
        path = self._folder / f"{venue}.log"
        log = np.memmap(path, np.int64, "w+", shape=(victim.FIRST + victim.MAX_BATCHES,))
        arguments = [str(self.store), str(path), venue, str(part_interval_ns)]
        with subprocess.Popen([sys.executable, "-m", "tests.torture.victim", *arguments], cwd=_ROOT) as process:
            deadline = time.monotonic() + _START_TIMEOUT_S
            while not log[victim.BEGUN]:
                assert process.poll() is None, "the recorder could not start"
                assert time.monotonic() < deadline, "the recorder did not start"
                time.sleep(0.001)
            time.sleep(life_s)
            killed_ns = time.time_ns()
            process.send_signal(signal.SIGKILL)
        return Kill(venue, killed_ns, np.array(log))


def loss_of(store: Path, kill: Kill) -> Loss:
    """What one kill cost; fails where it was more than promised."""
    batches = int(kill.log[victim.BATCHES])
    begun_ns = kill.log[victim.FIRST : victim.FIRST + batches + 1]
    found, last_times, lost_ages = 0, {}, [0]
    for symbol, (numbers, times) in _trades(store, kill.venue).items():
        assert np.array_equal(numbers, np.arange(len(numbers))), f"{kill.venue} {symbol} has holes, or events twice"
        assert np.all(np.diff(times) >= 0), f"{kill.venue} {symbol} is not in order"
        found += len(numbers)
        last_times[symbol] = int(times[-1])
        first_lost_batch = len(numbers) // victim.NUMBERS_A_BATCH
        if first_lost_batch < batches:
            lost_ages.append(kill.killed_ns - int(begun_ns[first_lost_batch]))
    if batches and not found:
        lost_ages.append(kill.killed_ns - int(begun_ns[0]))
    assert found >= kill.log[victim.SAFE], f"{kill.venue}: {kill.log[victim.SAFE]} were safe, {found} are there"
    assert max(lost_ages) <= victim.FLUSH_INTERVAL_NS, f"{kill.venue} lost what was {max(lost_ages) / 1e9:.2f} s old"
    gaps = _gaps(store, kill.venue)
    for symbol, last_ns in last_times.items():
        known = [gap for gap in gaps if gap.symbol == symbol and gap.start_ns == last_ns]
        assert any(gap.end_ns >= kill.killed_ns for gap in known), (
            f"{kill.venue} {symbol} is silent from {last_ns}: {gaps}"
        )
    return Loss(batches * victim.NUMBERS_A_BATCH * victim.STREAMS, found, max(lost_ages))


def _trades(store: Path, venue: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By symbol, the numbers and times of all trades, sorted by number."""
    tables: dict[str, list[pa.Table]] = {}
    for part in _parts(store, "trade", venue):
        tables.setdefault(part.symbol, []).append(
            pq.read_table(part.path, columns=["trade_id", "ts_init"], partitioning=None)
        )
    columns = {}
    for symbol, parts in tables.items():
        table = pa.concat_tables(parts)
        numbers = table["trade_id"].cast(pa.int64()).to_numpy()
        order = np.argsort(numbers, kind="stable")
        columns[symbol] = numbers[order], table["ts_init"].to_numpy()[order]
    return columns


def _gaps(store: Path, venue: str) -> list[GapEvent]:
    if not _parts(store, "system_gap", venue):
        return []
    batches = EventReader(store).read_batches(types=GapEvent, venues=venue)
    return [event for batch in batches for event in batch if isinstance(event, GapEvent)]


def _parts(store: Path, type_name: str, venue: str) -> list[Part]:
    if not (store / f"type={type_name}" / f"venue={venue}").is_dir():
        return []
    return list_parts(store, type_name, venue)


def read_everything(store: Path) -> int:
    """Read every file of the store with its checksums; how many rows there are."""
    return sum(map(len, EventReader(store).read_batches()))


def main() -> None:
    """The long form."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    arguments = parser.parse_args()
    print(f"{arguments.kills} kills, seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as folder:
        torture = Torture(Path(folder), arguments.seed)
        for _ in track(range(arguments.kills // _AT_ONCE), "killing"):
            torture.kill_some(_AT_ONCE)
        torture.check()
        rows = read_everything(torture.store)
    losses = torture.losses
    print(f"{sum(loss.published for loss in losses):,} events published, {sum(loss.found for loss in losses):,} found")
    print(f"{rows:,} rows read back, none twice, none missing before the last of its stream")
    print(f"oldest event that was lost: {max(loss.lost_age_ns for loss in losses) / 1e9:.2f} s")
    print(f"flush interval: {victim.FLUSH_INTERVAL_NS / 1e9:.2f} s")
    fill_a_disk()


def fill_a_disk() -> None:
    """Record through an outage of a small disk of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            with small_disk(folder, _SMALL_DISK_BYTES):
                asyncio.run(survive(folder / "store", full(folder)))
        except subprocess.CalledProcessError as error:
            print(f"no small disk could be mounted, so none was filled: {error.stderr.decode().strip()}")
        else:
            print("a disk was full for a while: every event is stored, or in a gap")


if __name__ == "__main__":
    main()

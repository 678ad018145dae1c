"""Starts `quantai-daemon` as users do, and looks at what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

DAEMON = Path(sys.executable).with_name("quantai-daemon")
LIMIT_S = 180
TABLES = ("orders", "fills", "equity", "prices")
BUSY = """
from quantai.strategy import BaseStrategy

class Busy(BaseStrategy):
    ticks = 0

    def on_tick(self, tick):
        self.ticks += 1
        if self.ticks % 10 == 0:
            self.buy(tick.symbol, 0.01, tick.bid_price)
        if self.ticks % 25 == 0:
            order = self.sell if self.position(tick.symbol) > 0 else self.buy
            order(tick.symbol, 0.02)
"""


@dataclass
class Ended:
    """How a process ended, and what it said."""

    status: int
    out: str
    err: str


@dataclass
class Daemon:
    """Runs the daemon in `folder`."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    started: list[Running] = field(default_factory=list)

    def run(self, *arguments: str, **environment: str) -> Ended:
        """To its end."""
        return self.start(*arguments, **environment).wait()

    def start(self, *arguments: str, **environment: str) -> Running:
        """In the background."""
        self.started.append(Running(arguments, self.folder, {**os.environ, **self.environment, **environment}))
        return self.started[-1]

    def end(self) -> None:
        """Leave nothing running, whatever a test did."""
        for running in self.started:
            running.kill()

    def busy(self, name: str = "busy") -> str:
        """The override for a strategy that trades every second or so, beside the others."""
        self.write("strategies/busy.py", BUSY)
        return f"strategies.{name}={{_target_: strategies.busy.Busy, instruments: [binance_btc_usdt]}}"

    def run_folders(self) -> list[Path]:
        """Those of single runs, oldest first."""
        return sorted(self.folder.glob("runs/*/*"))

    def run_folder(self) -> Path:
        """That of the only run."""
        [folder] = self.run_folders()
        return folder

    def sweep_folder(self) -> Path:
        """That of the only sweep."""
        [folder] = self.folder.glob("multirun/*/*")
        return folder

    def write(self, name: str, text: str) -> Path:
        """A file below the daemon's working folder."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file


class Running:
    """A process in its own session, whose lines on standard error can be waited for."""

    def __init__(self, arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [str(DAEMON), *arguments], cwd=folder, env=environment, text=True, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._lines: dict[str, list[str]] = {"out": [], "err": []}
        self._news = threading.Condition()
        self._readers = [self._read("out", self._process.stdout), self._read("err", self._process.stderr)]

    def _read(self, name: str, stream: IO[str] | None) -> threading.Thread:
        def copy() -> None:
            if stream is None:
                return
            with stream:
                for line in stream:
                    with self._news:
                        self._lines[name].append(line)
                        self._news.notify_all()

        thread = threading.Thread(target=copy, daemon=True)
        thread.start()
        return thread

    def until(self, text: str) -> None:
        """Wait for a line on standard error with `text` in it."""
        with self._news:
            if not self._news.wait_for(lambda: any(text in line for line in self._lines["err"]), LIMIT_S):
                raise AssertionError(f"no {text!r} in {''.join(self._lines['err'])}")

    def until_true(self, is_true: Callable[[], bool]) -> None:
        """Wait while it runs for something that it does elsewhere."""
        deadline_s = time.monotonic() + LIMIT_S
        while not is_true():
            with self._news:
                self._news.wait(0.02)
            assert self._process.poll() is None, "".join(self._lines["err"])
            assert time.monotonic() < deadline_s

    def send(self, number: signal.Signals) -> None:
        """A signal to the process alone."""
        self._process.send_signal(number)

    def send_group(self, number: signal.Signals) -> None:
        """A signal to the process and its children, as a terminal does."""
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it whatever it does, if it still runs."""
        with suppress(ProcessLookupError):
            self.send_group(signal.SIGKILL)
        self._process.wait()
        for reader in self._readers:
            reader.join()

    def wait(self) -> Ended:
        """Until it ended by itself."""
        status = self._process.wait(LIMIT_S)
        for reader in self._readers:
            reader.join()
        return Ended(status, "".join(self._lines["out"]), "".join(self._lines["err"]))


def summary_of(folder: Path) -> dict[str, Any]:
    """`summary.json` of a run folder."""
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return content


def tables_of(folder: Path) -> dict[str, bytes]:
    """The bytes of the tables of a run folder."""
    return {name: (folder / f"{name}.parquet").read_bytes() for name in TABLES}


def has_traceback(ended: Ended) -> bool:
    """Whether a traceback was printed; one inside a JSON log line is none."""
    return any(line.startswith("Traceback") for line in (ended.out + ended.err).splitlines())

"""The program in the guide to replays runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quantai.core.enums import Side
from quantai.events import TradeEvent
from quantai.events.persistence import PartWriter
from quantai.events.persistence.schema import to_table

GUIDE = Path(__file__).parents[2] / "docs/guides/replay.md"
# Half a minute before the time that the program seeks, and at it.
TIMES_NS = (1_767_603_600_000_000_000, 1_767_603_630_000_000_000)


def test_the_first_program_of_the_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trades = [TradeEvent("okx", "BTC/USDT", ts_ns, ts_ns, 65_000.0, 1.0, Side.BUY, "") for ts_ns in TIMES_NS]
    PartWriter(tmp_path / "store").write(TradeEvent, "okx", "BTC/USDT", to_table(TradeEvent, trades))
    monkeypatch.chdir(tmp_path)
    program = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[0]
    exec(compile(program.replace("asyncio.sleep(1)", "asyncio.sleep(0.05)"), str(GUIDE), "exec"), {})
    # A busy machine may come to the pause before the first trade.
    said = r"(BTC/USDT 65000\.0 1\.0\n){1,2}[12] events, \d+ late, at most [\d.]+ ms\n"
    assert re.fullmatch(said, capsys.readouterr().out)

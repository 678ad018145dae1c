"""Whatever the order of a file, the store is in order of time, and in the order of the file where times are equal."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quantai.data.importers import stage as stage_module
from quantai.data.importers.converter import event_columns
from quantai.data.importers.stage import Stage
from quantai.events import TradeEvent
from quantai.events.persistence.reader import EventReader

HOUR_NS = 3_600_000_000_000
FIRST_NS = 1_583_712_000_000_000_000 - 12 * HOUR_NS


def trades(times: list[int], first: int) -> pa.Table:
    ids = [str(first + number) for number in range(len(times))]
    columns = {"ts_event": times, "price": [1.0] * len(times), "size": [1.0] * len(times), "trade_id": ids}
    return event_columns(TradeEvent, pa.table(columns))


@given(
    times=st.lists(st.integers(0, 30), min_size=1, max_size=60),
    block=st.integers(1, 10),
    buffer=st.integers(1, 20),
    order=st.sampled_from([None, False, True]),
)
@example(times=[20, 18, 20, 13, 18, 13, 20, 18], block=2, buffer=2, order=None)
@example(times=[18, 18, 18, 17, 17, 17, 16], block=2, buffer=2, order=True)
@settings(max_examples=40, deadline=None)
def test_rows_of_any_order_are_stored_sorted_and_stable(
    times: list[int], block: int, buffer: int, order: bool | None
) -> None:
    if order is not None:
        times = sorted(times, reverse=order)
    at = [FIRST_NS + hour * HOUR_NS for hour in times]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage_module, "BUFFER_ROWS", buffer)
        stage = Stage(Path(folder) / "stage", "binance")
        for first in range(0, len(at), block):
            stage.add(TradeEvent, "BTC/USDT", trades(at[first : first + block], first))
        for part in stage.finish():
            path = Path(folder) / "store" / Path(*part.path.relative_to(Path(folder) / "stage").parts[1:])
            path.parent.mkdir(parents=True, exist_ok=True)
            part.path.rename(path)
        batches = EventReader(Path(folder) / "store").read_batches()
        found = [event.trade_id for batch in batches for event in batch if isinstance(event, TradeEvent)]
    assert found == [str(number) for number in sorted(range(len(at)), key=at.__getitem__)]


def test_parts_of_a_file_in_order_are_not_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "BUFFER_ROWS", 2)
    stage = Stage(tmp_path, "binance")
    for first in range(0, 8, 2):
        stage.add(TradeEvent, "BTC/USDT", trades([FIRST_NS + first, FIRST_NS + first + 2], first))
    assert len(stage.finish()) == 4
    assert not (tmp_path / "merged").exists()

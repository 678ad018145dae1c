"""From a fill back to the tick behind it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pytest

from quantai.core.enums import Liquidity, Side
from quantai.core.errors import ConfigError, StoreError
from quantai.events import Event, OrderAcceptedEvent, OrderFilledEvent, TickEvent, TimerEvent
from quantai.events.persistence import EventReader, PartWriter
from quantai.events.persistence.schema import to_table
from quantai.events.persistence.storage import LocalStorage

DAY_NS = 86_400_000_000_000
SECOND_NS = 1_000_000_000
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT"


def tick(ts: int, symbol: str = BTC) -> TickEvent:
    return TickEvent("binance", symbol, ts, ts, 1.0, 1.0, 2.0, 1.0)


def fill(ts: int, cause: str, strategy: str = "ema_cross", symbol: str = BTC) -> OrderFilledEvent:
    two, none = Decimal(2), Decimal(0)
    order = ("c1", strategy, "binance", symbol, ts, ts, cause)
    return OrderFilledEvent(*order, "t1", Side.BUY, two, two, two, none, none, "USDT", Liquidity.TAKER)


def store(root: Path, events: Iterable[Event]) -> EventReader:
    """As a recorded session leaves it: a part for each type and instrument and day."""

    def stream(event: Event) -> tuple[str, str, str]:
        return type(event).__name__, getattr(event, "venue", ""), getattr(event, "symbol", "")

    for (_, venue, symbol), members in groupby(sorted(events, key=stream), key=stream):
        rows = list(members)
        PartWriter(root).write(type(rows[0]), venue, symbol, to_table(type(rows[0]), rows))
    return EventReader(root)


def session() -> list[Event]:
    """A tick a second of two instruments over midnight; the fifth led to an order, and its fill to another."""
    ticks = [tick(DAY_NS + offset * SECOND_NS, symbol) for offset in range(-10, 10) for symbol in (BTC, ETH)]
    behind = tick(DAY_NS - 5 * SECOND_NS)
    accepted = OrderAcceptedEvent(
        "c1", "ema_cross", "binance", BTC, behind.ts_init + 1, behind.ts_init + 1, behind.reference, "v1"
    )
    first = fill(behind.ts_init + 2, behind.reference)
    hedge = fill(DAY_NS + 1, first.reference, symbol=ETH)
    return [*ticks, accepted, first, hedge, fill(first.ts_init, "", strategy="other")]


def test_a_fill_leads_back_to_the_tick_behind_it(tmp_path: Path) -> None:
    reader = store(tmp_path, session())
    fills = [event for batch in reader.read_batches(types=OrderFilledEvent, symbols=ETH) for event in batch]
    assert [event.reference for event in reader.causes(fills[0])] == [
        f"order.filled.ema_cross#c1@{DAY_NS - 5 * SECOND_NS + 2}",
        f"market.tick.binance.{BTC}@{DAY_NS - 5 * SECOND_NS}",
    ]


def test_every_event_is_found_by_its_reference(tmp_path: Path) -> None:
    events = session()
    reader = store(tmp_path, events)
    assert [reader.find(event.reference) for event in events] == events


def test_a_reference_of_old_recordings_which_have_no_ids_is_found(tmp_path: Path) -> None:
    first = fill(7, "")
    assert store(tmp_path, [first, fill(8, "")]).find("order.filled.ema_cross@7") == first


def test_a_fill_on_a_timer_leads_back_to_the_timer(tmp_path: Path) -> None:
    timer = TimerEvent("ema_cross", 5, 6, "rebalance")
    reader = store(tmp_path, [timer, tick(5), fill(7, timer.reference)])
    assert reader.causes(fill(7, timer.reference)) == [timer]
    assert reader.causes(timer) == reader.causes(tick(5)) == []


@pytest.mark.parametrize(
    "reference",
    [
        f"market.tick.binance.{BTC}@6",  # nothing at that time
        f"market.tick.binance.{BTC}@{5 * DAY_NS}",  # nothing on that day
        f"market.tick.okx.{BTC}@5",
        "market.book.binance.BTC/USDT@5",
        "market.tickle.binance@5",
        "order.filled.other@7",
    ],
)
def test_what_was_not_recorded_is_not_found(tmp_path: Path, reference: str) -> None:
    reader = store(tmp_path, [tick(5), fill(7, reference)])
    assert reader.find(reference) is None
    assert reader.causes(fill(7, reference)) == []


@pytest.mark.parametrize("reference", ["", "tick", "@5", "market.tick.binance.A/B@", "market.tick.binance.A/B@noon"])
def test_a_text_that_is_no_reference_is_refused(tmp_path: Path, reference: str) -> None:
    reader = store(tmp_path, [tick(5)])
    with pytest.raises(ConfigError, match="no reference to an event"):
        reader.find(reference)


def test_without_a_store_nothing_can_be_found(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store at"):
        EventReader(tmp_path / "nowhere").find(tick(5).reference)


def test_events_that_name_each_other_make_no_endless_chain(tmp_path: Path) -> None:
    one, other = fill(5, "order.filled.ema_cross@6"), fill(6, "order.filled.ema_cross@5")
    reader = store(tmp_path, [one, other])
    assert reader.causes(one, limit=3) == [other, one, other]


def test_only_the_part_that_holds_a_cause_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = store(tmp_path, session())
    opened: list[PurePosixPath] = []
    real = LocalStorage.open

    def counted(storage: LocalStorage, path: PurePosixPath) -> pa.NativeFile:
        opened.append(path)
        return real(storage, path)

    monkeypatch.setattr(LocalStorage, "open", counted)
    assert reader.find(tick(DAY_NS - 5 * SECOND_NS).reference)
    assert [str(path.parent) for path in opened] == ["type=tick/venue=binance/symbol=BTC%2FUSDT%3AUSDT/date=1970-01-01"]

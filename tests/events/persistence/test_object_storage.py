"""A store in object storage is a store like any other; here is what only object storage has."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import Any

import msgspec
import pytest

from quantai.core.enums import Side
from quantai.core.errors import StoreError
from quantai.data.files import FilesSource
from quantai.events import TickEvent, TradeEvent
from quantai.events.persistence import EventReader, Part, PartWriter, foreign_files, list_parts, list_streams, summarise
from quantai.events.persistence.object_storage import ObjectStorage
from quantai.events.persistence.schema import to_table
from quantai.events.persistence.store import COMPACTION, Compaction, leftovers

DAY_NS = 86_400_000_000_000


def write_trades(root: str, times: Sequence[int], symbol: str = "A/B", origin: str = "") -> list[Part]:
    trades = [TradeEvent("v", symbol, ts, ts, 1.0, 1.0, Side.BUY, str(row)) for row, ts in enumerate(times)]
    return PartWriter(root).write(TradeEvent, "v", symbol, to_table(TradeEvent, trades), origin)


def write_ticks(root: str, times: Sequence[int]) -> list[Part]:
    ticks = [TickEvent("v", "A/B", ts, ts, 1.0, 1.0, 2.0, 1.0) for ts in times]
    return PartWriter(root).write(TickEvent, "v", "A/B", to_table(TickEvent, ticks))


def read(root: str, *range_and_names: Any, **selection: Any) -> list[Any]:
    return [event for batch in EventReader(root).read_batches(*range_and_names, **selection) for event in batch]


def test_parts_lie_below_the_prefix_in_the_hive_layout(object_root: str) -> None:
    (part,) = write_trades(object_root, [30, 10])
    assert part.relative == PurePosixPath("type=trade/venue=v/symbol=A%2FB/date=1970-01-01/10_30.parquet")
    assert part.name.endswith(f"/live/{part.relative}")
    assert (part.rows, part.bytes) == (2, part.storage.open(part.relative).size())
    assert list_parts(object_root) == [part]
    with pytest.raises(StoreError, match=r"s3://.* is not on the local disk"):
        _ = part.path


async def test_streams_are_merged_and_pruned(object_root: str) -> None:
    write_trades(object_root, [1, 3, DAY_NS])
    write_trades(object_root, [2, 3], "C/D")
    write_trades(object_root, [2, 4], "A/B")
    write_ticks(object_root, [3])
    assert [event.ts_init for event in read(object_root)] == [1, 2, 2, 3, 3, 3, 4, DAY_NS]
    assert [event.ts_init for event in read(object_root, 2, 4, "trade", symbols="A/B")] == [2, 3]
    assert [event async for event in EventReader(object_root).read_range(types=TickEvent)] == [
        TickEvent("v", "A/B", 3, 3, 1.0, 1.0, 2.0, 1.0)
    ]
    with pytest.raises(StoreError, match="nothing of venues='w'"):
        read(object_root, venues="w")


def test_figures_streams_and_foreign_files(object_root: str) -> None:
    parts = write_trades(object_root, [1, DAY_NS]) + write_ticks(object_root, [5])
    storage = parts[0].storage
    storage.create(PurePosixPath("README.md"), lambda file: None)
    storage.create(PurePosixPath(".quarantine/type=trade/x.parquet"), lambda file: None)
    assert [stream.type for stream in list_streams(object_root)] == ["tick", "trade"]
    ticks, trades = summarise(object_root)
    assert (trades.files, trades.rows, trades.bytes, trades.end_ns) == (2, 2, parts[0].bytes + parts[1].bytes, DAY_NS)
    assert ticks.rows == 1
    assert foreign_files(object_root) == [PurePosixPath("README.md")]
    assert leftovers(object_root, 2**63) == []


def test_a_write_that_is_repeated_makes_no_second_part(object_root: str) -> None:
    first = write_trades(object_root, [1, DAY_NS], origin="journal 7")
    assert write_trades(object_root, [1, DAY_NS], origin="journal 7") == first
    (other,) = write_trades(object_root, [1], origin="journal 8")
    assert other.number == 1
    assert len(read(object_root)) == 3


def test_many_threads_write_at_once(object_root: str) -> None:
    def write(number: int) -> None:
        write_trades(object_root, [number // 2, DAY_NS + number], f"C{number % 4}/USDT", origin=str(number))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(16)))
    assert [event.ts_init for event in read(object_root)] == sorted(
        [number // 2 for number in range(16)] + [DAY_NS + number for number in range(16)]
    )


def test_a_replay_comes_from_object_storage(object_root: str) -> None:
    write_trades(object_root, [1, 5])
    write_ticks(object_root, [3])
    source = FilesSource(object_root, start=1, end=5)
    assert source.range_ns() == (1, 4)
    assert source.missing(["market.tick.v.A/B", "market.bar.v.A/B"]) == ["market.bar.v.A/B"]
    assert source.describe().startswith("2 streams of s3://recordings/")
    assert [event.ts_init for batch in source.batches(lambda _: True) for event in batch] == [1, 3]


def test_a_cause_is_found_in_object_storage(object_root: str) -> None:
    write_trades(object_root, [1, 5])
    write_ticks(object_root, [3])
    found = EventReader(object_root).find("market.tick.v.A/B@3")
    assert found == TickEvent("v", "A/B", 3, 3, 1.0, 1.0, 2.0, 1.0)


def test_a_replacement_stands_for_its_originals(object_root: str) -> None:
    first, second = write_trades(object_root, [1, 2]) + write_trades(object_root, [3])
    (whole,) = write_trades(object_root, [1, 2, 3])
    commit = msgspec.json.encode(Compaction(whole.relative.name, [first.relative.name, second.relative.name]))
    first.storage.create(first.relative.parent / COMPACTION, lambda file: file.write(commit))
    assert list_parts(object_root) == [whole]


def test_a_store_is_listed_in_one_request(object_root: str, caplog: pytest.LogCaptureFixture) -> None:
    for symbol in ("A/B", "C/D", "E/F"):
        write_trades(object_root, [1, DAY_NS, 2 * DAY_NS], symbol)
    with caplog.at_level("INFO", logger="werkzeug"):
        assert len(list_parts(object_root)) == 9
        assert len(list_parts(object_root, "trade", symbols="A/B", start=DAY_NS)) == 2
        assert len(list_parts(object_root, streams=[("trade", "v", "C/D")])) == 3
    prefixes = [re.search(r"max-keys=1000&prefix=\S*/live/(\S*) ", line) for line in caplog.messages]
    assert [match[1] for match in prefixes if match] == ["", "type%3Dtrade/", "type%3Dtrade/"]


def test_parts_are_not_looked_into_to_list_them(object_root: str, caplog: pytest.LogCaptureFixture) -> None:
    write_trades(object_root, [1, DAY_NS])
    with caplog.at_level("INFO", logger="werkzeug"):
        list_parts(object_root)
    assert not [line for line in caplog.messages if ".parquet" in line]


def test_a_missing_bucket_is_named(object_root: str) -> None:
    root = object_root.replace("//recordings", "//nothing-here")
    with pytest.raises(StoreError, match=r"no store at s3://nothing-here/"):
        list_parts(root)
    with pytest.raises(OSError, match=r"s3://nothing-here/.*bucket"):
        write_trades(root, [1])
    with pytest.raises(OSError, match=r"s3://nothing-here/.*no such bucket"):
        PartWriter(root).storage.prepare()


def test_an_empty_prefix_says_how_to_fill_it(object_root: str) -> None:
    with pytest.raises(StoreError, match=r"no store at s3://.*quantai data import"):
        read(object_root)


def test_a_server_that_is_gone_is_named(s3_query: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        root = f"s3://recordings/live?endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1"
        with pytest.raises(StoreError, match=rf"s3://recordings/live\?endpoint_override=127.0.0.1:{port}"):
            list_parts(root)
        with pytest.raises(OSError, match=rf"127.0.0.1:{port}"):
            write_trades(root, [1])


def test_a_damaged_object_is_named(object_root: str) -> None:
    (part,) = write_trades(object_root, [1, 2])
    content = part.storage.read_bytes(part.relative)
    part.storage.delete(part.relative)
    part.storage.create(part.relative, lambda file: file.write(content[:-3]))
    with pytest.raises(StoreError, match=r"s3://recordings/.*1_2.parquet cannot be read"):
        read(object_root)


def test_an_object_that_was_deleted_meanwhile_is_named(object_root: str) -> None:
    (part,) = write_trades(object_root, [1, 2])
    part.storage.delete(part.relative)
    with pytest.raises(StoreError, match=r"1_2.parquet is gone.*begin again"):
        _ = part.rows


def test_the_environment_says_where_the_server_is(object_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root, _, query = object_root.partition("?")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{query.split('&')[0].partition('=')[2]}")
    write_trades(root, [1, 2])
    assert [event.ts_init for event in read(object_root)] == [1, 2]


def test_keys_of_the_environment_are_in_no_message(object_root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "top-secret")
    storage = ObjectStorage(object_root.replace("//recordings", "//nothing-here"))
    with pytest.raises(OSError, match="nothing-here") as caught:
        storage.read_bytes(PurePosixPath("x"))
    assert "top-secret" not in f"{caught.value}{caught.value.__cause__}{storage!r}"

"""`quantai venue`: arguments, what it prints, and that it serves until it is stopped."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import queue
import re
import signal
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from quantai.cli import venue as command
from quantai.cli.venue import serving
from quantai.core.errors import ConfigError
from quantai.loopback import dialects


def _options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["venue", *arguments])


def test_symbols_and_balances_are_read() -> None:
    symbols = serving.parse_symbols("BTC/USDT, ETH/USDT@3000.5,DOGE/USDT")
    assert symbols == {"BTC/USDT": 65_000, "ETH/USDT": Decimal("3000.5"), "DOGE/USDT": 10}
    assert serving.parse_balances("USDT=10,BTC=0.5") == {"USDT": 10, "BTC": Decimal("0.5")}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--symbols", "BTC/USDT@-1"],
        ["--symbols", "BTC/USDT@x"],
        ["--symbols", ""],
        ["--symbols", "BTCUSDT"],
        ["--balances", "USDT"],
        ["--history", "-1"],
        ["--faults", "0"],
        ["--speed", "0"],
        ["--secret-env", "NO_SUCH_VARIABLE"],
        ["--max-age", "24"],
        ["--max-age", "0s"],
        ["--max-age", "5s"],
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(ConfigError):
        command.venue(_options("binance", *arguments))


def test_an_unknown_venue_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="no loopback venue 'binanse': did you mean 'binance'"):
        command.venue(_options("binanse"))
    with pytest.raises(ConfigError, match="no loopback venue 'xyz': there are binance, binance_usdm"):
        command.venue(_options("xyz"))


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Installs a package `<name>` with a dialect of its own, published under these lines."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, points: str) -> None:
        facts = tmp_path / f"{name}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[quantai.loopback_dialects]\n{points}\n")
        (tmp_path / f"{name}.py").write_text(_PUBLISHED)
        importlib.invalidate_caches()

    return install


_PUBLISHED = """
from quantai.loopback.dialects import BinanceSpotDialect

class Mine(BinanceSpotDialect):
    name = "mine"

class NotOne:
    pass
"""


def test_a_venue_that_a_package_publishes_is_found_by_its_name(distribution: Callable[[str, str], None]) -> None:
    distribution(
        "my_loopback", "mine = my_loopback:Mine\nodd = my_loopback:NotOne\nlost = my_loopback:Lost\ngone = no_such:Mine"
    )
    assert {"binance", "mine"} < set(dialects.dialect_names())
    assert dialects.find_dialect("mine").name == "mine"
    assert dialects.find_dialect("binance") is dialects.BinanceSpotDialect
    with pytest.raises(ConfigError, match="did you mean 'mine'"):
        dialects.find_dialect("mime")
    for name, complaint in {
        "odd": "my_loopback.NotOne, published as the loopback venue 'odd', is not a subclass of Dialect",
        "lost": "module my_loopback has no 'Lost'",
        "gone": "no module 'no_such' can be imported",
    }.items():
        with pytest.raises(ConfigError, match=complaint):
            dialects.find_dialect(name)


def test_two_packages_that_publish_one_name_are_refused(distribution: Callable[[str, str], None]) -> None:
    distribution("one_venue", "same = one_venue:Mine")
    distribution("two_venue", "same = two_venue:Mine")
    with pytest.raises(ConfigError, match="'same' is published as one_venue.Mine and as two_venue.Mine"):
        dialects.find_dialect("same")


def test_a_package_cannot_take_the_name_of_one_that_ships(distribution: Callable[[str, str], None]) -> None:
    distribution("taker", "binance = taker:Mine")
    assert dialects.find_dialect("binance") is dialects.BinanceSpotDialect


@pytest.mark.parametrize(("dialect", "ping"), [("binance", "/api/v3/ping"), ("binance_usdm", "/fapi/v1/ping")])
def test_it_serves_what_it_prints_until_it_is_stopped(
    dialect: str, ping: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: queue.Queue[str] = queue.Queue()
    ages: list[int] = []
    instructions = serving.instructions

    def overheard(*arguments: Any) -> str:
        text = instructions(*arguments)
        ages.append(arguments[0].settings.max_age_ns)
        told.put(text)
        return text

    def visit() -> object:
        try:
            section = yaml.safe_load(told.get(timeout=30))[dialect]
            with urllib.request.urlopen(section["hosts"]["rest"] + ping, timeout=30) as answer:
                return json.load(answer)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(serving, "instructions", overheard)
    with ThreadPoolExecutor(1) as threads:
        visited = threads.submit(visit)
        assert (
            command.venue(_options(dialect, "--port", "0", "--history", "0", "--faults", "3600", "--max-age", "90s"))
            == 0
        )
    assert (visited.result(), ages) == ({}, [90_000_000_000])
    printed = capsys.readouterr().out
    assert re.match(rf"# {dialect} on 127\.0\.0\.1:\d+", printed)
    assert set(yaml.safe_load(printed)[dialect]) == {"type", "api_key", "api_secret", "hosts"}

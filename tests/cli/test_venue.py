"""`quantai venue`: arguments, what it prints, and that it serves until it is stopped."""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import signal
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
import yaml

from quantai.cli import venue as command
from quantai.cli.venue import serving
from quantai.core.errors import ConfigError


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
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(ConfigError):
        command.venue(_options("binance", *arguments))


def test_an_unknown_venue_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="no loopback venue 'binanse': there are binance, binance_usdm"):
        command.venue(_options("binanse"))


@pytest.mark.parametrize(("dialect", "ping"), [("binance", "/api/v3/ping"), ("binance_usdm", "/fapi/v1/ping")])
def test_it_serves_what_it_prints_until_it_is_stopped(
    dialect: str, ping: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: queue.Queue[str] = queue.Queue()
    instructions = serving.instructions

    def overheard(*arguments: Any) -> str:
        text = instructions(*arguments)
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
        assert command.venue(_options(dialect, "--port", "0", "--history", "0", "--faults", "3600")) == 0
    assert visited.result() == {}
    printed = capsys.readouterr().out
    assert re.match(rf"# {dialect} on 127\.0\.0\.1:\d+", printed)
    assert set(yaml.safe_load(printed)[dialect]) == {"type", "api_key", "api_secret", "hosts"}

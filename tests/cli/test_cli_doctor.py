"""`quantai doctor`: what was found as a table, and a status that scripts can use."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from decimal import Decimal

import pytest

from quantai.assembly.listings import Listed
from quantai.cli import doctor
from quantai.config import Config
from quantai.core.enums import InstrumentStatus
from quantai.core.errors import ConfigError, StartupError
from quantai.exchanges.base import Exchange, ExchangeContext
from quantai.exchanges.doctor import Examinable, Finding, Health
from quantai.exchanges.listing import Listing
from quantai.exchanges.synthetic import SyntheticExchange
from quantai.instruments import Instrument


class Trial(Exchange, Examinable):
    """A venue that is as it is told to be."""

    health: Health = Health.GOOD

    async def examine(self) -> Sequence[Finding]:
        return [
            Finding("reach", Health.GOOD, "answers [in] 5 ms"),
            Finding("key", self.health, f"{len(self._context.instruments)} instruments"),
        ]


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    doctor.add_parser(parser.add_subparsers())
    options = parser.parse_args(["doctor", *arguments])
    status: int = options.command(options)
    return status


async def unanswered(config: Config) -> Listed:
    raise StartupError("binance does not answer")


def listing(symbol: str, tick_size: str = "0.01", lot_size: str = "0.00001") -> Listing:
    instrument = Instrument(
        venue="binance",
        symbol=symbol,
        tick_size=Decimal(tick_size),
        lot_size=Decimal(lot_size),
        min_notional=Decimal(5),
    )
    return Listing(instrument=instrument, venue_symbol=symbol, status=InstrumentStatus.TRADING)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a key and without a network."""
    monkeypatch.setenv("BINANCE_API_KEY", "abc")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(doctor, "take_listings", unanswered)


def lists(monkeypatch: pytest.MonkeyPatch, *listings: Listing) -> None:
    async def answer(config: Config) -> Listed:
        assert set(config.exchanges) == {"binance"}
        return {"binance": {each.instrument.symbol: each for each in listings}}

    monkeypatch.setattr(doctor, "take_listings", answer)
    monkeypatch.setattr(doctor, "component", lambda registry, section: Trial())


@pytest.mark.parametrize(("health", "status"), [(Health.GOOD, 0), (Health.DOUBTFUL, 0), (Health.BAD, 3)])
def test_the_status_says_whether_trading_will_fail(
    health: Health, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "component", lambda registry, section: Trial(health=health))
    assert run("binance") == status
    printed = capsys.readouterr().out
    for expected in ("quantai doctor binance", "answers [in] 5 ms", health.value, "key"):
        assert expected in printed
    assert "0 instruments" not in printed  # it was given those that are configured


@pytest.mark.parametrize(
    "overrides",
    [
        ["exchanges=binance"],  # what other parts name is not there any more
        ["portfolio=none"],
        ["mode=live_trading"],  # without a journal that lasts
        ["strategies.ema_cross.instruments=[nothing]", "risk.checks=nonsense"],
        ["exchanges=binance", "instruments=binance", "--config-name", "recorder"],
    ],
)
def test_nothing_but_the_venue_need_be_right(
    overrides: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "component", lambda registry, section: Trial())
    assert run("binance", *overrides) == 0
    assert "2 instruments" in capsys.readouterr().out


def test_a_mistake_in_the_venue_itself_is_told() -> None:
    with pytest.raises(ConfigError, match=r"exchanges\.binance\.market_data\.depth"):
        run("binance", "exchanges.binance.market_data.depth=5")


def test_grids_that_are_the_venues_are_good(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lists(monkeypatch, listing("BTC/USDT"), listing("ETH/USDT", lot_size="0.0001"))
    assert run("binance") == 0
    assert "steps and limits of orders are those that the venue lists" in capsys.readouterr().out


def test_a_grid_that_is_not_the_venues_is_doubtful(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lists(monkeypatch, listing("BTC/USDT", "0.1"), listing("ETH/USDT", lot_size="0.0001"))
    assert run("binance") == 0
    printed = capsys.readouterr().out
    assert "tick_size is 0.01" in printed
    assert "with 0.1: yours is taken" in printed
    assert "are those that" not in printed


def test_a_symbol_that_is_not_listed_is_bad_and_the_others_are_examined(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lists(monkeypatch, listing("BTC/USDT"))
    assert run("binance") == 3
    printed = capsys.readouterr().out
    assert "instruments.binance_eth_usdt: binance lists no ETH/USDT" in printed
    assert "1 instruments" in printed


def test_an_instrument_without_a_grid_of_a_venue_that_does_not_answer_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "component", lambda registry, section: Trial())
    assert run("binance", "instruments.more.venue=binance", "instruments.more.symbol=SOL/USDT") == 0
    printed = capsys.readouterr().out
    assert "2 instruments" in printed
    assert "filters" not in printed


def test_a_venue_that_nobody_configured_is_named() -> None:
    with pytest.raises(ConfigError, match="did you mean binance"):
        run("binanse")


def test_a_connector_that_cannot_be_examined_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "component", lambda registry, section: SyntheticExchange(assets={}))
    with pytest.raises(ConfigError, match="cannot be examined"):
        run("binance")


def test_the_context_is_the_configured_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ExchangeContext] = []

    class Watching(Trial):
        def bind(self, context: ExchangeContext) -> None:
            super().bind(context)
            seen.append(context)

    monkeypatch.setattr(doctor, "component", lambda registry, section: Watching())
    run("binance")
    [context] = seen
    assert context.venue == "binance"
    assert {each.venue for each in context.instruments} == {"binance"}
    assert context.api_key is not None
    assert context.api_key.get_secret_value() == "abc"

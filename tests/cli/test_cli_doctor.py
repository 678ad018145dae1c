"""`quantai doctor`: what was found as a table, and a status that scripts can use."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import pytest

from quantai.assembly.listings import Listed
from quantai.cli import doctor
from quantai.config import Config, LoadedConfig, load_config
from quantai.core.errors import ConfigError, StartupError
from quantai.exchanges.base import Exchange, ExchangeContext
from quantai.exchanges.doctor import Examinable, Finding, Health
from quantai.exchanges.synthetic import SyntheticExchange


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


@pytest.fixture(scope="module")
def loaded() -> LoadedConfig:
    """The shipped configuration, with a key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BINANCE_API_KEY", "abc")
        return load_config([])


@pytest.fixture(autouse=True)
def elsewhere(loaded: LoadedConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "load_config", lambda *arguments: loaded)
    monkeypatch.setenv("COLUMNS", "120")


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


def test_a_venue_that_cannot_be_asked_for_grids_is_examined_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def unanswered(config: Config) -> Listed:
        raise StartupError("binance does not answer")

    monkeypatch.setattr(doctor, "take_listings", unanswered)
    monkeypatch.setattr(doctor, "component", lambda registry, section: Trial())
    assert run("binance") == 0
    assert "0 instruments" in capsys.readouterr().out


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

"""Checks are restricted to what is configured."""

from __future__ import annotations

import pytest

from quantai.config import ConfigProblems, load_config

CHECK = "risk.checks.mine={type: unknown_order, %s}"


def problems(override: str) -> str:
    """What is said of a configuration with one more check."""
    with pytest.raises(ConfigProblems) as caught:
        load_config(["+" + CHECK % override])
    return str(caught.value)


def test_a_check_may_be_restricted_to_what_is_there() -> None:
    config = load_config(
        ["+" + CHECK % "strategies: [ema_cross], instruments: [binance_btc_usdt], venues: [okx, binance]"]
    ).config
    section = config.risk.checks["mine"]
    assert (section.strategies, section.instruments) == (["ema_cross"], ["binance_btc_usdt"])
    assert section.venues == ["okx", "binance"]
    assert section.params() == {}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "strategies: [ema_cros]",
            "risk.checks.mine.strategies.0 = 'ema_cros': no strategy of that name is configured",
        ),
        (
            "instruments: [okx_btc_perp, okx_btc]",
            "risk.checks.mine.instruments.1 = 'okx_btc': no instrument of that name is configured",
        ),
        ("venues: [okex]", "risk.checks.mine.venues.0 = 'okex': no exchange of that name is configured"),
        ("venues: []", "risk.checks.mine.venues"),
        ("strategies: [Ema Cross]", "risk.checks.mine.strategies.0"),
    ],
)
def test_what_is_not_there_is_a_mistake(override: str, words: str) -> None:
    assert words in problems(override)


def test_the_nearest_name_is_suggested() -> None:
    assert "did you mean 'ema_cross'?" in problems("strategies: [ema_cros]")


def test_senseless_limits_of_a_loss_are_refused_when_it_is_configured() -> None:
    with pytest.raises(ConfigProblems, match="give max_rate, max_amount, or both"):
        load_config(["+risk.checks.mine={type: drawdown}"])


def test_the_full_set_is_valid_and_has_every_check() -> None:
    checks = load_config(["risk=full"]).config.risk.checks
    assert {section.type for section in checks.values()} >= {"daily_loss", "stale_market", "sufficient_capital"}
    assert len({section.type for section in checks.values()}) == 13

"""Routing that does not go with the rest of a configuration, and what routers are given of it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from quantai.config import Config, ConfigProblems, load_config
from quantai.oms.routing import Route
from quantai.oms.routing.smart import SmartRouter


def complaints(folder: Path, *overrides: str, name: str = "config") -> str:
    with pytest.raises(ConfigProblems) as caught:
        load_config(overrides, folder, name)
    return str(caught.value)


def config(folder: Path, *overrides: str) -> Config:
    return load_config(overrides, folder).config


def test_a_router_that_divides_orders_must_be_where_they_are_executed(tmp_path: Path) -> None:
    elsewhere = "distributed_strategies"
    said = complaints(tmp_path, "routing=smart", name=elsewhere)
    assert "routing.type = 'smart': mode strategies has its orders executed by another daemon" in said
    assert "SmartRouter divides orders where they are executed: choose routing=simple" in said
    folder = tmp_path / "routing"
    folder.mkdir()
    (folder / "mine.yaml").write_text("_target_: quantai.oms.routing.smart.SmartRouter")
    by_path = complaints(tmp_path, "routing=mine", name=elsewhere)
    assert "routing._target_ = 'quantai.oms.routing.smart.SmartRouter': mode strategies has" in by_path
    assert load_config((), tmp_path, elsewhere).config.routing.router == "simple"


def test_a_rule_for_what_its_venue_does_not_list_would_never_match(tmp_path: Path) -> None:
    said = complaints(tmp_path, "routing.rules=[{venue: binance},{venue: okx, symbol: BTC/USDT}]")
    assert "routing.rules.1.symbol = 'BTC/USDT': no instrument of that symbol is configured at okx, so" in said
    assert "routing.rules.0" not in said


@pytest.mark.parametrize("what", ["quantity", "notional"])
def test_limits_that_exclude_each_other_match_nothing(tmp_path: Path, what: str) -> None:
    said = complaints(tmp_path, f"routing.rules=[{{venue: binance, min_{what}: 2, max_{what}: 1}}]")
    assert f"min_{what} 2 is above max_{what} 1: no order matches" in said
    config(tmp_path, f"routing.rules=[{{venue: binance, min_{what}: 1, max_{what}: 1}}]")
    config(tmp_path, f"routing.rules=[{{venue: binance, min_{what}: 1}},{{venue: binance, max_{what}: 1}}]")


def test_a_router_that_is_not_there(tmp_path: Path) -> None:
    assert "routing.type = 'smrat': no router is called 'smrat'; did you mean 'smart'?" in complaints(
        tmp_path, "routing.type=smrat"
    )


def test_a_parameter_that_the_router_does_not_have(tmp_path: Path) -> None:
    assert "routing.max_leg = 2: unknown key; did you mean 'max_legs'?" in complaints(
        tmp_path, "routing=smart", "+routing.max_leg=2"
    )
    assert "routing.max_legs = 2: unknown key" in complaints(tmp_path, "+routing.max_legs=2")
    assert "routing.max_legs = 0: expected at least 1" in complaints(tmp_path, "routing=smart", "routing.max_legs=0")


def test_the_shipped_file_of_the_smart_router_shows_its_defaults(tmp_path: Path) -> None:
    shipped = SmartRouter(**config(tmp_path, "routing=smart").routing.params())
    fields = SmartRouter.params_model().model_fields
    assert {key: getattr(shipped, key) for key in fields} == {key: field.default for key, field in fields.items()}
    assert set(config(tmp_path, "routing=smart").routing.params()) == set(fields)


def test_rules_alone_are_those_of_the_simple_router(tmp_path: Path) -> None:
    (tmp_path / "routing").mkdir()
    (tmp_path / "routing" / "mine.yaml").write_text("rules: [{venue: okx, min_quantity: 2}]")
    routing = config(tmp_path, "routing=mine").routing
    assert (routing.type, routing.router, routing.max_reroutes) == (None, "simple", 3)
    assert routing.routes() == [Route("okx", min_quantity=Decimal(2))]
    (tmp_path / "routing" / "mine.yaml").write_text("{rules: [], max_legs: 2}")
    assert "routing.max_legs = 2: unknown key" in complaints(tmp_path, "routing=mine")

"""Composing: layers, choices, overrides, extension by class."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from quantai.config import ConfigProblems, load_config
from quantai.config.compose import compose_config
from quantai.config.schema import FilesData, RedisBusSection


def write(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_the_shipped_configuration_is_valid() -> None:
    config = load_config().config
    assert config.mode.name == "simulation"
    assert set(config.strategies) == {"ema_cross", "market_maker", "cross_venue_spread"}


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("simulation", "simulation"),
        ("recorder", "live_recording"),
        ("distributed_execution", "paper"),
        ("distributed_strategies", "strategies"),
        ("distributed_recorder", "bus_recording"),
    ],
)
def test_the_configurations_of_the_systemd_unit_are_valid(name: str, mode: str) -> None:
    assert load_config(config_name=name).config.mode.name == mode


def test_the_examples_of_several_daemons_share_a_bus() -> None:
    names = ("distributed_execution", "distributed_strategies", "distributed_recorder")
    buses = [load_config(config_name=name).config.bus for name in names]
    assert {(bus.type, getattr(bus, "name", ""), getattr(bus, "url", "")) for bus in buses} == {
        ("redis", "quantai", "redis://127.0.0.1:6379/0")
    }


def test_the_password_of_redis_is_a_reference_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "hunter2")
    config = load_config(["bus=redis", "bus.receive=[]"]).config
    assert isinstance(config.bus, RedisBusSection)
    assert config.bus.password is not None
    assert config.bus.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(config)


_NEEDED = {
    "redis": ["bus.receive=[]"],
    "trading": [
        "mode=paper",
        "exchanges=[synthetic]",
        "instruments=[synthetic]",
        "strategies=[synthetic_ema_cross]",
        "portfolio=synthetic",
    ],
}
"""What else must be said for some choices."""


@pytest.mark.parametrize(
    ("group", "choice"),
    [
        (folder.parent.name, folder.stem)
        for folder in sorted((Path(__file__).parents[2] / "conf").glob("*/*.yaml"))
        if folder.parent.name
        in ("risk", "routing", "simulation", "bus", "store", "recorder", "reconciliation", "schedule", "logging", "ops")
    ],
)
def test_every_shipped_choice_is_valid(group: str, choice: str) -> None:
    load_config([f"{group}={choice}", *_NEEDED.get(choice, [])])


def test_a_value_is_overridden_from_the_command_line() -> None:
    config = load_config(["strategies.ema_cross.fast=5", "simulation.latency.order=250us"]).config
    assert config.strategies["ema_cross"].params()["fast"] == 5
    assert config.simulation.latency.order == 250_000


def test_a_parameter_with_a_default_in_code_can_be_set_without_being_in_yaml() -> None:
    config = load_config(["strategies.market_maker.skew_bps=7"]).config
    assert config.strategies["market_maker"].params()["skew_bps"] == 7


def test_another_file_of_a_group_is_chosen() -> None:
    config = load_config(["data=files", "data.path=somewhere"]).config
    assert isinstance(config.data, FilesData)
    assert config.data.path == "somewhere"


def test_a_folder_of_ones_own_is_layered_over_the_shipped_one(tmp_path: Path) -> None:
    write(tmp_path, "risk/tight.yaml", "checks:\n  exposure_limit: {type: exposure_limit, max_gross: 7}\n")
    write(tmp_path, "bus/memory.yaml", "type: memory\nqueue_limit: 77\n")
    config = load_config(["risk=tight"], tmp_path).config
    assert list(config.risk.checks) == ["exposure_limit"]
    assert config.bus.queue_limit == 77
    assert config.ops.uvloop


def test_a_primary_file_of_ones_own_builds_on_the_shipped_one(tmp_path: Path) -> None:
    write(tmp_path, "mine.yaml", "defaults: [config, _self_]\nstrategies: {ema_cross: {fast: 3}}\n")
    config = load_config(config_dir=tmp_path, config_name="mine").config
    assert config.strategies["ema_cross"].params()["fast"] == 3


def test_the_same_class_runs_twice_with_other_parameters(tmp_path: Path) -> None:
    write(
        tmp_path,
        "strategies/ema_slow.yaml",
        "ema_slow:\n  _target_: strategies.ema_cross.EmaCross\n  instruments: [binance_eth_usdt]\n"
        "  bar_interval: 1m\n  fast: 20\n  slow: 60\n  quantity: 1\n",
    )
    config = load_config(["strategies=[ema_cross,ema_slow]", "strategies.ema_slow.slow=90"], tmp_path).config
    assert config.strategies["ema_slow"].params()["slow"] == 90
    assert config.strategies["ema_cross"].params()["slow"] == 30


def test_a_class_from_any_importable_module_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(
        tmp_path,
        "house_rules.py",
        "from quantai.oms.risk import RiskCheck\n\n\nclass NoMondays(RiskCheck):\n    day: int = 0\n\n"
        "    def evaluate(self, order, view):\n        return None\n",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    config = load_config(["risk.checks.mondays={_target_: house_rules.NoMondays, day: 3}"]).config
    assert config.risk.checks["mondays"].params() == {"day": 3}
    with pytest.raises(ConfigProblems, match="did you mean 'day'"):
        load_config(["risk.checks.mondays={_target_: house_rules.NoMondays, dya: 3}"])


def test_a_module_that_fails_when_imported_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "broken_rules.py", "LIMIT = 1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigProblems, match=r"ZeroDivisionError: division by zero \(.*broken_rules\.py:1\)"):
        load_config(["risk.checks.broken={_target_: broken_rules.Check}"])


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblems, match="there is no folder"):
        load_config(config_dir=tmp_path / "nothing")


def test_the_hash_changes_with_any_key_and_only_then() -> None:
    first = load_config().config_hash
    assert load_config().config_hash == first
    assert load_config(["simulation.seed=2"]).config_hash != first


def test_the_place_of_a_key_is_its_file_and_line() -> None:
    origins = compose_config(["simulation.seed=2"]).origins
    assert origins.place(("simulation", "seed")) == "command line"
    place = origins.place(("strategies", "ema_cross", "fast"))
    file, _, line = place.rpartition(":")
    text = (Path(__file__).parents[2] / file).read_text(encoding="utf-8").splitlines()
    assert text[int(line) - 1].strip().startswith("fast:")


def test_numbers_of_the_configuration_are_exact() -> None:
    config = load_config(["exchanges.okx.fees.maker=1.5bps", "instruments.okx_btc_perp.tick_size=0.1"]).config
    assert config.exchanges["okx"].fees.maker == Decimal("0.00015")
    assert config.instruments["okx_btc_perp"].tick_size == Decimal("0.1")

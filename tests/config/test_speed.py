"""How fast a replay is to be."""

from __future__ import annotations

import pytest

from quantai.config import load_config
from quantai.core.errors import ConfigError
from quantai.simulation.pacing import MAX_SPEED


@pytest.mark.parametrize(
    ("text", "speed"), [("null", None), ("1", 1.0), ("0.5", 0.5), ("1e-3", 0.001), (str(MAX_SPEED), MAX_SPEED)]
)
def test_a_speed_is_a_multiple_of_the_original_or_none(text: str, speed: float | None) -> None:
    assert load_config([f"simulation.speed={text}"]).config.simulation.speed == speed


def test_without_it_a_replay_is_as_fast_as_possible() -> None:
    assert load_config([]).config.simulation.speed is None


@pytest.mark.parametrize("text", ["0", "-1", ".nan", "nan", ".inf", str(MAX_SPEED + 1), "1e400", "true", "fast", "[1]"])
def test_what_is_no_speed_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"simulation\.speed"):
        load_config([f"simulation.speed={text}"])

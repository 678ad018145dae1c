"""What routers are asked."""

from __future__ import annotations

import pytest

from quantai.core.enums import TimeInForce
from tests.oms.routing.scene import ask


@pytest.mark.parametrize(
    ("price", "time_in_force", "is_immediate"),
    [
        (None, TimeInForce.GTC, True),
        ("100", TimeInForce.GTC, False),
        ("100", TimeInForce.POST_ONLY, False),
        ("100", TimeInForce.IOC, True),
        ("100", TimeInForce.FOK, True),
    ],
)
def test_what_is_to_trade_at_once(price: str | None, time_in_force: TimeInForce, is_immediate: bool) -> None:
    assert ask(price=price, time_in_force=time_in_force).is_immediate is is_immediate

"""Questions about an account: an order that the venue does not know is none, anything else that fails is no answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import pytest

from quantai.core.errors import VenueError
from quantai.exchanges.errors import MalformedReply, OrderNotFound, OutcomeUnknown
from quantai.exchanges.http_account import HttpAccount, checked
from quantai.exchanges.http_request import HttpRequest
from tests.exchanges.execution_world import World

ORDER = HttpRequest(method="GET", path="/order")


def account(world: World) -> HttpAccount:
    questions: Any = dict.fromkeys(HttpAccount.__abstractmethods__)
    return cast(HttpAccount, type("ToyAccount", (HttpAccount,), questions)(world.execution._core))


async def test_only_the_venues_own_word_makes_an_order_none() -> None:
    world = World()
    world.http.answer("GET /order", {"id": 5}, OrderNotFound("no"), OutcomeUnknown("cut"))
    asked = account(world)
    assert await asked.find(ORDER, dict[str, int]) == {"id": 5}
    assert await asked.find(ORDER, dict[str, int]) is None
    with pytest.raises(VenueError):
        await asked.find(ORDER, dict[str, int])


def test_symbols_that_nobody_knows_are_left_as_they_are() -> None:
    asked = account(World())
    assert [asked.unified("BTCUSDT"), asked.unified("XYZ")] == ["BTC/USDT", "XYZ"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1E+400"])
def test_an_answer_with_a_number_that_nobody_can_count_with_is_none(number: str) -> None:
    checked(Decimal(1), Decimal(-1))
    with pytest.raises(MalformedReply):
        checked(Decimal(1), Decimal(number))

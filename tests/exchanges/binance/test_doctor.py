"""What the examination of Binance finds, and what it warns of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from quantai.core.errors import StartupError
from quantai.exchanges.binance.doctor import Patient, examine
from quantai.exchanges.binance.product import SPOT, USDM, WEIGHT, Product
from quantai.exchanges.doctor import Finding, Health
from quantai.exchanges.errors import NoConnection
from quantai.exchanges.rate_limiter import Priority
from tests.exchanges.binance.private_world import SECRET, World, instruments, make_core, world

PERMISSIONS = "GET /sapi/v1/account/apiRestrictions"
SAFE = {"ipRestrict": True, "enableReading": True, "enableWithdrawals": False, "enableSpotAndMarginTrading": True,
        "enableInternalTransfer": False, "permitsUniversalTransfer": False}  # fmt: skip


async def loaded() -> None:
    """The listing is there already."""


def prepared(there: World) -> World:
    there.rest.answer(PERMISSIONS, SAFE)
    there.rest.answer("GET /api/v3/openOrders", [])
    there.rest.answer("GET /api/v3/myTrades", [])
    there.rest.answer("GET /api/v3/account", {"balances": [{"asset": "BTC", "free": "1", "locked": "0"}]})
    there.rest.answer("GET /fapi/v1/openOrders", [])
    there.rest.answer("GET /fapi/v1/openAlgoOrders", [])
    there.rest.answer("GET /fapi/v1/userTrades", [])
    there.rest.answer("GET /fapi/v3/balance", [{"asset": "USDT", "balance": "5"}])
    there.rest.answer("GET /fapi/v3/positionRisk", [])
    return there


async def found(there: World, product: Product) -> dict[str, Finding]:
    patient = Patient(there.core, instruments(product), loaded)
    return {each.check: each for each in await examine(patient)}


@pytest.mark.parametrize("product", [SPOT, USDM])
async def test_a_healthy_account(product: Product) -> None:
    async with world(product) as there:
        findings = await found(prepared(there), product)
        assert list(findings) == ["reach", "clock", "key", "rate budget", "instruments", "reconciliation"]
        assert {each.health for each in findings.values()} == {Health.GOOD}
        assert "HMAC" in findings["key"].text
        assert "0 open orders" in findings["reconciliation"].text
        assert not any(where.startswith(("POST", "PUT", "DELETE")) for where, _ in there.rest.requests)


@pytest.mark.parametrize(
    ("permissions", "health", "text"),
    [
        ({"enableWithdrawals": True}, Health.DOUBTFUL, "may WITHDRAW"),
        ({"permitsUniversalTransfer": True}, Health.DOUBTFUL, "transfer"),
        ({"ipRestrict": False}, Health.DOUBTFUL, "any address"),
        ({"enableSpotAndMarginTrading": False}, Health.BAD, "may not trade"),
    ],
)
async def test_what_a_key_may_do(permissions: dict[str, Any], health: Health, text: str) -> None:
    async with world(SPOT) as there:
        prepared(there).rest.answer(PERMISSIONS, SAFE | permissions)
        finding = (await found(there, SPOT))["key"]
        assert finding.health is health
        assert text in finding.text


async def test_a_key_that_is_refused_is_bad_and_a_network_without_a_wallet_doubtful() -> None:
    async with world(SPOT) as there:
        prepared(there).rest.answer(PERMISSIONS, (400, {"code": -2015, "msg": "Invalid API-key"}))
        assert (await found(there, SPOT))["key"].health is Health.BAD
        there.rest.answer(PERMISSIONS, (404, ""))
        assert (await found(there, SPOT))["key"].health is Health.DOUBTFUL


async def test_an_order_of_an_instrument_that_is_not_configured() -> None:
    async with world(SPOT) as there:
        strange = {"symbol": "DOGEUSDT", "orderId": 1, "clientOrderId": "x", "side": "BUY", "type": "LIMIT",
                   "status": "NEW", "origQty": "1", "executedQty": "0", "price": "1", "updateTime": 5}  # fmt: skip
        prepared(there).rest.answer("GET /api/v3/openOrders", [strange])
        finding = (await found(there, SPOT))["reconciliation"]
        assert finding.health is Health.DOUBTFUL
        assert "DOGEUSDT" in finding.text


async def test_a_check_that_fails_keeps_no_other_from_being_made() -> None:
    async with world(SPOT) as there:

        async def broken() -> None:
            raise StartupError("the venue lists nothing")

        patient = Patient(prepared(there).core, instruments(SPOT), broken)
        findings = {each.check: each for each in await examine(patient)}
        assert (findings["instruments"].health, findings["instruments"].text) == (Health.BAD, "the venue lists nothing")
        assert findings["reconciliation"].health is Health.GOOD


async def test_instruments_that_are_not_listed_and_a_budget_that_is_used_up() -> None:
    async with world(SPOT) as there:
        prepared(there).core.limiter.learn(WEIGHT, 5_000)
        patient = Patient(there.core, instruments(USDM), loaded)
        findings = {each.check: each for each in await examine(patient)}
        assert "BTC/USDT:USDT" in findings["instruments"].text
        assert findings["instruments"].health is Health.BAD
        assert findings["rate budget"].health is Health.DOUBTFUL
        assert there.core.limiter.try_acquire({WEIGHT: 1}, Priority.QUERY)


async def test_a_clock_that_is_off() -> None:
    async with world(SPOT) as there:
        prepared(there).core.venue_clock._ask = lambda: ahead(there)
        finding = (await found(there, SPOT))["clock"]
        assert finding.health is Health.DOUBTFUL
        assert "NTP" in finding.text


async def ahead(there: World) -> int:
    return there.core.clock.now_ns() + 5_000_000_000


async def test_without_a_key_there_is_market_data_only() -> None:
    async with world(SPOT) as there:
        core = replace(prepared(there).core, signer=None, api_key=None)
        findings = {each.check: each for each in await examine(Patient(core, instruments(SPOT), loaded))}
    assert findings["key"].health is Health.DOUBTFUL
    assert findings["reconciliation"].health is Health.DOUBTFUL


async def test_a_venue_that_cannot_be_reached_is_asked_nothing_else() -> None:
    core = make_core(SPOT)
    core.venue_clock._ask = nobody_answers
    findings = await examine(Patient(core, instruments(SPOT), loaded))
    assert [each.check for each in findings] == [
        "reach",
        "clock",
        "key",
        "rate budget",
        "instruments",
        "reconciliation",
    ]
    assert findings[0].health is Health.BAD
    assert findings[0].text == "http://127.0.0.1:1: not sent, no connection"
    assert {(each.health, each.text) for each in findings[1:]} == {
        (Health.DOUBTFUL, "not tried: the venue was not reached")
    }


async def nobody_answers() -> int:
    raise NoConnection("not sent, no connection")


async def test_where_nothing_is_configured_there_is_nothing_to_trade() -> None:
    async with world(SPOT) as there:
        findings = {each.check: each for each in await examine(Patient(prepared(there).core, (), loaded))}
        assert (findings["instruments"].health, findings["instruments"].text) == (
            Health.DOUBTFUL, "none is configured here",
        )  # fmt: skip


async def test_no_secret_is_told() -> None:
    async with world(SPOT) as there:
        for finding in (await found(prepared(there), SPOT)).values():
            assert SECRET not in finding.text

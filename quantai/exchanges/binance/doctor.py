"""What `quantai doctor` looks at: whether this machine, this key and this configuration can trade at Binance.

Source: Binance Spot API, «General information»; Wallet API, «Get API Key Permission».
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND
from quantai.core.errors import QuantAIError, VenueError
from quantai.exchanges.binance.account import BinanceAccount
from quantai.exchanges.binance.core import BinanceCore
from quantai.exchanges.binance.rest_messages import KeyPermissions
from quantai.exchanges.doctor import Finding, Health
from quantai.exchanges.errors import AuthenticationError, RequestRefused
from quantai.exchanges.http_request import HttpRequest
from quantai.instruments import Instrument

_PERMISSIONS = "/sapi/v1/account/apiRestrictions"
_SKEW_NS = NS_PER_SECOND
_LOW = 0.2


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined. `load` asks the venue what it lists."""

    core: BinanceCore
    instruments: Sequence[Instrument]
    load: Callable[[], Awaitable[object]]

    @property
    def listed(self) -> list[str]:
        """The configured symbols that the venue has."""
        return [each.symbol for each in self.instruments if each.symbol in self.core.mapper]


Check = Callable[[Patient], Awaitable[Finding]]


async def examine(patient: Patient) -> list[Finding]:
    """Every check, one after the other; one that fails says so, and the others go on, where the venue was reached."""
    reach = await _made(patient, "reach", check_reach)
    if reach.health is Health.BAD:
        return [reach, *[Finding(name, Health.DOUBTFUL, "not tried: the venue was not reached") for name, _ in CHECKS]]
    return [reach, *[await _made(patient, name, check) for name, check in CHECKS]]


async def _made(patient: Patient, name: str, check: Check) -> Finding:
    try:
        return await check(patient)
    except QuantAIError as error:
        return Finding(name, Health.BAD, str(error))


async def check_reach(patient: Patient) -> Finding:
    """Whether the venue answers, and how fast."""
    core = patient.core
    try:
        await core.venue_clock.resync()
    except VenueError as error:
        raise VenueError(f"{core.hosts.rest}: {error}") from None
    return Finding("reach", Health.GOOD, f"{core.hosts.rest} answers in {core.http.latency_ns / NS_PER_MS:.0f} ms")


async def check_clock(patient: Patient) -> Finding:
    """How far our clock is off: more than a second, and requests are refused wherever it is not put right."""
    offset_ns = patient.core.venue_clock.offset_ns
    health = Health.DOUBTFUL if abs(offset_ns) > _SKEW_NS else Health.GOOD
    hint = ": keep this machine's clock by NTP" if health is Health.DOUBTFUL else ""
    return Finding("clock", health, f"{offset_ns / NS_PER_MS:+.0f} ms off{hint}")


async def check_key(patient: Patient) -> Finding:
    """What the key may do. USD-M has no question for it: there it is asked whether it may read the account."""
    core = patient.core
    if core.api_key is None or core.signer is None:
        return Finding("key", Health.DOUBTFUL, "none is configured (api_key, api_secret): market data only")
    if core.product.is_futures:
        await BinanceAccount(core, ()).balances()
        return Finding(
            "key", Health.GOOD, f"{core.signer.kind}, may read; what else it may do Binance tells on spot only"
        )
    return await _spot_permissions(core, core.signer.kind)


async def _spot_permissions(core: BinanceCore, kind: str) -> Finding:
    request = HttpRequest(method="GET", path=_PERMISSIONS, costs=core.product.costs(1), is_signed=True)
    try:
        may = await core.http.call(request, KeyPermissions)
    except AuthenticationError:
        raise
    except RequestRefused as error:  # test networks have no wallet
        return Finding("key", Health.DOUBTFUL, f"{kind}, its permissions are not told here: {error}")
    faults = [] if may.enable_spot_and_margin_trading else ["may not trade"]
    risks = ["may WITHDRAW: make one that may not"] if may.enable_withdrawals else []
    risks += (
        ["may transfer to other accounts"] if may.permits_universal_transfer or may.enable_internal_transfer else []
    )
    risks += [] if may.ip_restrict else ["works from any address: restrict it to yours"]
    health = Health.BAD if faults else Health.DOUBTFUL if risks else Health.GOOD
    return Finding("key", health, f"{kind}, " + ("; ".join([*faults, *risks]) or "may trade, may not withdraw"))


async def check_budget(patient: Patient) -> Finding:
    """How much of the rate budget is left, others at the same address included."""
    left = patient.core.limiter.headroom()
    health = Health.DOUBTFUL if left < _LOW else Health.GOOD
    return Finding("rate budget", health, f"{left:.0%} left")


async def check_instruments(patient: Patient) -> Finding:
    """Whether each configured instrument is listed."""
    await patient.load()
    if not patient.instruments:
        return Finding("instruments", Health.DOUBTFUL, "none is configured here")
    missing = [each.symbol for each in patient.instruments if each.symbol not in patient.core.mapper]
    if missing:
        return Finding("instruments", Health.BAD, f"not listed: {', '.join(missing)}")
    return Finding("instruments", Health.GOOD, f"{len(patient.instruments)} configured, all listed")


async def check_account(patient: Patient) -> Finding:
    """A dry run of reconciliation: everything that it asks for is asked for, and nothing is changed."""
    core = patient.core
    if core.signer is None:
        return Finding("reconciliation", Health.DOUBTFUL, "not tried: there is no key")
    account = BinanceAccount(core, patient.listed)
    orders = await account.open_orders()
    fills = await account.fills(core.venue_clock.now_ns() - 3_600 * NS_PER_SECOND)
    balances = await account.balances() or {}
    positions = await account.positions()
    there = {each.symbol for each in orders} | {each.symbol for each in positions}
    strange = sorted(there - set(patient.listed))
    health = Health.DOUBTFUL if strange else Health.GOOD
    hint = f"; not configured: {', '.join(strange)}" if strange else ""
    text = f"{len(orders)} open orders, {len(fills)} fills in the last hour, {len(balances)} currencies, "
    return Finding("reconciliation", health, f"{text}{len(positions)} positions{hint}")


CHECKS: Sequence[tuple[str, Check]] = (
    ("clock", check_clock),
    ("key", check_key),
    ("rate budget", check_budget),
    ("instruments", check_instruments),
    ("reconciliation", check_account),
)

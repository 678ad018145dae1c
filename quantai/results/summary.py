"""`summary.json`: a run in numbers. Money is text, exact."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from quantai.core.clock import iso_utc
from quantai.core.numbers import ZERO, plain
from quantai.portfolio.portfolio import Portfolio, TradingValue
from quantai.portfolio.valuation import Valuation
from quantai.results.recorder import TOTAL, RunRecorder
from quantai.results.tables import computed


def money(amount: Decimal | None) -> str | None:
    """`amount` as text, to 12 decimals; None where it is not known."""
    return None if amount is None else plain(computed(amount))


def whole(valuation: Valuation) -> Decimal | None:
    """What is valued, where all of it has a price: a part is not the whole."""
    return None if valuation.unpriced else valuation.total


def write_summary(folder: Path, summary: dict[str, Any]) -> Path:
    """Write it whole or not at all."""
    target, hidden = folder / "summary.json", folder / ".summary.json.tmp"
    hidden.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return hidden.replace(target)


def trading_summary(
    recorder: RunRecorder, portfolio: Portfolio, errors: dict[str, int], span_ns: tuple[int, int]
) -> dict[str, Any]:
    """What was traded, in all and per strategy and instrument. `errors` counts each strategy's, `span_ns` is the first
    and the last event's time. An amount is None where something in it has no price.
    """
    value = portfolio.value()
    start, end = portfolio.starting_equity, whole(value)
    total = recorder.counts[TOTAL]
    return {
        "currency": portfolio.base_currency,
        "start": iso_utc(span_ns[0]),
        "end": iso_utc(span_ns[1]),
        "orders": total.orders,
        "fills": total.fills,
        "denied": total.denied,
        "errors": sum(errors.values()),
        "fees": money(whole(portfolio.total_fees())),
        "starting_equity": money(start),
        "ending_equity": money(end),
        "pnl": money(None if start is None or end is None else end - start),
        "unpriced": value.unpriced,
        "max_drawdown": money(total.drawdown.maximum),
        "balances": {f"{venue}:{code}": plain(amount) for (venue, code), amount in portfolio.balances().items()},
        "strategies": {name: _strategy(name, recorder, portfolio, errors) for name in recorder.counts if name != TOTAL},
        "instruments": _instruments(recorder, portfolio),
        "decision_hash": recorder.decisions.hexdigest(),
    }


def _strategy(name: str, recorder: RunRecorder, portfolio: Portfolio, errors: dict[str, int]) -> dict[str, Any]:
    counts, made = recorder.counts[name], portfolio.strategy_value(name)
    return {
        "orders": counts.orders,
        "fills": counts.fills,
        "denied": counts.denied,
        "errors": errors.get(name, 0),
        "fees": _of(made, "fees"),
        "pnl": _of(made, "pnl"),
        "realized_pnl": _of(made, "realized_pnl"),
        "unrealized_pnl": _of(made, "unrealized_pnl"),
        "traded_notional": _of(made, "traded_notional"),
        "max_drawdown": money(counts.drawdown.maximum),
    }


def _of(made: TradingValue | None, name: str) -> str | None:
    return None if made is None else money(getattr(made, name))


def _instruments(recorder: RunRecorder, portfolio: Portfolio) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for (venue, symbol), fills in recorder.fills_by_instrument.items():
        made = portfolio.instrument_value(venue, symbol)
        rows[f"{venue}:{symbol}"] = {
            "fills": fills,
            "fees": _of(made, "fees"),
            "pnl": _of(made, "pnl"),
            "traded_notional": _of(made, "traded_notional"),
            "position": plain(portfolio.position(venue, symbol) or ZERO),
        }
    return rows


def read_status(folder: Path) -> int:
    """The exit status of the run in `folder`, as its summary tells."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return int(summary.get("exit_status", 0))

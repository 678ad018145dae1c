"""What goes wrong in one seed, and how often."""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import dataclass

from quantai.core.clock import NS_PER_MS, NS_PER_SECOND

_RATES = {
    "drop": 0.15,  # a report is lost
    "delay": 0.3,  # a report comes up to seconds late
    "duplicate": 0.2,  # a report comes twice
    "late": 0.15,  # a command, or its answer, takes longer than anybody waits
    "lost_command": 0.1,  # a command never arrives
    "lost_answer": 0.15,  # a command arrives, its answer does not
    "raise": 0.08,  # the connector fails on a command, which arrives or does not
    "reject": 0.08,  # the venue refuses a command for reasons of its own
    "hidden": 0.2,  # a trade is told, and listed, seconds after the venue counts it: by then it may be inferred
    "query": 0.25,  # a question is not answered
    "unasked": 0.15,  # the venue cancels, expires or reduces an order by itself
    "external": 0.15,  # the user trades by phone
    "cash": 0.15,  # deposits, withdrawals and funding
}
_TIMES = {
    "disconnect": 3,  # the private stream falls: what would have been reported is lost
    "restart": 2,  # the venue is gone for a while; its open orders survive that, or do not
    "crash": 4,  # the daemon is killed at some message, write or send
    "journal": 3,  # the journal cannot write for a while
    "stall": 6,  # the disk is slow for once
    "halt": 2,  # somebody halts trading, and resumes it
    "memory": 1,  # few closed orders stay in memory, so that what comes late is looked up; there are no families then
}
_HABITS = (
    "new_id",  # an amended order gets another id
    "no_amend",  # orders cannot be amended
    "id_only",  # reports name the venue's id only
    "forgets",  # closed orders that never traded are forgotten soon
    "post_only_cancels",  # a post-only order that would take is accepted, then cancelled
    "base_fees",  # fees of spot buys are taken out of what was bought
    "no_filled",  # reports do not tell how much has traded in all
    "skew",  # the venue's clock is wrong
)

KINDS = (*_RATES, *_TIMES, *_HABITS)


@dataclass(frozen=True)
class Faults:
    """`rates` are chances by message or by step, `times` how often something happens at most."""

    rates: dict[str, float]
    times: dict[str, int]
    without: frozenset[str]

    @classmethod
    def drawn(cls, dice: random.Random, without: Collection[str] = ()) -> Faults:
        """Those of one seed: some seeds are calm, in others everything breaks."""
        rates = {kind: most * dice.choice((0.0, 0.2, 0.5, 1.0)) for kind, most in _RATES.items()}
        times = {kind: dice.randint(0, most) for kind, most in _TIMES.items()}
        return cls(
            {kind: 0.0 if kind in without else rate for kind, rate in rates.items()},
            {kind: 0 if kind in without else count for kind, count in times.items()},
            frozenset(without),
        )

    def calm(self) -> Faults:
        """The same with nothing that goes wrong any more."""
        return Faults(dict.fromkeys(self.rates, 0.0), dict.fromkeys(self.times, 0), self.without)


@dataclass(frozen=True)
class Habits:
    """How one venue is."""

    new_id: bool
    no_amend: bool
    id_only: bool
    forgets: bool
    post_only_cancels: bool
    base_fees: bool
    no_filled: bool
    skew_ns: int

    @classmethod
    def drawn(cls, dice: random.Random, without: Collection[str] = ()) -> Habits:
        """Those of one venue in one seed."""
        flags = {habit: dice.random() < 0.3 and habit not in without for habit in _HABITS}
        skew_ns = dice.randint(-400, 400) * NS_PER_MS if flags.pop("skew") else 0
        return cls(**flags, skew_ns=skew_ns)


RECV_WINDOW_NS = 2 * NS_PER_SECOND
"""A venue does not carry out a command that took longer than this: a limit all venues have, or let one set."""

"""Whatever happens, children never are for more than their parent."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.exchanges.execution import ExecType
from quantai.oms.models import Order
from tests.oms.routing.floor import D, Floor, S

STEPS = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.sampled_from(
            ["new", "fill", "unknown", "reject", "expire", "canceled", "cancel", "refuse", "cancel_parent"]
        ),
        st.integers(1, 4),
    ),
    max_size=40,
)


def step(floor: Floor, parent: Order, which: int, what: str, share: int) -> None:
    """A venue, or somebody here, does something to one of the children that are open."""
    working = [child for child in floor.children(parent) if child.is_open]
    if not working:
        return
    child = working[which % len(working)]
    match what:
        case "fill":
            floor.fill(child, str(child.leaves_quantity * share / 4))
        case "cancel":
            floor.orders.cancel(child)
        case "cancel_parent":
            floor.orders.cancel(parent)
        case _:
            types = {
                "new": ExecType.NEW, "unknown": ExecType.UNKNOWN, "reject": ExecType.REJECTED,
                "expire": ExecType.EXPIRED, "canceled": ExecType.CANCELED, "refuse": ExecType.CANCEL_REJECTED,
            }  # fmt: skip
            floor.say(child, types[what])


@settings(max_examples=50, deadline=None)
@given(STEPS, st.sampled_from([{"a": "3"}, {"a": "1", "b": "2"}, {"a": "1", "b": "1", "c": "1"}]), st.integers(0, 3))
def test_filled_and_working_never_exceed_the_parent(
    steps: list[tuple[int, str, int]], legs: dict[str, str], max_reroutes: int
) -> None:
    floor = Floor(max_reroutes=max_reroutes)
    parent = floor.buy(legs)
    was_cancelled = False
    for which, what, share in steps:
        was_cancelled |= parent.state is S.PENDING_CANCEL
        before = len(floor.children(parent))
        step(floor, parent, which, what, share)
        children = floor.children(parent)
        filled = sum((child.filled_quantity for child in children), D(0))
        assert filled + sum((child.working_quantity for child in children), D(0)) <= parent.quantity
        assert parent.filled_quantity == filled
        assert not (was_cancelled and len(children) > before)
        assert len(children) <= len(legs) + max_reroutes * 2
        assert parent.is_open is any(child.is_open for child in children)
        assert (parent.state is S.FILLED) is (filled == parent.quantity)

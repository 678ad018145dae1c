"""How people name orders: whole ids, beginnings of ids, or a beginning and an end as tables show them."""

from __future__ import annotations

from dataclasses import dataclass

GAP = "…"
"""Stands for the middle of an id where there is no room for it."""

MAX_MATCHES = 20
"""How many orders are listed where a name is not that of one."""


@dataclass(frozen=True, slots=True)
class OrderName:
    """What was asked for: an id, whole or in parts."""

    head: str
    tail: str = ""

    @staticmethod
    def of(text: str) -> OrderName:
        """`alpha…07`, `alpha...07`, or the beginning of an id."""
        head, _, tail = text.strip().replace("...", GAP).partition(GAP)
        return OrderName(head, tail)

    def fits(self, order_id: str) -> bool:
        """Whether it may be the name of `order_id`."""
        size = len(self.head) + len(self.tail)
        return size <= len(order_id) and order_id.startswith(self.head) and order_id.endswith(self.tail)


def shortened(order_id: str, width: int) -> str:
    """`order_id` in at most `width` characters, so that it can be asked for: its beginning and its end."""
    if len(order_id) <= width:
        return order_id
    tail = min(8, (width - 1) * 2 // 3)
    return f"{order_id[: width - 1 - tail]}{GAP}{order_id[len(order_id) - tail :]}"

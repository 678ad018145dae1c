"""Looking into a journal from outside, while a daemon writes to it or while none runs. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.exc import SQLAlchemyError

from quantai.core.account import AccountChange
from quantai.core.clock import NS_PER_SECOND
from quantai.core.errors import StoreError
from quantai.oms.journal import queries
from quantai.oms.journal.base import JournalledEvent
from quantai.oms.journal.database import journal_url, open_engine, reason_of
from quantai.oms.journal.migrate import is_newer, revision_of
from quantai.oms.journal.stored import StoredOrder
from quantai.oms.journal.tables import REVISION

Answer = TypeVar("Answer")

_NAMED = 5


class JournalReader:
    """Reads the journal at `url`; not for event loops.

    Everything raises `StoreError` where there is no journal, where its schema is not this program's, and where the
    database does not answer.
    """

    def __init__(self, url: str | URL, timeout_ns: int = 5 * NS_PER_SECOND) -> None:
        self._url = journal_url(url)
        self._engine = open_engine(self._url, timeout_ns / NS_PER_SECOND)

    def orders(
        self, *, open_only: bool = False, strategy: str | None = None, symbol: str | None = None, limit: int = 100
    ) -> list[StoredOrder]:
        """The newest `limit` orders that fit, in the order in which they were made."""
        return self._ask(
            lambda connection: queries.list_orders(
                connection, open_only=open_only, strategy=strategy, symbol=symbol, limit=limit
            )
        )

    def order(self, name: str) -> StoredOrder:
        """The order whose id is `name`, or the only one whose id begins so or that a venue calls so. Raises
        `StoreError` also where there is none, or more than one.
        """
        exact = self._ask(lambda connection: queries.find(connection, name))
        if exact is not None:
            return exact
        found = self._ask(lambda connection: queries.find_like(connection, name, _NAMED + 1)) if name else []
        if not found:
            raise StoreError(f"the order journal {self._url!r} has no order {name!r}: `quantai orders` lists them")
        if len(found) > 1:
            ids = ", ".join(order.client_order_id for order in found[:_NAMED])
            more = ", ..." if len(found) > _NAMED else ""
            raise StoreError(f"{name!r} may be any of {ids}{more}: give more of the id")
        return found[0]

    def story(self, client_order_id: str) -> Sequence[JournalledEvent]:
        """Events and notes of an order, oldest first."""
        return self._ask(lambda connection: queries.story(connection, client_order_id))

    def settings(self) -> dict[str, str]:
        """Every setting."""
        return self._ask(queries.settings)

    def account(self) -> AccountChange:
        """Every position and balance as it was last."""
        return self._ask(queries.account)

    def _ask(self, question: Callable[[Connection], Answer]) -> Answer:
        try:
            with self._engine.connect() as connection, connection.begin():
                self._check(revision_of(connection))
                return question(connection)
        except (SQLAlchemyError, OSError) as error:
            raise StoreError(
                f"there is no order journal at {self._url!r} that can be read: {reason_of(error)}. Check store, and "
                "that a daemon made one there"
            ) from error

    def _check(self, revision: str) -> None:
        where = f"the order journal {self._url!r}"
        if not revision:
            raise StoreError(f"{where} is empty: no daemon used it yet")
        if is_newer(revision):
            raise StoreError(f"{where} has schema {revision}, this QuantAI knows {REVISION}: upgrade QuantAI here")
        if revision != REVISION:
            raise StoreError(
                f"{where} has schema {revision}, this QuantAI needs {REVISION}: a daemon's start migrates it"
            )

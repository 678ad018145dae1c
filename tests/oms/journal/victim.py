"""A process that trades into a journal until it is killed: by itself at a step, or from outside."""

from __future__ import annotations

import asyncio
import os
import signal
from multiprocessing.connection import Connection

from tests.oms.journal.books import Books, account, opened, submitted

IN_FLIGHT = 3
TOLD = "told"
"""The step at which the order may be sent."""


def trade(url: str, tag: str, step: str, count: int, pipe: Connection) -> None:
    """Submit orders without end, `IN_FLIGHT` at a time; one that is durable is told to `pipe`, then fills. The process
    ends at the `count`th `step`.
    """
    left = count

    def on_step(name: str) -> None:
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    async def run() -> None:
        async with opened(url, on_step=on_step) as journal:
            books = Books(journal, tag)

            def submit() -> None:
                order = books.order()

                def on_kept(is_durable: bool) -> None:
                    on_step(TOLD)
                    pipe.send(order.client_order_id)
                    books.fill(order, "0.5", "first", account("0.5", "1"))
                    books.fill(order, "1.0", "rest", account("1.5", "2"))
                    submit()

                books.append(order, submitted(order), None, on_kept)

            for _ in range(IN_FLIGHT):
                submit()
            await asyncio.Event().wait()

    asyncio.run(run())

"""What the order journal must be for what the rest of the configuration asks."""

from __future__ import annotations

from collections.abc import Iterator

from quantai.config.problems import Problem
from quantai.config.schema import Config, Execution
from quantai.config.schema.store import MemoryStoreSection


def check_store(config: Config) -> Iterator[Problem]:
    """Real orders need a durable journal; an archive needs something that goes there."""
    store = config.store
    if isinstance(store, MemoryStoreSection):
        if config.mode.execution is Execution.VENUES:
            yield Problem(
                ("store", "type"),
                "real orders need a durable order journal, memory forgets them with the process: choose store=sqlite "
                "or store=postgresql",
                shown="'memory'",
            )
    elif store.archive is not None and store.keep is None:
        yield Problem(
            ("store", "archive"),
            "nothing is ever archived without store.keep, after which closed orders are",
            shown=repr(store.archive),
        )

"""The journal that a configuration asks for, and what is wrong with some."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantai.assembly.journal import build_journal, build_journal_reader, build_prune_job
from quantai.config import Config, ConfigProblems, load_config
from quantai.config.schema import Execution
from quantai.config.store_rules import check_store
from quantai.core.clock import SimulatedClock
from quantai.core.errors import StoreError
from quantai.instruments import InstrumentCatalogue
from quantai.oms.journal import Journal, MemoryJournal
from quantai.oms.journal.sql import SqlJournal
from tests.oms.journal.books import Books, durable

_CLOCK = SimulatedClock(10**18)


def built(config: Config) -> Journal:
    return build_journal(config, _CLOCK, InstrumentCatalogue(), lambda event: None)


def config_of(*overrides: str) -> Config:
    return load_config(overrides).config


def answer(*overrides: str) -> str:
    with pytest.raises(ConfigProblems) as caught:
        load_config(overrides)
    return str(caught.value)


def test_memory_forgets_and_has_nothing_to_read_or_prune() -> None:
    config = config_of("store=memory")
    journal = built(config)
    assert isinstance(journal, MemoryJournal)
    assert build_prune_job(config, journal, _CLOCK) is None
    with pytest.raises(StoreError, match="store=memory keeps no orders"):
        build_journal_reader(config.store)


async def test_sqlite_is_a_file_that_is_kept_read_and_pruned(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.db"
    config = config_of("store=sqlite", f"store.path={path}", "store.keep=30d", f"store.archive={tmp_path / 'old'}")
    journal = built(config)
    assert isinstance(journal, SqlJournal)
    await journal.start()
    books = Books(journal)
    books.cancel(books.submit())
    await durable(journal)
    assert len(build_journal_reader(config.store).orders()) == 1
    prune = build_prune_job(config, journal, SimulatedClock(3 * 10**18))
    assert prune is not None
    await prune()
    assert build_journal_reader(config.store).orders() == []
    await journal.close()
    assert (tmp_path / "old" / "orders").is_dir()


def test_without_a_limit_nothing_is_pruned() -> None:
    config = config_of("store=sqlite")
    assert build_prune_job(config, built(config), _CLOCK) is None


def test_a_journal_that_is_not_the_configured_one_is_not_pruned() -> None:
    assert build_prune_job(config_of("store=sqlite", "store.keep=1d"), MemoryJournal(), _CLOCK) is None


def test_postgresql_gets_user_and_password_and_never_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRESQL_PASSWORD", "very secret")
    config = config_of("store=postgresql", "store.url='postgresql://db:5433/books?sslmode=require'")
    journal = built(config)
    assert isinstance(journal, SqlJournal)
    assert (journal.url.username, journal.url.password) == ("quantai", "very secret")
    assert (journal.url.host, journal.url.port, journal.url.database) == ("db", 5433, "books")
    assert journal.url.query == {"sslmode": "require"}
    assert "very secret" not in f"{config!r} {journal.url!r}"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (("store.url=postgresql://me:pass@db/books",), "must not hold a user or password: give store.username"),
        (("store.url='postgresql://db/books?password=x'",), "must not hold a user or password"),
        (("store.url=mysql://db/books",), "expected postgresql://host:5432/database"),
        (("store.url=postgresql://db/",), "expected postgresql://host:5432/database"),
        (("store.password=open",), "a secret must be a reference"),
        (("store.timeout=2",), "a duration needs a unit"),
        (("store.max_waiting=99",), "store.max_waiting"),
        (("store.archive=old",), "store.archive = 'old': nothing is ever archived without store.keep"),
        (("store.path=x.db",), "store.path = 'x.db': unknown key"),
    ],
)
def test_a_wrong_value_gets_a_line(overrides: tuple[str, ...], said: str) -> None:
    assert said in answer("store=postgresql", *overrides)


def test_real_orders_need_a_durable_journal() -> None:
    config = config_of("store=memory")
    live = config.model_copy(update={"mode": config.mode.model_copy(update={"execution": Execution.VENUES})})
    (problem,) = check_store(live)
    assert problem.path == ("store", "type")
    assert "choose store=sqlite or store=postgresql" in problem.message
    durable_store = config_of("store=sqlite").store
    assert list(check_store(live.model_copy(update={"store": durable_store}))) == []


def test_what_is_archived_is_kept_for_a_while_first() -> None:
    config = config_of("store=sqlite", "store.keep=1d", "store.archive=old")
    assert list(check_store(config)) == []

from __future__ import annotations

from quantai.exchanges.websocket.watchdog import Silence, Watchdog

LIMIT = 100


def look(watchdog: Watchdog, now_ns: int, on_since_ns: int = 1) -> list[Silence]:
    return watchdog.look([("s", LIMIT, on_since_ns)], now_ns)


def watching() -> Watchdog:
    watchdog = Watchdog()
    watchdog.watch(["s"])
    return watchdog


def test_a_stream_is_silent_after_its_limit_and_not_before() -> None:
    watchdog = watching()
    watchdog.heard[b"s"] = 50
    assert look(watchdog, 149) == []
    assert look(watchdog, 150) == [("s", 50, False)]


def test_one_that_never_spoke_is_silent_since_it_was_acknowledged() -> None:
    assert look(watching(), 500, on_since_ns=400) == [("s", 400, False)]


def test_where_asking_anew_did_not_help_a_new_connection_is_wanted_once_and_then_patience() -> None:
    watchdog = watching()
    assert look(watchdog, 101) == [("s", 1, False)]
    assert look(watchdog, 150, on_since_ns=110) == []
    assert look(watchdog, 210, on_since_ns=110) == [("s", 110, True)]
    assert look(watchdog, 410, on_since_ns=220) == []
    assert look(watchdog, 420, on_since_ns=220) == [("s", 220, False)]
    assert look(watchdog, 800, on_since_ns=430) == []


def test_a_stream_that_spoke_again_has_its_first_chance_again() -> None:
    watchdog = watching()
    look(watchdog, 101)
    watchdog.heard[b"s"] = 150
    assert look(watchdog, 251, on_since_ns=110) == [("s", 150, False)]


def test_streams_that_are_no_longer_watched_are_forgotten() -> None:
    watchdog = watching()
    look(watchdog, 101)
    watchdog.watch([])
    assert watchdog.heard == {}

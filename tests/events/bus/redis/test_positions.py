from __future__ import annotations

from quantai.events.bus.redis.positions import MAX_ORIGINS, Position, Positions


def test_positions_are_stored_and_found_again() -> None:
    positions = Positions()
    positions.advance("a", Position(3, 100))
    positions.advance("b", Position(5, 90))
    positions.advance("a", Position(4, 110))
    changed, forgotten = positions.take_changes()
    assert forgotten == []
    assert positions.take_changes() == ({}, [])
    again = Positions()
    again.load({origin.encode(): text.encode() for origin, text in changed.items()})
    assert again.find("a") == Position(4, 110)
    assert again.find("b") == Position(5, 90)
    assert again.find("c") is None


def test_what_is_no_position_is_left_out() -> None:
    positions = Positions()
    positions.load({b"a": b"", b"b": b"1", b"c": b"1 2 3", b"d": b"x y", b"\xff": b"1 2", b"e": b"1 2"})
    assert [positions.find(origin) for origin in "abcde"] == [None] * 4 + [Position(1, 2)]


def test_the_origins_heard_of_longest_ago_are_forgotten() -> None:
    positions = Positions()
    positions.load({f"o{number}".encode(): f"1 {number}".encode() for number in range(MAX_ORIGINS)})
    positions.advance("o0", Position(2, MAX_ORIGINS))
    positions.advance("new", Position(1, MAX_ORIGINS))
    assert positions.find("o1") is None
    assert positions.find("o0") == Position(2, MAX_ORIGINS)
    assert positions.take_changes()[1] == ["o1"]

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from quantai.exchanges.websocket.handover import Handover


class Consumer:
    def __init__(self, limit: int = 1_000, knows_answers: bool = True) -> None:
        self.frames: list[bytes] = []
        self.times: list[int] = []
        self.handover = Handover(self.take, self.is_answer if knows_answers else self.unknown, limit)

    def take(self, frame: bytes, ts_ns: int) -> None:
        self.frames.append(frame)
        self.times.append(ts_ns)

    def is_answer(self, frame: bytes) -> bool:
        return frame.startswith(b"answer")

    def unknown(self, frame: bytes) -> None:
        return None


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_each_frame_comes_once_and_in_order_whatever_the_two_connections_delays(data: st.DataObject) -> None:
    """Both bring the same frames from the moment the new one is subscribed, each at its own pace."""
    count = data.draw(st.integers(1, 40))
    frames = [b"%d" % number for number in range(count)]
    subscribed_at = data.draw(st.integers(0, count))
    cut_at = data.draw(st.integers(subscribed_at, count))
    consumer = Consumer()
    handover = consumer.handover
    old_index, new_index = 0, subscribed_at
    while old_index < cut_at or new_index < cut_at:
        old_can, new_can = old_index < cut_at, new_index < cut_at and new_index < old_index + 5
        if old_can and (not new_can or data.draw(st.booleans())):
            handover.from_old(frames[old_index], old_index)
            old_index += 1
        else:
            handover.from_new(frames[new_index], new_index)
            new_index += 1
    skew = data.draw(st.integers(0, 5))
    for number in range(old_index, min(count, old_index + skew)):
        handover.from_old(frames[number], number)  # the old one is ahead
    handover.cut(count)
    for number in range(new_index, count):
        handover.from_new(frames[number], count + number)
        handover.from_old(frames[number], count + number)
    assert consumer.frames == frames
    assert consumer.times == sorted(consumer.times)


def test_what_the_old_one_is_late_with_comes_from_the_new_one_at_the_cut() -> None:
    consumer = Consumer()
    consumer.handover.from_new(b"1", 10)
    consumer.handover.from_new(b"2", 11)
    consumer.handover.from_old(b"1", 12)
    assert consumer.frames == [b"1"]
    consumer.handover.cut(20)
    assert (consumer.frames, consumer.times) == ([b"1", b"2"], [12, 20])


def test_equal_frames_count_as_often_as_they_come() -> None:
    consumer = Consumer()
    for _ in range(3):
        consumer.handover.from_old(b"same", 1)
    consumer.handover.cut(2)
    for _ in range(4):
        consumer.handover.from_new(b"same", 3)
    assert len(consumer.frames) == 4
    assert consumer.handover.doubles == 3


def test_answers_pass_at_once_on_both_also_after_the_cut() -> None:
    consumer = Consumer()
    consumer.handover.from_new(b"answer 1", 1)
    consumer.handover.cut(2)
    consumer.handover.from_old(b"answer 2", 3)
    consumer.handover.from_old(b"data", 3)
    assert consumer.frames == [b"answer 1", b"answer 2"]


def test_where_answers_are_not_known_what_comes_in_the_opening_passes_and_then_is_held() -> None:
    consumer = Consumer(knows_answers=False)
    consumer.handover.from_new(b"login", 1)
    consumer.handover.is_opening = False
    consumer.handover.from_new(b"data", 2)
    assert consumer.frames == [b"login"]
    consumer.handover.cut(3)
    assert consumer.frames == [b"login", b"data"]


def test_no_more_than_the_limit_is_kept_and_nothing_is_lost_for_it() -> None:
    consumer = Consumer(limit=10)
    for number in range(1_000):
        consumer.handover.from_new(b"n%d" % number, number)
        consumer.handover.from_old(b"o%d" % number, number)
    held = [b"n%d" % number for number in range(1_000)]
    assert [frame for frame in consumer.frames if frame.startswith(b"n")] == held[:990]
    consumer.handover.cut(1_000)
    assert consumer.frames[-10:] == held[990:]
    assert len(consumer.frames) == 2_000

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from quantai.exchanges.websocket.dialect import Answer
from quantai.exchanges.websocket.refusals import Refusals
from quantai.exchanges.websocket.subscriptions import Request, Subscriptions

TIMEOUT_NS = 1_000
FIRST_RETRY_NS = 5_000
STREAMS = [f"s{number}" for number in range(6)]
subsets = st.sets(st.sampled_from(STREAMS))


def subscriptions(wanted: Iterable[str], per_request: int = 200, max_waiting: int = 16) -> Subscriptions:
    ids = count(1)
    return Subscriptions(
        wanted,
        next_id=lambda: next(ids),
        refusals=Refusals(FIRST_RETRY_NS, 40_000),
        per_request=per_request,
        max_waiting=max_waiting,
        answer_timeout_ns=TIMEOUT_NS,
    )


def ask(subject: Subscriptions, now_ns: int) -> list[Request]:
    requests = []
    while (request := subject.next_request(now_ns)) is not None:
        subject.sent(request, now_ns)
        requests.append(request)
    return requests


def test_what_is_wanted_is_asked_for_in_requests_of_allowed_size() -> None:
    subject = subscriptions("abcde", per_request=2)
    assert [request.streams for request in ask(subject, 1)] == [("a", "b"), ("c", "d"), ("e",)]
    assert not subject.is_settled(frozenset(STREAMS) | {"a", "b"}, 1)
    assert subject.on == frozenset()


def test_only_an_acknowledgement_makes_a_stream_on() -> None:
    subject = subscriptions("ab", per_request=1)
    first, _ = ask(subject, 1)
    subject.answered(Answer(first.id), 2)
    assert subject.on == {"a"}
    assert subject.on_since_ns("a") == 2
    assert not subject.is_settled(frozenset(STREAMS) | {"a", "b"}, 2)


def test_an_unanswered_request_is_asked_again_and_counted_until_something_is_answered() -> None:
    subject = subscriptions("a")
    ask(subject, 1)
    assert subject.next_due_ns(1) == 1 + TIMEOUT_NS
    assert subject.expire(TIMEOUT_NS) == 0
    assert subject.expire(1 + TIMEOUT_NS) == 1
    (again,) = ask(subject, 1 + TIMEOUT_NS)
    assert again.streams == ("a",)
    assert subject.unanswered_in_row == 1
    subject.answered(Answer(again.id), 2_000)
    assert subject.unanswered_in_row == 0
    assert subject.on == {"a"}


def test_a_late_answer_proves_nothing() -> None:
    subject = subscriptions("a")
    (request,) = ask(subject, 1)
    subject.expire(1 + TIMEOUT_NS)
    subject.answered(Answer(request.id), 1_500)
    assert subject.on == frozenset()


def test_the_time_for_an_answer_begins_when_the_request_left() -> None:
    subject = subscriptions("a")
    request = subject.next_request(1)
    assert request is not None
    assert subject.expire(10 * TIMEOUT_NS) == 0
    subject.sent(request, 10 * TIMEOUT_NS)
    assert subject.expire(11 * TIMEOUT_NS) == 1


def test_a_refused_stream_is_told_and_asked_again_later_and_later() -> None:
    subject = subscriptions("a")
    now_ns, waits = 1, []
    for _ in range(6):
        (request,) = ask(subject, now_ns)
        assert subject.answered(Answer(request.id, False, "no"), now_ns) == ["a"]
        assert subject.is_settled(frozenset(STREAMS) | {"a", "b"}, now_ns)
        assert ask(subject, now_ns) == []
        due_ns = subject.next_due_ns(now_ns)
        assert due_ns is not None
        assert ask(subject, due_ns - 1) == []
        waits.append(due_ns - now_ns)
        now_ns = due_ns
    assert waits == [5_000, 10_000, 20_000, 40_000, 40_000, 40_000]


def test_one_bad_stream_spoils_a_request_for_the_others_only_until_it_is_found() -> None:
    subject = subscriptions("abcdefgh")
    refused: list[str] = []
    asked = 0
    while requests := ask(subject, 1):
        asked += len(requests)
        for request in requests:
            refused += subject.answered(Answer(request.id, "f" not in request.streams), 1)
    assert refused == ["f"]
    assert subject.on == set("abcdegh")
    assert asked == 7


def test_streams_refused_by_name_leave_the_others_on() -> None:
    subject = subscriptions("abc")
    (request,) = ask(subject, 1)
    assert subject.answered(Answer(request.id, False, "no such", ("b",)), 1) == ["b"]
    assert subject.on == {"a", "c"}


def test_what_is_no_longer_wanted_is_ended() -> None:
    subject = subscriptions("ab")
    (request,) = ask(subject, 1)
    subject.answered(Answer(request.id), 1)
    subject.want("b")
    assert subject.on == {"b"}
    (end,) = ask(subject, 2)
    assert (end.is_subscribe, end.streams) == (False, ("a",))


def test_what_was_asked_for_without_an_answer_and_is_no_longer_wanted_is_ended_too() -> None:
    subject = subscriptions("a")
    ask(subject, 1)
    subject.want("")
    subject.expire(1 + TIMEOUT_NS)
    (end,) = ask(subject, 1 + TIMEOUT_NS)
    assert (end.is_subscribe, end.streams) == (False, ("a",))


def test_a_silent_stream_is_ended_and_asked_for_anew() -> None:
    subject = subscriptions("a")
    (request,) = ask(subject, 1)
    subject.answered(Answer(request.id), 1)
    subject.distrust("a")
    assert subject.on == frozenset()
    (end,) = ask(subject, 2)
    assert not end.is_subscribe
    assert ask(subject, 2) == []
    subject.answered(Answer(end.id), 3)
    (anew,) = ask(subject, 3)
    assert anew.is_subscribe


def test_no_more_requests_wait_than_allowed() -> None:
    subject = subscriptions("abcdef", per_request=1, max_waiting=2)
    first, _ = ask(subject, 1)
    assert ask(subject, 1) == []
    subject.answered(Answer(first.id), 1)
    assert len(ask(subject, 1)) == 1


def test_an_answer_to_nothing_is_ignored() -> None:
    subject = subscriptions("a")
    assert subject.answered(Answer(99, False, "?"), 1) == []
    assert subject.answered(Answer(-1, False, "?"), 1) == []
    assert subject.on == frozenset()


class AnyVenue(RuleBasedStateMachine):
    """A venue that takes requests in the order they were sent, does as asked or not, and answers when and if it likes.

    Once it behaves, it streams exactly what is wanted and both sides know it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 1
        self.actual: set[str] = set()
        self.answers: list[Answer] = []
        self.waiting: list[Request] = []

    @initialize(wanted=subsets, per_request=st.integers(1, 4), max_waiting=st.integers(1, 3))
    def begin(self, wanted: set[str], per_request: int, max_waiting: int) -> None:
        self.per_request = per_request
        self.max_waiting = max_waiting
        self.wanted = wanted
        self.subject = subscriptions(wanted, per_request, max_waiting)

    @rule(wanted=subsets)
    def want(self, wanted: set[str]) -> None:
        self.wanted = wanted
        self.subject.want(wanted)

    @rule(fate=st.sampled_from(["granted", "refused", "lost", "done in silence"]))
    def send(self, fate: str) -> None:
        request = self.subject.next_request(self.now_ns)
        if request is None:
            return
        assert 1 <= len(request.streams) <= self.per_request
        self.subject.sent(request, self.now_ns)
        is_nothing_to_end = fate == "refused" and not request.is_subscribe
        if fate in ("granted", "done in silence") or is_nothing_to_end:
            self.do(request)
        if fate in ("granted", "refused"):
            self.answers.append(Answer(request.id, fate == "granted"))

    def do(self, request: Request) -> None:
        if request.is_subscribe:
            self.actual.update(request.streams)
        else:
            self.actual.difference_update(request.streams)

    @precondition(lambda self: self.answers)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        answer = self.answers.pop(data.draw(st.integers(0, len(self.answers) - 1)))
        self.subject.answered(answer, self.now_ns)

    @rule(passed_ns=st.integers(1, 2 * TIMEOUT_NS))
    def wait(self, passed_ns: int) -> None:
        self.now_ns += passed_ns
        self.subject.expire(self.now_ns)

    @rule(streams=subsets)
    def distrust(self, streams: set[str]) -> None:
        self.subject.distrust(streams)

    @invariant()
    def nothing_is_on_that_is_not_wanted(self) -> None:
        assert self.subject.on <= self.wanted

    def teardown(self) -> None:
        """The venue behaves from now on."""
        asked = 0
        for _ in range(100):
            due_ns = self.subject.next_due_ns(self.now_ns)
            self.now_ns = max(self.now_ns, due_ns or 0)
            self.subject.expire(self.now_ns)
            while (request := self.subject.next_request(self.now_ns)) is not None:
                self.subject.sent(request, self.now_ns)
                self.do(request)
                self.subject.answered(Answer(request.id), self.now_ns)
                asked += 1
            if self.subject.next_due_ns(self.now_ns) is None:
                break
        assert self.subject.on == self.wanted == self.actual
        assert self.subject.is_settled(frozenset(STREAMS) | {"a", "b"}, self.now_ns)
        assert asked <= 40


AnyVenue.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyVenue = AnyVenue.TestCase


@given(subsets, st.integers(1, 4), st.integers(0, 5))
def test_a_venue_that_refuses_everything_is_not_asked_in_a_tight_loop(
    wanted: set[str], per_request: int, patience: int
) -> None:
    subject = subscriptions(wanted, per_request)
    asked = 0
    while requests := ask(subject, 1):
        for request in requests:
            asked += 1
            subject.answered(Answer(request.id, False), 1)
    assert asked <= 4 * len(wanted)

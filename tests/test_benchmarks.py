"""The benchmarks' tables and page; nothing is measured here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.bench_decoding import deliver
from benchmarks.binance_frames import PRODUCTS, Session, made
from benchmarks.figures import Figure, heading, number, show
from benchmarks.machine import describe_machine
from benchmarks.peers.comparison import Comparison
from benchmarks.peers.measures import MEASURES, Peer
from benchmarks.peers.trades import Trade, read_trades, write_trades
from benchmarks.report import PAGE, Part, report, title_of, with_parts, with_peers

ROOT = Path(__file__).parents[1]
BENCHES = sorted((ROOT / "benchmarks").glob("bench_*.py"))


def comparison(**ours: float) -> Comparison:
    theirs = Peer("NautilusTrader", "1", "3.13.0", {"exact": 800.0, "wildcard": 800.0, "read": 3_000.0})
    theirs.without["coroutine"] = "its handlers are plain"
    return Comparison("2026-01-02", {"Memory": "1 GiB"}, [Peer("QuantAI", "2", "3.13.0", dict(ours)), theirs])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (4.0, "4"),
        (2.5, "2.50"),
        (0.0123, "0.0123"),
        (123.4, "123"),
        (1_234_567.8, "1,234,568"),
        (-2.5, "-2.50"),
        (float("inf"), "inf"),
    ],
)
def test_numbers_have_three_significant_digits_or_are_whole(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("value", "verdict"), [(3.9, "met"), (4.0, "met"), (4.1, "MISSED")])
def test_a_limit_is_met_up_to_its_value(value: float, verdict: str) -> None:
    assert Figure.at_most("cost", value, "x", 4).verdict == verdict
    assert Figure.at_least("speed", 8 - value, "x", 4).verdict == verdict


def test_a_figure_without_target_has_no_verdict() -> None:
    assert (Figure("cost", 1.5, "ns").text, Figure("cost", 1.5, "ns").verdict) == ("1.50 ns", "")


def test_a_table_fits_the_terminal_and_says_what_was_missed(capsys: pytest.CaptureFixture[str]) -> None:
    show("Bus", [Figure.at_most("x" * 200, 5, "µs", 4), Figure("plain", 1_000, "events/s")])
    title, _, missed, plain = capsys.readouterr().out.strip().splitlines()
    assert title == "Bus"
    assert missed.split()[1:] == ["5", "µs", "≤", "4", "MISSED"]
    assert plain.split() == ["plain", "1,000", "events/s"]
    assert len(missed) <= 100


@pytest.mark.parametrize("docstring", ["Bus: its cost.", "Bus. Its cost.", "Bus"])
def test_a_title_is_the_beginning_of_the_docstring(docstring: str) -> None:
    assert heading(docstring) == "Bus"


def test_the_machine_is_described_without_its_name() -> None:
    machine = describe_machine()
    assert {"Processor", "Memory", "Kernel", "Python", "Libraries"} <= machine.keys()
    assert "/" not in "".join(machine.values())


def test_trades_survive_the_way_to_the_peers(tmp_path: Path) -> None:
    trades = [Trade(1, 2, "60000.10", "0.00100", "buy", "7"), Trade(3, 4, "60000.20", "2.00000", "sell", "8")]
    write_trades(tmp_path / "trades.csv", iter(trades))
    assert list(read_trades(tmp_path / "trades.csv")) == trades


def test_peers_are_compared_by_what_is_better() -> None:
    compared = comparison(exact=100.0, read=2_000.0)
    assert [figure.value for figure in compared.figures()] == [8.0]
    assert compared.lags() == [f"NautilusTrader 1 is ahead at: {MEASURES['read'].what}, 1.50 times."]
    assert "| 100 | 800 (8x) |" in compared.markdown()


def test_frames_are_compared_with_those_who_decode_them() -> None:
    compared = comparison(exact=100.0, spot=350_000.0)
    compared.peers.append(Peer("cryptofeed", "2", "3.13.0", {"spot": 100_000.0, "futures": 70_000.0}))
    assert [(figure.value, figure.met) for figure in compared.figures()] == [(8.0, True), (3.5, True)]


@pytest.mark.parametrize("product", PRODUCTS)
def test_made_frames_are_decoded_with_their_book(product: str) -> None:
    data = made(product, frames=300)
    assert deliver(product, data.snapshot, [frame.encode() for frame in data.frames]) == 300


def test_frames_survive_the_way_to_the_peers(tmp_path: Path) -> None:
    data = made("spot", frames=10)
    data.write(tmp_path / "frames")
    assert Session.read(tmp_path / "frames") == data


def test_a_peer_without_a_figure_says_why() -> None:
    page = comparison(exact=100.0).markdown()
    assert f"has no figure, because its handlers are plain, for: {MEASURES['coroutine'].what}." in page


def test_of_two_measurements_the_better_is_kept() -> None:
    peer = Peer("one", "1", "3", {"exact": 5.0, "read": 5.0})
    peer.improve(Peer("one", "1", "3", {"exact": 6.0, "read": 6.0}))
    assert peer.figures == {"exact": 5.0, "read": 6.0}


def test_results_are_stored_as_they_were(tmp_path: Path) -> None:
    compared = comparison(exact=100.0)
    compared.save(tmp_path / "results.json")
    assert Comparison.load(tmp_path / "results.json") == compared


def test_the_page_has_every_figure() -> None:
    page = report("2026-01-02", {"Memory": "1 GiB"}, [Part("Bus", [Figure("cost", 5, "ns")])], comparison(exact=100.0))
    assert "| Memory | 1 GiB |" in page
    assert "## Bus\n\n|" in page
    assert "| cost | 5 ns |  |  |" in page


def test_new_results_of_peers_replace_the_old_ones_on_the_page() -> None:
    old, new = comparison(exact=100.0), comparison(exact=90.0)
    assert with_peers(report("2026-01-02", {}, [], old), new) == report("2026-01-02", {}, [], new)


def test_single_parts_can_be_measured_anew() -> None:
    parts = [Part(title, [Figure("cost", 5, "ns")]) for title in ("Bus", "Store")]
    page = report("2026-01-02", {}, parts, comparison(exact=100.0))
    changed = [Part(title, [Figure("cost", 7, "ns")]) for title in ("Bus", "Orders")]
    anew = with_parts(page, changed, "2026-02-03")
    assert re.findall(r"## (.*)", anew) == ["Machine", "Bus", "Store", "Orders", "Peers"]
    assert re.findall(r"cost \| (\d) ns", anew) == ["7", "5", "7"]
    assert anew.count("Measured on 2026-02-03.") == 2
    assert with_parts(anew, changed, "2026-02-03") == anew


@pytest.mark.parametrize("bench", BENCHES, ids=lambda path: path.stem)
def test_every_benchmark_has_a_part_on_the_page(bench: Path) -> None:
    assert f"\n## {title_of(bench)}\n" in PAGE.read_text(encoding="utf-8")


def test_the_page_is_of_a_whole_run_and_of_the_stored_peers() -> None:
    page = PAGE.read_text(encoding="utf-8")
    peers = Comparison.load()
    assert peers.markdown() in page
    assert all(f"\n| {name} | " in page for name in ("Processor", "Memory", "Kernel", "Python", "Libraries"))
    assert not re.search(r"/(work|root|home|tmp)/", page)

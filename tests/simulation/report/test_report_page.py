"""The page of a run: complete, deterministic, closed to the network, and really drawn by a browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from quantai.core.errors import StoreError
from quantai.simulation.report import load_run, write_report
from quantai.simulation.report.page import plotly_library
from quantai.simulation.report.sampling import MAX_POINTS

FakeRuns = Callable[..., Any]
Browser = Callable[[Path], str]
HOSTILE = "<script>fail('ran')</script><img src=x onerror=\"fail('ran')\">%{x}<a href='https://example.com'>'\"&amp;"
LOADING_ATTRIBUTES = {"src", "href", "srcset", "action", "formaction", "poster", "data", "background", "xlink:href"}


class PageReader(HTMLParser):
    """What a page asks a browser to load, and the words people see."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.text = ""
        self._is_hidden = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in LOADING_ATTRIBUTES]
        self._is_hidden = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._is_hidden = self._is_hidden and tag not in ("script", "style")

    def handle_data(self, data: str) -> None:
        self.text += "" if self._is_hidden else data


def own_part(path: Path) -> str:
    """The page without the library in it."""
    return path.read_text(encoding="utf-8").replace(plotly_library(), "")


def charts(path: Path) -> dict[str, Any]:
    """The figures in a page by id."""
    match = re.search(r'<script type="application/json" id="charts">(.*?)</script>', own_part(path), re.DOTALL)
    assert match is not None
    return {chart["id"]: chart for chart in json.loads(match[1])}


def plots(dom: str) -> int:
    return len(re.findall(r'class="plot[^"]*js-plotly-plot', dom))


def assert_drawn(dom: str, expected: int) -> None:
    assert "data-error" not in dom
    assert f'data-drawn="{expected}"' in dom
    assert plots(dom) == expected
    assert len(re.findall(r'<svg class="main-svg"', dom)) >= expected


def test_the_same_run_gives_the_same_bytes_wherever_it_lies(run_folder: Path, tmp_path: Path) -> None:
    first = write_report(run_folder).read_bytes()
    elsewhere = Path(shutil.copytree(run_folder, tmp_path / "elsewhere" / "other"))
    summary = json.loads((elsewhere / "summary.json").read_text())
    summary |= {"wall_seconds": 99.0, "events_per_second": 1.0}
    (elsewhere / "summary.json").write_text(json.dumps(summary))
    assert write_report(elsewhere).read_bytes() == first


def test_the_page_asks_the_browser_for_nothing_outside_itself(run_folder: Path) -> None:
    path = write_report(run_folder)
    assert PageReader(own_part(path)).references == ["data:,"]
    assert "http" not in own_part(path).replace("http-equiv", "")
    assert not re.search(r"url\(|@import", own_part(path))
    assert "default-src 'none'" in own_part(path)


def test_the_page_tells_no_paths(run_folder: Path) -> None:
    assert str(run_folder.parent) not in own_part(write_report(run_folder))


def test_headline_figures_and_hashes_are_on_the_page(run_folder: Path) -> None:
    summary, text = load_run(run_folder).summary, own_part(write_report(run_folder))
    for expected in ("9f1c9f1c9f1c", "07ab07ab07ab", summary.data, f"{summary.fees:,.2f}", "2026-10-01 00:00:00 to"):
        assert expected in text
    assert f"{summary.pnl:+,.2f}".replace("-", "\N{MINUS SIGN}") in text
    assert "returns of sampled equity, times the square root of" in text


def test_no_nan_or_infinity_reaches_the_page(fake_run: FakeRuns, tmp_path: Path) -> None:
    fake = fake_run(minutes=600)
    fake.write(tmp_path / "run")
    for row in fake.equity:
        row["equity"] = Decimal(0)
    folder = fake.write_files(tmp_path / "ruined", starting_equity="0", ending_equity="0", max_drawdown=None)
    path = write_report(folder)
    assert not re.search(r"\b(nan|inf|infinity|none)\b", PageReader(own_part(path)).text, re.IGNORECASE)
    assert not re.search(r"[\[,:](NaN|-?Infinity)\b", json.dumps(charts(path)))


def test_a_run_is_drawn_without_an_error(run_folder: Path, open_page: Browser) -> None:
    assert_drawn(open_page(write_report(run_folder)), 8)


def test_an_empty_run_is_drawn_without_an_error(empty_folder: Path, open_page: Browser) -> None:
    dom = open_page(write_report(empty_folder))
    assert_drawn(dom, 7)
    assert "No equity was sampled." in dom
    assert "No order was sent." in dom


@pytest.mark.parametrize("values", [[10_000], [10_000, 0, -500, 20]])
def test_odd_equity_is_drawn(values: list[int], fake_run: FakeRuns, tmp_path: Path, open_page: Browser) -> None:
    fake = fake_run(symbols=("BTC/USDT",))
    for minute, value in enumerate(values):
        row = {
            "ts": 1_790_812_800_000_000_000 + minute * 60_000_000_000,
            "equity": Decimal(value),
            "pnl": Decimal(value),
        }
        fake.equity += [row | {"strategy": ""}, row | {"strategy": "ema_cross"}]
    folder = fake.write_files(tmp_path / "run", starting_equity=str(values[0]), max_drawdown=None)
    assert_drawn(open_page(write_report(folder)), 7)


def test_hostile_names_are_shown_and_not_run(fake_run: FakeRuns, tmp_path: Path, open_page: Browser) -> None:
    fake = fake_run((HOSTILE, "other"), (HOSTILE, "BTC/USDT"), minutes=600)
    folder = fake.write(tmp_path / "run", data=HOSTILE, mode=HOSTILE, currency=HOSTILE, config_hash=HOSTILE)
    path = write_report(folder)
    text = own_part(path)
    assert "<script>fail('ran')" not in text
    assert "<img" not in text
    assert not re.search(r"<a\s", text)
    dom = open_page(path)
    assert_drawn(dom, 8)
    assert "<img" not in dom.replace(plotly_library(), "")
    assert 'href="https://example.com"' not in dom


def test_shared_library_lies_once_in_the_parent_folder(run_folder: Path, open_page: Browser) -> None:
    path = write_report(run_folder, "shared")
    assert (run_folder.parent / "plotly.min.js").read_text(encoding="utf-8") == plotly_library()
    assert path.stat().st_size < 1_000_000
    assert PageReader(own_part(path)).references == ["data:,", "../plotly.min.js"]
    assert_drawn(open_page(path), 8)


def test_a_missing_shared_library_is_said_on_the_page(run_folder: Path, open_page: Browser) -> None:
    path = write_report(run_folder, "shared")
    (run_folder.parent / "plotly.min.js").unlink()
    assert "plotly.min.js was not found" in open_page(path)


def test_another_library_in_the_parent_folder_is_replaced(run_folder: Path) -> None:
    library = run_folder.parent / "plotly.min.js"
    library.write_text("an older one")
    write_report(run_folder, "shared")
    assert library.read_text(encoding="utf-8") == plotly_library()


def test_zooming_one_chart_zooms_all_and_the_tabs_change_the_instrument(run_folder: Path, open_page: Browser) -> None:
    script = """<script>setTimeout(async () => {
      await Plotly.relayout("equity", {"xaxis.range[0]": "2026-10-02", "xaxis.range[1]": "2026-10-03"});
      await new Promise((resolve) => setTimeout(resolve, 500));
      document.querySelectorAll("input[name=variant]")[1].click();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const spans = [...document.querySelectorAll(".timeline")].map((plot) => plot.layout.xaxis.range.join("/"));
      document.documentElement.dataset.spans = [...new Set(spans)].join(" ");
    }, 1000)</script>"""
    page = write_report(run_folder).read_text(encoding="utf-8")
    probe = run_folder / "probe.html"
    probe.write_text(
        re.sub(r"<meta http-equiv[^>]*>", "", page).replace("</body>", f"{script}</body>"), encoding="utf-8"
    )
    dom = open_page(probe)
    assert 'data-spans="2026-10-02/2026-10-03"' in dom
    subjects = re.findall(r'<span class="chosen">([^<]*)</span>', dom)
    tabs = re.findall(r"<b>([^<]*)</b> <small>[\d,]+ fills", dom)
    assert len(tabs) == 2
    assert subjects == [tabs[1], tabs[1]]


def test_long_series_are_thinned_and_markers_capped_with_a_word(fake_run: FakeRuns, tmp_path: Path) -> None:
    fake = fake_run(symbols=("BTC/USDT",), minutes=12_000, trade_every=2)
    run = charts(write_report(fake.write(tmp_path / "run", start=None, end=None)))
    price = run["price"]["variants"][0]["data"]
    assert len(price[0]["x"]) <= MAX_POINTS < 12_000
    assert sum(len(trace["x"]) for trace in price[1:]) == 3_000 < len(fake.fills)
    assert "at most 3,000 fills an instrument are drawn" in own_part(tmp_path / "run" / "report.html")
    assert all(
        len(trace["x"]) <= MAX_POINTS
        for chart in run.values()
        for figure in chart["variants"]
        for trace in figure["data"]
    )


def test_more_instruments_and_strategies_than_fit_are_cut_with_a_word(fake_run: FakeRuns, tmp_path: Path) -> None:
    symbols = [f"C{number}/USDT" for number in range(30)]
    fake = fake_run([f"s{number}" for number in range(14)], symbols, minutes=20, trade_every=2)
    path = write_report(fake.write(tmp_path / "run"))
    run, text = charts(path), own_part(path)
    assert len(run["price"]["variants"]) == len(run["position"]["variants"]) == text.count('type="radio"') == 24
    assert "the 24 instruments with most fills of 30" in text
    assert len(run["strategy-pnl"]["variants"][0]["data"]) == 12
    assert "the 12 most traded of 14" in text
    assert "the 10 best and worst of 30" in text


def test_every_fill_has_a_marker_that_says_what_it_did(run_folder: Path) -> None:
    run = load_run(run_folder)
    markers = [
        trace
        for figure in charts(write_report(run_folder))["price"]["variants"]
        for trace in figure["data"]
        if trace["mode"] == "markers"
    ]
    assert sum(len(trace["x"]) for trace in markers) == len(run.fills)
    deeds = {details[0].split(", ")[1] for trace in markers for details in trace["customdata"]}
    assert {"opens", "closes"} <= deeds
    entries = [trace for trace in markers if trace["name"].endswith("entry")]
    assert {details[0].split(", ")[1] for trace in entries for details in trace["customdata"]} <= {
        "opens",
        "adds",
        "turns",
    }


def test_a_folder_that_cannot_be_written_is_named(run_folder: Path) -> None:
    (run_folder / "report.html").mkdir()
    with pytest.raises(StoreError, match=r"report\.html cannot be written"):
        write_report(run_folder)
    assert not list(run_folder.glob(".report.html*"))

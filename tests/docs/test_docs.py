"""What the documentation says is true: links, code, commands, tables, figures."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from quantai import daemon
from quantai.config import Config, ConfigProblems, load_config
from quantai.launch import check_all
from quantai.results.tables import EQUITY, FILLS, ORDERS, PRICES

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in _BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def anchors(page: Path) -> set[str]:
    """The headings' anchors as GitHub makes them."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text)}


def first_cells(page: Path, heading: str) -> list[str]:
    """The first cell of each row of the table below a heading of level 2."""
    section = page.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [row.split("|")[1].strip() for row in section.splitlines() if row.startswith("| `")]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_code_and_yaml_can_be_read(page: Path) -> None:
    for block in blocks(page, "yaml"):
        assert yaml.safe_load(block), block
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("quantai"):
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{node.module} has no {alias.name}"


def commands() -> list[tuple[str, str]]:
    """Every `quantai-daemon` and `quantai check` that needs no file of the reader's, with what is printed below it."""
    found = []
    for page in PAGES:
        for block in blocks(page, "console"):
            for part in block.split("$ ")[1:]:
                line, _, output = part.partition("\n")
                words = shlex.split(line)
                if words[:1] == ["quantai-daemon"] or words[:2] == ["quantai", "check"]:
                    found.append((line, output.strip()))
    return [(line, output) for line, output in dict(found).items() if "--config-dir" not in line]


@pytest.mark.parametrize(("line", "output"), commands())
def test_command_is_taken_or_refused_as_shown(line: str, output: str) -> None:
    words = [word for word in shlex.split(line, comments=True) if word not in ("quantai", "check", "quantai-daemon")]
    config_name = "config"
    if "--config-name" in words:
        at = words.index("--config-name")
        config_name = words[at + 1]
        del words[at : at + 2]
    overrides = [word for word in words if word != "-m"]
    if not output.endswith("nothing was started"):
        check_all(overrides, None, config_name, is_sweep="-m" in words)
        return
    with pytest.raises(ConfigProblems) as caught:
        load_config(overrides, None, config_name)
    assert str(caught.value) == output


def test_shipped_strategies_are_short() -> None:
    for file in (ROOT / "strategies").glob("*.py"):
        assert len(file.read_text(encoding="utf-8").splitlines()) < 50, file.name


def test_every_group_and_every_shipped_file_is_in_the_readme() -> None:
    rows = re.findall(r"^\| (`\w+`.*) \| .+ \| (.+) \|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    shipped = {group: files for groups, files in rows for group in re.findall(r"\w+", groups)}
    assert set(shipped) == set(Config.model_fields)
    for group, files in shipped.items():
        there = {file.stem for file in (ROOT / "conf" / group).glob("*.yaml")}
        named = set(re.findall(r"`(\w+)`", files))
        assert named <= there if "others" in files else named == there, group


def test_the_rooms_are_those_of_the_import_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    rooms = [
        cell.replace("`", "").replace(", ", " | ") for cell in first_cells(ROOT / "docs/architecture.md", "The rooms")
    ]
    assert rooms == layers


def test_the_columns_of_the_tables_are_those_of_the_guide() -> None:
    guide = (ROOT / "docs/guides/simulation.md").read_text(encoding="utf-8")
    for table, schema in {"orders": ORDERS, "fills": FILLS, "equity": EQUITY, "prices": PRICES}.items():
        columns = re.search(rf"^\| `{table}` \| (.+) \|$", guide, re.MULTILINE)
        assert columns is not None, table
        assert re.findall(r"`(\w+)`", columns[1]) == schema.names


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = _LINK.findall((folder / "README.md").read_text(encoding="utf-8"))
    assert listed == sorted(file.name for file in folder.glob("0*.md"))


def summary_of(folder: Path, *overrides: str) -> dict[str, Any]:
    quiet = ["simulation.report=false", "logging.console=none", "logging.file=false"]
    return daemon.run(load_config([*overrides, *quiet]), folder).summary


def says(row: str) -> bool:
    return re.search(row, README.read_text(encoding="utf-8"), re.MULTILINE) is not None


def test_the_table_of_the_demo_is_what_comes_out(tmp_path: Path) -> None:
    summary = summary_of(tmp_path)
    for strategy, own in {**summary["strategies"], "Total": summary}.items():
        row = rf"^ {strategy} +\{Decimal(own['pnl']):+,.2f} .* {own['fills']:,}$"
        assert says(row), f"README.md, What you see: {row} (and docs/images/report.png)"


def test_the_edited_file_is_the_shipped_one_but_for_the_edit() -> None:
    shipped = (ROOT / "conf/strategies/ema_cross.yaml").read_text(encoding="utf-8")
    [edited] = [block for block in blocks(README, "yaml") if "# was" in block]
    assert re.sub(r"\d+ +# was (\d+)", r"\1", edited) == shipped


@pytest.mark.parametrize("fast", re.findall(r"^ \d +fast=(\d+)", README.read_text(encoding="utf-8"), re.MULTILINE))
def test_the_figures_of_the_tour_are_what_comes_out(fast: str, tmp_path: Path) -> None:
    summary = summary_of(tmp_path, "strategies=ema_cross", f"strategies.ema_cross.fast={fast}")
    row = rf"fast={fast} +\{Decimal(summary['pnl']):+,.2f} .* {summary['fills']:,}$"
    assert says(row), f"README.md, Sweep: {row}"


def test_the_picture_is_small() -> None:
    assert (ROOT / "docs/images/report.png").stat().st_size < 300_000

"""The wheel holds everything: installed elsewhere, it needs no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments: str | Path) -> None:
    """From the checkout, where the constraints are that `make` names."""
    run(sys.executable, "-m", "pip", "--quiet", *arguments, cwd=ROOT)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    pip("wheel", "--no-deps", "--wheel-dir", folder, ".")
    [file] = folder.glob("quantai-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of an environment with the wheel, and the libraries of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    pip("--python", folder / "bin" / "python", "install", "--no-deps", wheel)
    (own / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin"


def test_it_has_the_configuration_the_examples_and_the_unit(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in (("conf", "*.yaml"), ("strategies", "*.py"), ("systemd", "*.service")):
        files = [path.relative_to(ROOT) for path in (ROOT / folder).rglob(inside)]
        assert files
        assert {f"quantai/shipped/{path}" for path in files} <= names
    assert "quantai/py.typed" in names
    assert not [name for name in names if name.startswith("tests/") or name.endswith(".pyc")]


def test_it_checks_and_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "python", "-c", "import quantai; print(quantai.__file__)", cwd=tmp_path).startswith(
        str(installed.parent)
    )
    assert "no mistakes found" in run(installed / "quantai", "check", cwd=tmp_path)
    assert "report: runs/" in run(installed / "quantai-daemon", "data.duration=10s", cwd=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]

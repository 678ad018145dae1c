"""Secrets are references; their values are nowhere to be seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantai.config import ConfigProblems, load_config
from quantai.config.compose import compose_config, to_yaml
from quantai.config.secrets import is_reference, read_credential

VALUE = "s3cr3t-v4lue"


@pytest.mark.parametrize(
    "text", ["${oc.env:KEY}", "${oc.env:KEY,null}", "${credential:key.name}", "${oc.env: KEY , null }"]
)
def test_a_reference_is_one(text: str) -> None:
    assert is_reference(text)


@pytest.mark.parametrize(
    "text", ["KEY", "", "x${oc.env:KEY}", "${oc.env:KEY}x", "${oc.env:KEY,hunter2}", "${other:KEY}", None, 5]
)
def test_what_could_hold_a_secret_itself_is_none(text: object) -> None:
    assert not is_reference(text)


def test_a_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BINANCE_API_KEY", VALUE)
    loaded = load_config()
    key = loaded.config.exchanges["binance"].api_key
    assert key is not None
    assert key.get_secret_value() == VALUE
    assert VALUE not in repr(loaded)
    assert VALUE not in to_yaml(compose_config([]).cfg)


def test_a_secret_does_not_change_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_config().config_hash
    monkeypatch.setenv("BINANCE_API_KEY", VALUE)
    assert load_config().config_hash == before


def test_a_secret_comes_from_a_systemd_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "binance_key").write_text(VALUE + "\n", encoding="utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    key = load_config(["exchanges.binance.api_key='${credential:binance_key}'"]).config.exchanges["binance"].api_key
    assert key is not None
    assert key.get_secret_value() == VALUE


@pytest.mark.parametrize("name", ["nothing", "../secret", ".hidden", "a/b"])
def test_a_credential_that_cannot_be_read_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    with pytest.raises(ValueError, match="credential"):
        read_credential(name)


def test_without_systemd_there_are_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigProblems, match="CREDENTIALS_DIRECTORY is not set"):
        load_config(["exchanges.binance.api_key='${credential:binance_key}'"])


@pytest.mark.parametrize(
    "override",
    [
        f"exchanges.binance.api_key={VALUE}",
        f"exchanges.binance.api_secret=x-{VALUE}",
        f"exchanges.binance.api_secrte={VALUE}",
        f"++exchanges.binance.password={VALUE}",
        f"exchanges.binance.api_key='${{oc.env:NOT_SET,{VALUE}}}'",
    ],
)
def test_a_secret_that_was_given_itself_is_refused_and_not_repeated(override: str) -> None:
    with pytest.raises(ConfigProblems) as caught:
        load_config([override])
    assert VALUE not in str(caught.value)


def test_a_bad_value_behind_a_reference_is_shown_as_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMIT", VALUE)
    with pytest.raises(ConfigProblems) as caught:
        load_config(["bus.queue_limit='${oc.env:LIMIT}'"])
    assert "bus.queue_limit = ${oc.env:LIMIT}: expected a whole number" in str(caught.value)
    assert VALUE not in str(caught.value)


def test_a_custom_exchange_has_secrets_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_venue.py").write_text(
        "from pydantic import SecretStr\nfrom quantai.exchanges.base import Exchange\n\n\n"
        "class MyVenue(Exchange):\n    passphrase: SecretStr\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PASSPHRASE", VALUE)
    target = "exchanges.okx._target_=my_venue.MyVenue"
    load_config([target, "exchanges.okx.passphrase='${oc.env:PASSPHRASE}'"])
    with pytest.raises(ConfigProblems, match="a secret must be a reference") as caught:
        load_config([target, f"exchanges.okx.passphrase={VALUE}"])
    assert VALUE not in str(caught.value)

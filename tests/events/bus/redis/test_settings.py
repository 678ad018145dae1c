from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from quantai.core.errors import ConfigError
from quantai.events.bus.redis import RedisSettings


@pytest.mark.parametrize("url", ["redis://h:1/0", "redis://h", "rediss://h:6380/2", "unix:///run/redis.sock"])
def test_addresses(url: str) -> None:
    assert RedisSettings(url=url).url == url


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"url": "http://h"}, "must be like redis://host"),
        ({"url": "redis://"}, "must be like redis://host"),
        ({"url": "unix://"}, "must be like redis://host"),
        ({"url": "localhost:6379"}, "must be like redis://host"),
        ({"url": "redis://user:hunter2@h:1"}, "must not hold a user or password"),
        ({"url": "redis://h", "ca_file": Path("ca.pem")}, "is for TLS"),
        ({"name": ""}, "must not be empty"),
        ({"resume": True}, "needs bus.group"),
        ({"batch_size": 0}, "bus.batch_size must be at least 1, not 0"),
        ({"batch_size": 100_000}, "at most 65536"),
        ({"max_backlog": -1}, "bus.max_backlog must be at least 1"),
        ({"timeout_ns": 0}, "bus.timeout_ns must be at least 1"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        RedisSettings(**settings)
    assert "hunter2" not in str(caught.value)


def test_the_password_is_not_shown() -> None:
    settings = RedisSettings(password=SecretStr("hunter2"))
    assert "hunter2" not in f"{settings} {settings!r}"

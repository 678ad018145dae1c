"""What is there when a run begins costs the garbage collector nothing while it lasts."""

from __future__ import annotations

import gc

import pytest

from quantai.ops.memory import frozen_memory


def test_what_is_there_is_not_looked_at_until_it_ends() -> None:
    before, thresholds = gc.get_freeze_count(), gc.get_threshold()
    mine: list[object] = [[]]
    with frozen_memory():
        assert gc.get_freeze_count() > before
        assert not any(each is mine for each in gc.get_objects())
        assert gc.get_threshold() > thresholds
        later: list[object] = [mine]
        assert any(each is later for each in gc.get_objects())
    assert gc.get_freeze_count() == 0
    assert any(each is mine for each in gc.get_objects())
    assert gc.get_threshold() == thresholds


def test_it_ends_with_an_error_too() -> None:
    with pytest.raises(ValueError, match="over"), frozen_memory():
        raise ValueError("over")
    assert gc.get_freeze_count() == 0

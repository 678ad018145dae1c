from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.oms.reconciliation.model import Core


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    """A started core, whose reconciler is stopped at the end."""
    core = Core()
    await core.start()
    yield core
    await core.reconciler.stop()

from __future__ import annotations

from pathlib import Path

from tests.torture.outage import no_large_files, survive


async def test_a_disk_that_takes_nothing_more_for_a_while_costs_what_has_no_room_and_that_is_told(
    tmp_path: Path,
) -> None:
    await survive(tmp_path / "store", no_large_files(300_000))

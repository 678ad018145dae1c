"""How the daemon itself runs: `recorder`, `logging`, `ops`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ByteSize, Field

from quantai.core.params import PositiveDuration, Section


class RecorderSection(Section):
    """Writes events to Parquet as they are published."""

    enabled: bool = False
    path: Annotated[str, Field(min_length=1)] = "store"
    """The root of the store to write to: a folder, or object storage such as `s3://bucket/prefix`."""
    spool: Annotated[str, Field(min_length=1)] | None = None
    """A folder on this machine for what is not in the store yet; required for object storage, else inside the store."""
    topics: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)] = ["market.*"]
    """Patterns of what is recorded; `*` is any run of characters."""
    raw: bool = False
    """Also record venues' public frames as they came; `quantai data import --format raw` decodes them again."""
    flush_interval: PositiveDuration = 1_000_000_000
    """What a crash may cost at most."""
    part_interval: PositiveDuration = 300_000_000_000
    """How often what was recorded becomes parts of the store, a file for each stream."""
    max_buffered: Annotated[int, Field(ge=1_000)] = 1_000_000
    """Events held while the disk does not take them; beyond that the oldest are dropped and counted."""

    @property
    def patterns(self) -> list[str]:
        """Of everything that is recorded."""
        return [*self.topics, "raw.*"] if self.raw else self.topics


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


class LoggingSection(Section):
    """Logs: JSON lines to a file, and to standard error a human form on a terminal, JSON otherwise (the journal)."""

    level: LogLevel = LogLevel.INFO
    levels: dict[str, LogLevel] = {}
    """Levels of single loggers, e.g. `quantai.oms: DEBUG`."""
    console: Literal["auto", "human", "json", "none"] = "auto"
    """The form on standard error; `auto` is human on a terminal and JSON elsewhere."""
    file: bool = True
    """Write `daemon.log` in the run folder."""
    max_bytes: Annotated[ByteSize, Field(ge=10_000)] = ByteSize(100_000_000)
    """The log file is rotated at this size..."""
    backups: Annotated[int, Field(ge=0, le=1_000)] = 5
    """...and this many old ones are kept."""


class OpsSection(Section):
    """Control, stopping, systemd and the event loop."""

    control: Annotated[str, Field(min_length=1)] | None = None
    """The Unix socket where a daemon that trades answers `quantai orders`, `halt` and the like; null for none. Relative
    to the working folder. A replay has none."""

    stop_timeout: PositiveDuration = 10_000_000_000
    """What each stage gets to stop before it is left behind and told."""
    cache: Annotated[str, Field(min_length=1)] | None = "state/cache"
    """A folder for what venues told and need not be asked for again when they cannot be reached; null for none."""
    start_timeout: PositiveDuration = 30_000_000_000
    """What each stage gets to start before the daemon gives up."""
    uvloop: bool = True
    """Use uvloop's event loop."""

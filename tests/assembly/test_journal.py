"""The journal that a configuration asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantai.assembly.journal import build_journal, build_journal_reader, build_prune_job
from quantai.config import Config, load_config
from quantai.core.clock import SimulatedClock
from quantai.core.errors import StoreError
from quantai.instruments import InstrumentCatalogue
from quantai.oms.journal import MemoryJournal
from quantai.oms.journal.sql import SqlJournal

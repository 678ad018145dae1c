"""Durable state: orders, their events, the account, and what must survive a restart."""

from quantai.oms.journal.base import Journal, JournalledEvent, Note, NoteKind, Recovered, Written
from quantai.oms.journal.memory import MemoryJournal

__all__ = ["Journal", "JournalledEvent", "MemoryJournal", "Note", "NoteKind", "Recovered", "Written"]

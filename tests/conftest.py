"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# No test depends on how fast the machine is, and a run finds the same examples as the one before.
settings.register_profile("quantai", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("quantai")

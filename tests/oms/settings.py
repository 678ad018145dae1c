"""Settings for tests: what a journal would keep, in a dictionary."""

from __future__ import annotations

from quantai.oms.journal import Written


class Settings(dict[str, str]):
    """Durable as far as it says; a test can make it say otherwise."""

    is_durable = True

    def put(self, key: str, value: str, then: Written | None = None) -> None:
        """Keep it."""
        self[key] = value
        if then is not None:
            then(self.is_durable)

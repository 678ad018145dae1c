"""When jobs may run, as far as a section can say."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from quantai.config.schema.reconciliation import ReconciliationSection
from quantai.config.schema.schedule import JobSection


@pytest.mark.parametrize(
    "cron", ["30 4 * * sun", "*/5 * * * *", "0 9-17 * jan mon-fri", "0 0 1,15 * *", "0 0 * * SAT,sun"]
)
def test_a_crontab_line_is_taken(cron: str) -> None:
    assert JobSection.model_validate({"job": "reconcile", "cron": cron}).cron == cron


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"job": "reconcile"}, "needs one of every"),
        ({"job": "reconcile", "every": "5m", "cron": "0 4 * * *"}, "needs one of every"),
        ({"job": "check_feeds", "cron": "0 4 * * *"}, "check_feeds needs every"),
        ({"job": "log_status", "every": "5m", "venues": ["binance"]}, "venues is for reconcile, log_status takes none"),
        ({"job": "log_status", "cron": "0 4 * *"}, "has five fields"),
        ({"job": "log_status", "cron": "0 4 * * 0"}, "weekdays are mon to sun"),
        ({"job": "log_status", "cron": "0 4 * * mon-7"}, "weekdays are mon to sun"),
        ({"job": "log_status", "cron": "0 4 1 * mon"}, "not both"),
        ({"job": "log_status", "cron": "61 4 * * *"}, "is no crontab line: .*61"),
        ({"job": "log_status", "cron": "x 4 * * *"}, "is no crontab line"),
    ],
)
def test_what_is_no_time_is_refused(section: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        JobSection.model_validate(section)


def test_reconciliation_is_on_and_patient_where_nothing_is_said() -> None:
    section = ReconciliationSection()
    assert (section.enabled, section.may_start_unproven, section.dust) == (True, False, {})
    assert section.answer_timeout > section.settle

"""Making the books what the venues say, and finding out what became of orders without an answer."""

from quantai.oms.reconciliation.mismatches import MismatchKind, ReportLine
from quantai.oms.reconciliation.reconciler import Reconciler
from quantai.oms.reconciliation.settings import Settings

__all__ = ["MismatchKind", "Reconciler", "ReportLine", "Settings"]

"""Orders that wait for something: emulated stops for the market, the legs of brackets and OCO pairs for each other."""

from quantai.oms.contingent.manager import ContingentOrders
from quantai.oms.contingent.requests import Bracket

__all__ = ["Bracket", "ContingentOrders"]

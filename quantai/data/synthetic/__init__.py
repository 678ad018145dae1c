"""A seeded market that never was: the embedded default where there are no recordings."""

from quantai.data.synthetic.market import SyntheticMarket
from quantai.data.synthetic.model import MarketModel, SyntheticInstrument

__all__ = ["MarketModel", "SyntheticInstrument", "SyntheticMarket"]

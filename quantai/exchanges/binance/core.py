"""What the parts of one Binance account share: one connection for requests, one rate budget, one clock."""

from __future__ import annotations

from dataclasses import dataclass

from quantai.exchanges.binance.hosts import Hosts
from quantai.exchanges.binance.product import Product
from quantai.exchanges.core import VenueCore


@dataclass(kw_only=True)
class BinanceCore(VenueCore):
    """Of one product, and where it is spoken to."""

    product: Product
    hosts: Hosts

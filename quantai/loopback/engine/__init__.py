"""The matching engine behind every loopback venue. It knows no venue's words: dialects translate."""

from quantai.loopback.engine.accounts import Account, Balance
from quantai.loopback.engine.engine import Engine
from quantai.loopback.engine.futures import ForcedWords, FuturesAccount, Position, PositionSide
from quantai.loopback.engine.liquidation import LIQUIDATED, Liquidation
from quantai.loopback.engine.listener import Change, Listener
from quantai.loopback.engine.market import Market
from quantai.loopback.engine.orders import (
    Fill,
    Kind,
    Order,
    OrderRequest,
    SelfTrade,
    Status,
    Tif,
    Trigger,
)
from quantai.loopback.engine.refusal import Reason, Refused
from quantai.loopback.engine.rules import MarketRules
from quantai.loopback.engine.spot import SpotAccount
from quantai.loopback.engine.tape import Aggregate, Bar, Trade

__all__ = [
    "LIQUIDATED",
    "Account",
    "Aggregate",
    "Balance",
    "Bar",
    "Change",
    "Engine",
    "Fill",
    "ForcedWords",
    "FuturesAccount",
    "Kind",
    "Liquidation",
    "Listener",
    "Market",
    "MarketRules",
    "Order",
    "OrderRequest",
    "Position",
    "PositionSide",
    "Reason",
    "Refused",
    "SelfTrade",
    "SpotAccount",
    "Status",
    "Tif",
    "Trade",
    "Trigger",
]

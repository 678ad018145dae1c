"""Finds exchanges: by the name a connector is registered under, and by the name one has in the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from quantai.core.component import Registry
from quantai.core.errors import ConfigError
from quantai.core.identifiers import nearest
from quantai.exchanges.base import Exchange

EXCHANGES: Registry[Exchange] = Registry(
    "exchange",
    Exchange,
    "quantai.exchanges",
    {
        "synthetic": "quantai.exchanges.synthetic.SyntheticExchange",
        "binance": "quantai.exchanges.binance.BinanceSpot",
        "binance_usdm": "quantai.exchanges.binance.BinanceUsdm",
        "binance_coinm": "quantai.exchanges.binance.BinanceCoinm",
    },
)


class ExchangeRegistry:
    """The exchanges of a running daemon, by their configured names."""

    def __init__(self, exchanges: Mapping[str, Exchange]) -> None:
        self._exchanges = dict(exchanges)

    def get_exchange(self, name: str) -> Exchange:
        """The exchange configured as `name`. Raises `ConfigError`, naming the nearest."""
        try:
            return self._exchanges[name]
        except KeyError:
            near = nearest(name, self._exchanges)
            hint = f"; did you mean {near!r}?" if near else f"; there are {', '.join(self._exchanges) or 'none'}"
            raise ConfigError(f"no exchange {name!r} is configured{hint}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._exchanges)

    def __len__(self) -> int:
        return len(self._exchanges)

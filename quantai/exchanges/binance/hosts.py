"""Where Binance is spoken to: live, and the two places where nothing is at stake.

Source: Binance Spot API, «General API information», testnet and demo mode; USD-M and COIN-M Futures, «WebSocket market
streams»; Binance's own Python client, `constants`; the demo hosts of COIN-M: ccxt and NautilusTrader.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Environment(StrEnum):
    """Where the same protocol is spoken."""

    LIVE = "live"
    TESTNET = "testnet"
    DEMO = "demo"


class Hosts(msgspec.Struct, frozen=True, kw_only=True):
    """Roots without a slash at the end. Paths are appended: `/ws`, `/stream`, `/public/ws`..."""

    rest: str
    """Requests."""
    public_ws: str
    """Market data streams. USD-M appends the route: `/public`, `/market`."""
    private_ws: str
    """User data: on futures the host of the streams, on USD-M with the route `/private`; on spot the WebSocket API."""
    ws_api: str
    """Requests over a WebSocket, path included."""


SPOT_HOSTS = {
    Environment.LIVE: Hosts(
        rest="https://api.binance.com",
        public_ws="wss://stream.binance.com:9443",
        private_ws="wss://ws-api.binance.com:443/ws-api/v3",
        ws_api="wss://ws-api.binance.com:443/ws-api/v3",
    ),
    Environment.TESTNET: Hosts(
        rest="https://testnet.binance.vision",
        public_ws="wss://stream.testnet.binance.vision",
        private_ws="wss://ws-api.testnet.binance.vision/ws-api/v3",
        ws_api="wss://ws-api.testnet.binance.vision/ws-api/v3",
    ),
    Environment.DEMO: Hosts(
        rest="https://demo-api.binance.com",
        public_ws="wss://demo-stream.binance.com:9443",
        private_ws="wss://demo-ws-api.binance.com/ws-api/v3",
        ws_api="wss://demo-ws-api.binance.com/ws-api/v3",
    ),
}

USDM_HOSTS = {
    Environment.LIVE: Hosts(
        rest="https://fapi.binance.com",
        public_ws="wss://fstream.binance.com",
        private_ws="wss://fstream.binance.com",
        ws_api="wss://ws-fapi.binance.com/ws-fapi/v1",
    ),
    Environment.TESTNET: Hosts(
        rest="https://testnet.binancefuture.com",
        public_ws="wss://fstream.binancefuture.com",
        private_ws="wss://fstream.binancefuture.com",
        ws_api="wss://testnet.binancefuture.com/ws-fapi/v1",
    ),
    Environment.DEMO: Hosts(
        rest="https://demo-fapi.binance.com",
        public_ws="wss://demo-fstream.binance.com",
        private_ws="wss://demo-fstream.binance.com",
        ws_api="wss://testnet.binancefuture.com/ws-fapi/v1",
    ),
}

COINM_HOSTS = {
    Environment.LIVE: Hosts(
        rest="https://dapi.binance.com",
        public_ws="wss://dstream.binance.com",
        private_ws="wss://dstream.binance.com",
        ws_api="wss://ws-dapi.binance.com/ws-dapi/v1",
    ),
    Environment.TESTNET: Hosts(
        rest="https://testnet.binancefuture.com",
        public_ws="wss://dstream.binancefuture.com",
        private_ws="wss://dstream.binancefuture.com",
        ws_api="wss://testnet.binancefuture.com/ws-dapi/v1",
    ),
    Environment.DEMO: Hosts(
        rest="https://demo-dapi.binance.com",
        public_ws="wss://demo-dstream.binance.com",
        private_ws="wss://demo-dstream.binance.com",
        ws_api="wss://testnet.binancefuture.com/ws-dapi/v1",
    ),
}

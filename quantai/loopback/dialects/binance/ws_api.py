"""Requests over a WebSocket, and spot's private streams. Source: Binance Spot API, «WebSocket API»."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from quantai.core.clock import NS_PER_SECOND
from quantai.loopback.dialects.binance.endpoint import Call, Security
from quantai.loopback.dialects.binance.errors import REJECTED_KEY, ApiError
from quantai.loopback.dialects.binance.params import Params
from quantai.loopback.dialects.binance.rest import ORDERS, WEIGHT
from quantai.loopback.engine import Account
from quantai.loopback.server.keys import ApiKey
from quantai.loopback.server.serving import OnText, serve_socket
from quantai.loopback.server.socket import ClientSocket

if TYPE_CHECKING:
    from quantai.loopback.dialects.binance.dialect import BinanceDialect

_UNITS = ((86_400, "DAY"), (60, "MINUTE"), (1, "SECOND"))


class _Session:
    """One connection: who is logged on, and whose events it gets."""

    def __init__(self, socket: ClientSocket, client: str) -> None:
        self.socket = socket
        self.client = client
        self.key: ApiKey | None = None
        self.logged_on_ms = 0
        self.subscriptions: dict[int, Account] = {}
        self.next_id = 0


class WsApiServer:
    """Serves the WebSocket API of one product."""

    def __init__(self, dialect: BinanceDialect) -> None:
        self._dialect = dialect
        self._sessions: dict[_Session, None] = {}
        self._own: dict[str, Callable[[_Session, Params], Any]] = {
            "session.logon": self._log_on,
            "session.status": lambda session, _params: self._status(session),
            "session.logout": self._log_out,
        }
        if not dialect.is_futures:
            self._own |= {
                "userDataStream.subscribe": self._subscribe,
                "userDataStream.subscribe.signature": self._subscribe_signed,
                "userDataStream.unsubscribe": self._unsubscribe,
                "session.subscriptions": lambda session, _params: [
                    {"subscriptionId": number} for number in session.subscriptions
                ],
            }

    def attach(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get(self._dialect.facts.ws_api_path, self._serve)

    def publish(self, account: Account, event: dict[str, Any]) -> None:
        """Send an event of `account` to who subscribed to it."""
        for session in list(self._sessions):
            for number, owner in session.subscriptions.items():
                if owner is account:
                    frame = msgspec.json.encode({"subscriptionId": number, "event": event})
                    session.socket.send(f"private:{event['e']}", frame)

    def stop(self) -> None:
        """Cut every connection."""
        self.cut("")

    def cut(self, match: str) -> None:
        """Cut connections; `match` is `private` where only those with private streams are meant."""
        for session in list(self._sessions):
            if not match or ("private".startswith(match) and session.subscriptions):
                session.socket.abort()

    def disconnect_all(self, due_ns: int) -> None:
        """Tell (on spot), then close."""
        for session in list(self._sessions):
            if not self._dialect.is_futures:
                session.socket.send("serverShutdown", self._notice(self._dialect.venue.now_ms()))
            session.socket.close_at(due_ns)

    def _notice(self, now_ms: int) -> bytes:
        return msgspec.json.encode({"event": {"e": "serverShutdown", "E": now_ms}})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        client = request.remote or ""
        venue = self._dialect.venue
        venue.usage.add(WEIGHT, client, self._dialect.facts.connect_weight)

        def welcome(socket: ClientSocket) -> tuple[OnText, Callable[[], None]]:
            session = _Session(socket, client)
            self._sessions[session] = None
            if not self._dialect.is_futures:
                due_ns = venue.settings.notice_ns(socket.opened_ns)
                socket.send_at(due_ns, "serverShutdown", self._notice(due_ns // 1_000_000))
            return lambda frame: self._answer(session, frame), lambda: self._sessions.pop(session, None)

        return await serve_socket(self._dialect.venue, self._dialect.facts, request, welcome)

    def _answer(self, session: _Session, frame: bytes) -> None:
        try:
            message = msgspec.json.decode(frame)
            identifier, method = message.get("id"), str(message.get("method", ""))
            params = Params({name: _text(value) for name, value in (message.get("params") or {}).items()})
        except (msgspec.DecodeError, AttributeError, TypeError):
            error = {"code": -1135, "msg": "Invalid JSON Request"}
            session.socket.send("reply", msgspec.json.encode({"id": None, "status": 400, "error": error}))
            return
        account: Account | None = None
        wants_limits = params.values.pop("returnRateLimits", "true") == "true"
        try:
            result, account = self._perform(session, method, params)
            reply: dict[str, Any] = {"id": identifier, "status": 200, "result": result}
        except ApiError as error:
            self._dialect.venue.counts[f"status_{error.status}"] += 1
            reply = {"id": identifier, "status": error.status, "error": self._error(error)}
        if wants_limits:
            reply["rateLimits"] = self._limits(session, account)
        session.socket.send("reply", msgspec.json.encode(reply))

    def _perform(self, session: _Session, method: str, params: Params) -> tuple[Any, Account | None]:
        if method in self._own:
            return self._own[method](session, params), None
        found = self._dialect.ws_methods.get(method)
        if found is None:
            raise ApiError(-1020, "This operation is not supported.")
        rest = self._dialect.rest
        call = Call(params)
        payload: bytes | None = signed_text(params)
        key_text = params.values.get("apiKey")
        if session.key is not None and key_text is None:
            key_text, payload = session.key.key, None
        result = rest.perform(rest.find(*found), call, session.client, key_text, payload)
        return result, call.account

    def _prove(self, params: Params) -> Call:
        call = Call(params)
        authority = self._dialect.rest.authority
        authority.admit(call, Security.SIGNED, params.values.get("apiKey"), signed_text(params))
        return call

    def _log_on(self, session: _Session, params: Params) -> Any:
        call = self._prove(params)
        if call.key is None or not call.key.is_ed25519:
            raise ApiError(-4056, "HMAC_SHA256 API key is not supported.")
        session.key, session.logged_on_ms = call.key, self._dialect.venue.now_ms()
        return self._status(session)

    def _log_out(self, session: _Session, params: Params) -> Any:
        session.key, session.logged_on_ms = None, 0
        return self._status(session)

    def _status(self, session: _Session) -> Any:
        return {
            "apiKey": session.key.key if session.key else None,
            "authorizedSince": session.logged_on_ms or None,
            "connectedSince": session.socket.opened_ns // 1_000_000,
            "returnRateLimits": True,
            "serverTime": self._dialect.venue.now_ms(),
        }

    def _subscribe(self, session: _Session, params: Params) -> Any:
        if session.key is None:
            raise ApiError(*REJECTED_KEY)
        return self._open(session, self._dialect.engine.accounts[session.key.account])

    def _subscribe_signed(self, session: _Session, params: Params) -> Any:
        return self._open(session, self._prove(params).owner)

    def _open(self, session: _Session, account: Account) -> Any:
        if account in session.subscriptions.values():
            raise ApiError(-2035, "User Data Stream subscription already active.")
        number = session.next_id
        session.next_id += 1
        session.subscriptions[number] = account
        self._dialect.venue.counts["private_streams"] += 1
        return {"subscriptionId": number}

    def _unsubscribe(self, session: _Session, params: Params) -> Any:
        number = params.integer("subscriptionId")
        if number is None:
            session.subscriptions.clear()
        elif session.subscriptions.pop(number, None) is None:
            raise ApiError(-2036, "User Data Stream subscription not active.")
        return {}

    def _error(self, error: ApiError) -> dict[str, object]:
        body = error.body()
        if error.retry_after_s is not None:
            now_ms = self._dialect.venue.now_ms()
            body["data"] = {"serverTime": now_ms, "retryAfter": now_ms + error.retry_after_s * 1_000}
        return body

    def _limits(self, session: _Session, account: Account | None) -> list[dict[str, Any]]:
        usage = self._dialect.venue.usage
        used = list(usage.used(WEIGHT, session.client))
        if account is not None:
            used += usage.used(ORDERS, account.name)
        return [
            {"rateLimitType": rule.name, **interval_words(rule.interval_ns), "limit": rule.limit, "count": count}
            for rule, count in used
        ]


def interval_words(interval_ns: int) -> dict[str, Any]:
    """`interval` and `intervalNum` of a limit."""
    seconds = interval_ns // NS_PER_SECOND
    size, name = next((size, name) for size, name in _UNITS if seconds % size == 0)
    return {"interval": name, "intervalNum": seconds // size}


def signed_text(params: Params) -> bytes:
    """What is signed over a WebSocket: all parameters but the signature, by name."""
    parts = (f"{name}={value}" for name, value in sorted(params.values.items()) if name != "signature")
    return "&".join(parts).encode()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

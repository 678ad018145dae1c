"""Wrong configurations, and the one line that each must be answered with.

`overrides` are given on the command line, `files` are written into a folder of the user's (`--config-dir`). `line` is the
whole first line of the answer, with `{dir}` for that folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wrong:
    """One wrong configuration."""

    name: str
    line: str
    overrides: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)


def said(name: str, override: str, line: str, *more: str) -> Wrong:
    """A mistake made on the command line."""
    return Wrong(name, f"command line: {line}", (override, *more))


def written(name: str, file: str, text: str, line: str, *overrides: str) -> Wrong:
    """A mistake made in a file; `line` begins with the line number."""
    return Wrong(name, f"{{dir}}/{file}:{line}", overrides, {file: text})


_EMA_KEYS = "fast, slow, quantity, _target_, bar_interval, enabled, instruments, max_errors, type"
_INSTRUMENTS = "binance_btc_usdt, binance_eth_perp, binance_eth_usdt, okx_btc_perp, okx_eth_perp"
_SECRET = (
    "(not shown): a secret must be a reference, ${oc.env:NAME} or ${credential:NAME} (a systemd credential), "
    "never the secret itself"
)

WRONG = [
    # Keys
    said(
        "unknown top-level key",
        "strategy=ema_cross",
        "strategy = 'ema_cross': unknown key; did you mean 'strategies'? (valid keys: mode, data, exchanges, instruments, "
        "strategies, risk, routing, portfolio, simulation, bus, gateway, store, reconciliation, recorder, schedule, "
        "logging, ops)",
    ),
    said(
        "unknown key of a section",
        "bus.queue_limt=5",
        "bus.queue_limt = 5: unknown key; did you mean 'queue_limit'? (valid keys: type, queue_limit)",
    ),
    said(
        "unknown strategy parameter",
        "strategies.ema_cross.fsat=5",
        f"strategies.ema_cross.fsat = 5: unknown key; did you mean 'fast'? (valid keys: {_EMA_KEYS})",
    ),
    said(
        "unknown risk check parameter",
        "risk.checks.max_open_orders.perstrategy=5",
        "risk.checks.max_open_orders.perstrategy = 5: unknown key; did you mean 'per_strategy'? "
        "(valid keys: per_strategy, total, per_instrument, per_venue, _target_, enabled, instruments, strategies, type, venues)",
    ),
    said(
        "unknown key of an exchange",
        "exchanges.okx.tstnet=true",
        "exchanges.okx.tstnet = True: unknown key (valid keys: type, _target_, fees, api_key, api_secret; "
        "a connector named by type adds its own)",
    ),
    said(
        "unknown key of a nested section",
        "exchanges.okx.fees.makr=1bps",
        "exchanges.okx.fees.makr = '1bps': unknown key; did you mean 'maker'? (valid keys: maker, taker)",
    ),
    said(
        "unknown key of the chosen kind of data",
        "data.path=store",
        "data.path = 'store': unknown key; valid keys: type, start, duration, assets, gaps_per_day, jumps_per_day, basis_bps",
    ),
    written(
        "unknown key in a file",
        "risk/mine.yaml",
        "checks:\n  position_limit:\n    type: position_limit\n    max_notinal: 5\n    max_notional: 5\n",
        "4: risk.checks.position_limit.max_notinal = 5: unknown key; did you mean 'max_notional'? "
        "(valid keys: max_notional, per, _target_, enabled, instruments, strategies, type, venues)",
        "risk=mine",
    ),
    written(
        "a required key is missing in a file",
        "risk/mine.yaml",
        "checks:\n  position_limit:\n    type: position_limit\n",
        "2: risk.checks.position_limit.max_notional: required, but not set",
        "risk=mine",
    ),
    Wrong(
        "a value that must be given is not",
        "conf/data/files.yaml:3: data.path: must be set: it is ??? in the configuration",
        ("data=files",),
    ),
    # Types, units and ranges
    said(
        "text for a number",
        "risk.checks.max_open_orders.total=many",
        "risk.checks.max_open_orders.total = 'many': expected a whole number",
    ),
    said(
        "a boolean for a number",
        "strategies.ema_cross.fast=true",
        "strategies.ema_cross.fast = True: must not be a boolean (got true)",
    ),
    said(
        "a fraction for a whole number",
        "strategies.ema_cross.fast=5.5",
        "strategies.ema_cross.fast = 5.5: expected a whole number",
    ),
    said("a negative period", "strategies.ema_cross.fast=-5", "strategies.ema_cross.fast = -5: expected at least 1"),
    said(
        "a quantity of zero",
        "strategies.ema_cross.quantity=0",
        "strategies.ema_cross.quantity = 0: expected more than 0",
    ),
    said(
        "not a number",
        "strategies.ema_cross.quantity=nan",
        "strategies.ema_cross.quantity = nan: must be a finite number of at most 1e+15 in magnitude",
    ),
    said(
        "infinity",
        "risk.checks.exposure_limit.max_gross=inf",
        "risk.checks.exposure_limit.max_gross = inf: must be a finite number of at most 1e+15 in magnitude",
    ),
    said(
        "an absurd number",
        "portfolio.balances.okx.USDT=1e30",
        "portfolio.balances.okx.USDT = 1e+30: must be a finite number of at most 1e+15 in magnitude",
    ),
    said(
        "a negative balance", "portfolio.balances.okx.USDT=-1", "portfolio.balances.okx.USDT = -1: expected at least 0"
    ),
    said(
        "a duration without a unit",
        "portfolio.valuation_interval=5",
        "portfolio.valuation_interval = 5: a duration needs a unit, such as 500ms, 1s, 5m, 1h or 1d",
    ),
    said(
        "a unit that is none",
        "recorder.flush_interval=1sec",
        "recorder.flush_interval = '1sec': a duration is a number and one of ns, us, ms, s, m, h, d, such as 500ms or 1h30m",
    ),
    said(
        "a duration of nothing",
        "portfolio.valuation_interval=0s",
        "portfolio.valuation_interval = '0s': expected more than 0",
    ),
    said("a fee of 150 %", "exchanges.okx.fees.maker=150%", "exchanges.okx.fees.maker = '150%': expected less than 1"),
    said(
        "a rate with a unit that is none",
        "exchanges.okx.fees.maker=2pips",
        "exchanges.okx.fees.maker = '2pips': expected a number",
    ),
    said(
        "a word that is not one of a few",
        "logging.level=VERBOSE",
        "logging.level = 'VERBOSE': expected one of DEBUG, INFO, WARNING, ERROR",
    ),
    said(
        "a word that is nearly one of a few",
        "mode.execution=simulatd",
        "mode.execution = 'simulatd': did you mean 'simulated'? (one of simulated, venues, bus, none)",
    ),
    said(
        "a kind of data that is none",
        "data.type=fils",
        "data.type = 'fils': did you mean 'files'? (one of synthetic, files)",
    ),
    said("a list for a text", "recorder.path=[a,b]", "recorder.path = ['a', 'b']: expected text"),
    said(
        "a text for a list",
        "strategies.ema_cross.instruments=binance_btc_usdt",
        "strategies.ema_cross.instruments = 'binance_btc_usdt': expected a list",
    ),
    said(
        "a name with capitals",
        "++exchanges.Binance.type=synthetic",
        "exchanges.Binance: a name is small letters, digits and _, at most 32, beginning with a letter",
    ),
    said(
        "a time without a zone",
        "data.start='2026-01-01T00:00:00'",
        "data.start = '2026-01-01T00:00:00': a time needs a zone, such as 2026-01-01T00:00:00Z",
    ),
    said(
        "a symbol that is none",
        "instruments.okx_btc_perp.symbol=BTCUSDT",
        "instruments.okx_btc_perp.symbol = 'BTCUSDT': 'BTCUSDT' is not a ccxt-unified symbol such as BTC/USDT, BTC/USDT:USDT "
        "or BTC/USDT:USDT-261225",
    ),
    # References
    said(
        "a strategy names an instrument that is not there",
        "strategies.ema_cross.instruments=[binance_btc_usd]",
        "strategies.ema_cross.instruments.0 = 'binance_btc_usd': no instrument of that name is configured; "
        f"did you mean 'binance_btc_usdt'? (there are: {_INSTRUMENTS})",
    ),
    said(
        "an instrument names a venue that is not there",
        "instruments.okx_btc_perp.venue=okex",
        "instruments.okx_btc_perp.venue = 'okex': no exchange of that name is configured; did you mean 'okx'? "
        "(there are: binance, binance_usdm, okx)",
    ),
    said(
        "a balance at a venue that is not there",
        "portfolio.balances.bybit.USDT=5",
        "portfolio.balances.bybit = 'bybit': no exchange of that name is configured; there are: binance, binance_usdm, okx",
    ),
    said(
        "a routing rule to a venue that is not there",
        "routing.rules=[{symbol: BTC/USDT, venue: binanse}]",
        "routing.rules.0.venue = 'binanse': no exchange of that name is configured; did you mean 'binance'? "
        "(there are: binance, binance_usdm, okx)",
    ),
    said(
        "a class that is not in its module",
        "strategies.ema_cross._target_=strategies.ema_cross.EmaCros",
        "strategies.ema_cross._target_ = 'strategies.ema_cross.EmaCros': module strategies.ema_cross has no 'EmaCros'; "
        "did you mean 'EmaCross'?",
    ),
    said(
        "a module that is not there",
        "strategies.ema_cross._target_=strategies.nothing.Here",
        "strategies.ema_cross._target_ = 'strategies.nothing.Here': no module 'strategies.nothing' can be imported "
        "(for strategies.nothing.Here)",
    ),
    said(
        "a class of another kind",
        "strategies.ema_cross._target_=decimal.Decimal",
        "strategies.ema_cross._target_ = 'decimal.Decimal': decimal.Decimal is not a strategy: it must be a subclass of BaseStrategy",
    ),
    said(
        "a registered name that is not there",
        "risk.checks.position_limit.type=position_limits",
        "risk.checks.position_limit.type = 'position_limits': no risk check is called 'position_limits'; "
        "did you mean 'position_limit'? (or name a class with _target_)",
    ),
    # Choices and files
    said(
        "a file that is not there",
        "mode=simulaton",
        "mode = 'simulaton': no file mode/simulaton.yaml in the configuration; did you mean 'simulation'?",
    ),
    said(
        "one file of several is not there",
        "strategies=[ema_cross,market_makr]",
        "strategies = 'market_makr': no file strategies/market_makr.yaml in the configuration; did you mean 'market_maker'?",
    ),
    written(
        "broken YAML",
        "risk/mine.yaml",
        "checks:\n  position_limit: {type: position_limit\n",
        "3: the configuration: not valid YAML: expected ',' or '}', but got '<stream end>'",
        "risk=mine",
    ),
    written(
        "the same key twice",
        "ops/mine.yaml",
        "uvloop: true\nuvloop: false\n",
        "2: the configuration: not valid YAML: found duplicate key uvloop",
        "ops=mine",
    ),
    said(
        "not an override",
        "simulation",
        "the configuration: simulation is not an override; write key=value, e.g. mode=simulation",
    ),
    said(
        "several values without a sweep",
        "strategies.ema_cross.fast=5,10",
        "strategies.ema_cross.fast: several values for a key need a sweep: quantai-daemon -m ...",
    ),
    # Secrets
    said("a secret on the command line", "exchanges.binance.api_key=hunter2", f"exchanges.binance.api_key = {_SECRET}"),
    written(
        "a secret in a file",
        "exchanges/mine.yaml",
        "okx:\n  api_secret: hunter2\nbinance: {}\n",
        f"2: exchanges.okx.api_secret = {_SECRET}",
        "exchanges=mine",
    ),
    said(
        "an environment variable that is not set",
        "exchanges.okx.api_key='${oc.env:NOT_SET_ANYWHERE}'",
        "exchanges.okx.api_key = ${oc.env:NOT_SET_ANYWHERE}: the environment variable NOT_SET_ANYWHERE is not set",
    ),
    # Combinations
    said(
        "parameters that do not fit together",
        "strategies.ema_cross.fast=50",
        "strategies.ema_cross: fast (50) must be below slow (30)",
    ),
    said(
        "live events on a simulated clock",
        "mode.clock=simulated",
        "mode.clock = 'simulated': only a replay can have a simulated clock, live events need wall",
        "mode=paper",
    ),
    said(
        "orders on replayed data that leave the process",
        "mode.execution=bus",
        "mode.execution = 'bus': orders on replayed data cannot leave the process: choose simulated or none",
    ),
    Wrong(
        "real orders without a durable journal",
        "conf/store/memory.yaml:1: store.type = 'memory': real orders need a durable order journal, memory forgets them "
        "with the process: choose store=sqlite or store=postgresql",
        ("mode=live_trading",),
    ),
    Wrong(
        "a venue without a connector",
        "conf/exchanges/okx.yaml:1: exchanges.okx.type: mode paper connects to venues, and this one names no "
        "connector; there are: binance, binance_coinm, binance_usdm, synthetic (or name a class with _target_)",
        ("mode=paper",),
    ),
    said(
        "a spot symbol called a perpetual",
        "instruments.binance_btc_usdt.type=swap",
        "instruments.binance_btc_usdt.type = 'swap': the symbol BTC/USDT is that of a spot",
    ),
    said(
        "a strategy on bars without an interval",
        "strategies.ema_cross.bar_interval=null",
        "strategies.ema_cross.bar_interval: required by the strategy's on_bar, such as 10s or 1m",
    ),
    said(
        "an asset without a price",
        "~data.assets.ETH",
        "data.assets: instruments.binance_eth_perp needs the asset ETH; there are: BTC",
    ),
    # Several daemons
    Wrong(
        "strategies alone on a bus inside the process",
        "conf/bus/memory.yaml:1: bus.type = 'memory': mode strategies needs a bus between daemons: bus=redis",
        ("mode=strategies",),
    ),
    Wrong(
        "a gateway on a bus inside the process",
        "conf/bus/memory.yaml:1: bus.type = 'memory': gateway.serve needs a bus between daemons: bus=redis",
        ("mode=paper", "gateway=serve"),
    ),
    Wrong(
        "a gateway where nothing is executed",
        "conf/gateway/serve.yaml:2: gateway.serve = true: mode strategies executes nothing itself that could be served",
        ("mode=strategies", "gateway=serve", "bus=redis"),
    ),
    Wrong(
        "a gateway in a replay",
        "conf/gateway/serve.yaml:2: gateway.serve = true: strategies in other daemons live by the wall clock, not in a replay",
        ("gateway=serve", "bus=redis"),
    ),
    said(
        "a sign of life as rare as death",
        "gateway.heartbeat=10s",
        "gateway.heartbeat = 10s: must be at most half of strategy_timeout (10s): one may be lost",
    ),
    said(
        "asking again what could be carried out late",
        "gateway.answer_timeout=5s",
        "gateway.answer_timeout = 5s: must be more than max_command_age (5s): what is asked again must be too old to be "
        "carried out late",
    ),
    Wrong(
        "strategies that publish what is not theirs",
        "conf/bus/redis.yaml:8: bus.publish: order.* is for another daemon to publish, not this one",
        ("mode=strategies", "bus=redis"),
    ),
    said(
        "strategies whose orders nobody hears",
        "bus.publish=['system.*']",
        "bus.publish: does not match command.submit.ema_cross, without which this daemon cannot work",
        "mode=strategies",
        "bus=redis",
    ),
    said(
        "strategies that hear no fills",
        "bus.receive=['market.*','state.*']",
        "bus.receive: does not match order.filled.ema_cross, without which this daemon cannot work",
        "mode=strategies",
        "bus=redis",
        "bus.publish=['command.*']",
    ),
    said(
        "strategies that would not hear that execution began anew",
        "bus.receive=['market.*','order.*','position.*','portfolio.*','state.*']",
        "bus.receive: does not match system.started.order gateway, without which this daemon cannot work",
        "mode=strategies",
        "bus=redis",
        "bus.publish=['command.*']",
    ),
    said(
        "strategies that another's timers would wake",
        "bus.receive=['*']",
        "bus.receive: system.* is this daemon's own, and must not come from another",
        "mode=strategies",
        "bus=redis",
        "bus.publish=['command.*','system.timer.*']",
    ),
    Wrong(
        "execution that would take another's orders for its own",
        "conf/bus/redis.yaml:9: bus.receive: order.* is this daemon's own, and must not come from another",
        (
            "mode=paper",
            "bus=redis",
            "exchanges=[synthetic]",
            "instruments=[synthetic]",
            "portfolio=synthetic",
            "strategies=[synthetic_ema_cross]",
        ),
    ),
    said(
        "execution that hears no orders",
        "bus.receive=['market.*']",
        "bus.receive: does not match command.submit.ema_cross, without which this daemon cannot work",
        "mode=paper",
        "gateway=serve",
        "bus=redis",
    ),
    said(
        "a password in an address",
        "bus.url='redis://me:hunter2@db:6379/0'",
        "bus.url = (not shown): must not hold a user or password: give bus.username, and bus.password by reference",
        "bus=redis",
    ),
    said(
        "an address that is none of Redis",
        "bus.url=db:6379",
        "bus.url = 'db:6379': expected redis://host:6379/0, rediss://host:6379/0 (TLS) or unix:///path",
        "bus=redis",
    ),
    said("a password of Redis on the command line", "bus.password=hunter2", f"bus.password = {_SECRET}", "bus=redis"),
    said(
        "a kind of bus that is none",
        "bus.type=redi",
        "bus.type = 'redi': did you mean 'redis'? (one of memory, redis)",
    ),
    said(
        "resuming without a group",
        "bus.resume=true",
        "bus.resume = true: needs bus.group, a name of this process that no other uses",
        "bus=redis",
    ),
    said(
        "certificates without TLS",
        "bus.ca_file=ca.pem",
        "bus.ca_file = 'ca.pem': is for TLS: bus.url must begin with rediss://",
        "bus=redis",
    ),
    said(
        "object storage without a folder to record into",
        "recorder.path=s3://bucket/store",
        "recorder.path = 's3://bucket/store': a store that is no folder needs recorder.spool, a folder on this machine to "
        "record into first",
        "recorder=market",
    ),
    Wrong(
        "nothing to serve",
        "composed configuration: strategies: mode paper serves strategies, and none is enabled; try strategies=ema_cross",
        ("mode=paper", "gateway=serve", "bus=redis", "strategies=[]", "bus.receive=['command.*']"),
    ),
    Wrong(
        "nothing to run",
        "composed configuration: strategies: mode simulation runs strategies, and none is enabled; try strategies=ema_cross",
        ("strategies=[]",),
    ),
    Wrong(
        "nothing to record",
        "conf/recorder/off.yaml:1: recorder.enabled = false: without execution and recorder the daemon would do nothing",
        ("mode=live_recording", "exchanges=synthetic", "instruments=synthetic", "portfolio=none", "strategies=[]"),
    ),
]

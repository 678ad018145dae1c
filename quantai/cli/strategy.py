"""`quantai strategy new`: a strategy to begin with, and the YAML that runs it."""

from __future__ import annotations

import argparse
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from rich.console import Console

from quantai.core.errors import ConfigError
from quantai.core.identifiers import NAME_PATTERN, is_name

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_CODE = Template('''"""$title."""

from decimal import Decimal

from quantai.core.params import Positive
from quantai.events import FillEvent, TickEvent
from quantai.strategy import BaseStrategy


class $cls(BaseStrategy):
    """Buys once, at the first tick. Make it yours."""

    quantity: Positive = Decimal("0.01")
    """How much to buy."""

    async def on_tick(self, tick: TickEvent) -> None:
        if not self.position(tick.symbol) and not self.open_orders:
            await self.buy(tick.symbol, quantity=self.quantity)

    async def on_fill(self, fill: FillEvent) -> None:
        self.logger.info("filled %s %s at %s", fill.side, fill.quantity, fill.price)
''')

_YAML = Template("""# quantai-daemon --config-dir $folder strategies=$name
$name:
  _target_: strategies.$name.$cls
  instruments: [binance_btc_usdt]
  quantity: 0.01
""")


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Define the command."""
    parser = commands.add_parser("strategy", help="begin a strategy")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    new = actions.add_parser("new", help="write strategies/NAME.py and the YAML that runs it")
    new.add_argument("name", metavar="NAME", help="small letters, digits and _")
    new.add_argument(
        "-cd", "--config-dir", type=Path, default=Path("conf"), help="where the YAML goes (default: %(default)s)"
    )
    new.set_defaults(command=new_strategy)


def new_strategy(options: argparse.Namespace) -> int:
    """Write both files. Raises `ConfigError` for a bad name, or where one of them is there already."""
    name: str = options.name
    if not is_name(name) or not name.isidentifier():
        raise ConfigError(f"{name!r} cannot name a strategy: use small letters, digits and _ (pattern {NAME_PATTERN})")
    cls = "".join(part.capitalize() for part in name.split("_"))
    values = {"name": name, "cls": cls, "title": name.replace("_", " ").capitalize(), "folder": options.config_dir}
    code, yaml = Path("strategies", f"{name}.py"), options.config_dir / "strategies" / f"{name}.yaml"
    for file in (code, yaml):
        if file.exists():
            raise ConfigError(f"{file} is there already; choose another name")
    for file, template in ((code, _CODE), (yaml, _YAML)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(template.substitute(values), encoding="utf-8")
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"wrote {code} and {yaml}\nrun it: quantai-daemon --config-dir {options.config_dir} strategies={name}"
    )
    return 0

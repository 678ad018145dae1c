"""The last results of `make peers`, and the table of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.figures import Figure, number, show
from benchmarks.peers.measures import MEASURES, Peer

RESULTS = Path(__file__).with_name("results.json")

_OURS = "QuantAI"
_RELEASED = "NautilusTrader"  # the first of that name is the released one
_FACTOR = 8.0
_FRAMES = "cryptofeed"  # the one that decodes venues' frames
_FRAMES_FACTOR = 3.0


@dataclass(frozen=True)
class Comparison:
    """All measured peers, and us among them; who runs the same Python as the peers is compared with them."""

    date: str
    machine: dict[str, str]
    peers: list[Peer]

    @classmethod
    def load(cls, path: Path = RESULTS) -> Comparison:
        """What is stored."""
        stored = json.loads(path.read_text(encoding="utf-8"))
        return cls(stored["date"], stored["machine"], [Peer(**peer) for peer in stored["peers"]])

    @property
    def others(self) -> list[Peer]:
        """The peers."""
        return [peer for peer in self.peers if peer.name != _OURS]

    @property
    def ours(self) -> list[Peer]:
        """Us, first on the Python of the peers."""
        found = [peer for peer in self.peers if peer.name == _OURS]
        return sorted(found, key=lambda peer: peer.python != self.others[0].python)

    def times_better(self, measure: str, peer: Peer, ours: Peer | None = None) -> float | None:
        """How many times better we are than `peer`, on its Python if not said; None where one of both has no figure."""
        own, theirs = (ours or self.ours[0]).figures.get(measure), peer.figures.get(measure)
        if own is None or theirs is None:
            return None
        return own / theirs if MEASURES[measure].is_rate else theirs / own

    def figures(self) -> list[Figure]:
        """What the peers were measured for, as targets."""
        released = next(peer for peer in self.others if peer.name == _RELEASED)
        published = [
            Figure.at_least(f"publish, Python {ours.python}: times cheaper than {released.title}", factor, "x", _FACTOR)
            for ours in self.ours
            if (factor := self.times_better("exact", released, ours)) is not None
        ]
        decoded = [
            Figure.at_least(f"{MEASURES[key].what}: times {peer.title}", factor, "x", _FRAMES_FACTOR)
            for key in ("spot", "futures")
            for peer in self.others
            if peer.name == _FRAMES and (factor := self.times_better(key, peer)) is not None
        ]
        return published + decoded

    def lags(self) -> list[str]:
        """Where a peer is ahead, in words."""
        return [
            f"{peer.name} {peer.version} is ahead at: {MEASURES[measure].what}, {number(1 / factor)} times."
            for measure in MEASURES
            for peer in self.others
            if measure != "call" and (factor := self.times_better(measure, peer)) is not None and factor < 1
        ]

    def markdown(self) -> str:
        """The table, why cells are empty, and where a peer is ahead."""
        titles = [peer.title for peer in self.peers]
        lines = [f"| | {' | '.join(titles)} |", "|---|" + "---:|" * len(titles)]
        for key, measure in MEASURES.items():
            cells = [self._cell(key, peer) for peer in self.peers]
            lines.append(f"| {measure.what}, {measure.unit} | {' | '.join(cells)} |")
        reasons = [
            f"- {peer.name} {peer.version} has no figure, because {reason}, for: {'; '.join(whats)}."
            for peer in self.peers
            for reason, whats in _by_reason(peer).items()
        ]
        ahead = [f"- {lag}" for lag in self.lags()] or ["- No peer is ahead in this table."]
        return "\n".join([*lines, "", *ahead, *reasons])

    def _cell(self, measure: str, peer: Peer) -> str:
        value = peer.figures.get(measure)
        if value is None:
            return "–"
        factor = self.times_better(measure, peer)
        suffix = f" ({number(factor)}x)" if factor is not None and peer in self.others and measure != "call" else ""
        return f"{number(value)}{suffix}"

    def save(self, path: Path = RESULTS) -> None:
        """Store it for `load`."""
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    def show(self) -> None:
        """Print a table for each peer, the target and where one is ahead."""
        for peer in self.peers:
            rows = [Figure(MEASURES[key].what, value, MEASURES[key].unit) for key, value in peer.figures.items()]
            show(peer.title, rows)
        show("Targets", self.figures())
        print("\n".join(self.lags()))


def _by_reason(peer: Peer) -> dict[str, list[str]]:
    """What `peer` has no figure for, by the reason."""
    found: dict[str, list[str]] = {}
    for key, reason in peer.without.items():
        found.setdefault(reason, []).append(MEASURES[key].what)
    return found

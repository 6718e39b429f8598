"""``config/danger.tsv``: what was learned about danger from lines of text, by ``bench.dangers``.

Group, feature and weight in thousandths. Groups are "bias", "sign" (one or a pair), "word", "piece"
(of a word; "_" is where it begins or ends) and "kind NAME" (a sign's word for a kind of danger).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from config.settings import SettingsError
from config.toml import Fault

PATH = Path(__file__).parent / "danger.tsv"
_PARTS = 1000
_KIND = "kind "


@dataclass(frozen=True, slots=True)
class Weights:
    """What a text's features say for danger, as log-odds."""

    bias: float
    signs: Mapping[str, float]
    """A sign or a pair of them, in order: "water" or "person water"."""
    words: Mapping[str, float]
    pieces: Mapping[str, float]
    kinds: Mapping[str, Mapping[str, float]]
    """By kind of danger: what each sign says for it; "" always."""

    def lines(self) -> Iterator[str]:
        """Write the file."""
        groups = {"bias": {"": self.bias}, "sign": self.signs, "word": self.words}
        groups |= {"piece": {p.replace(" ", "_"): w for p, w in self.pieces.items()}}
        groups |= {f"{_KIND}{kind}": table for kind, table in self.kinds.items()}
        for group, table in groups.items():
            for feature, weight in sorted(table.items()):
                if parts := round(weight * _PARTS):
                    yield f"{group}\t{feature}\t{parts}\n"


@cache
def weights(path: Path = PATH) -> Weights:
    """Read the file. Raises ``SettingsError`` naming the line."""
    groups: dict[str, dict[str, float]] = {}
    at = 0
    try:
        for at, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            group, feature, parts = line.split("\t")
            groups.setdefault(group, {})[feature] = int(parts) / _PARTS
    except (OSError, ValueError) as error:
        raise SettingsError([Fault(str(path), at, str(error))]) from None
    return Weights(
        groups.get("bias", {}).get("", 0.0),
        groups.get("sign", {}),
        groups.get("word", {}),
        {p.replace("_", " "): weight for p, weight in groups.get("piece", {}).items()},
        {g.removeprefix(_KIND): t for g, t in groups.items() if g.startswith(_KIND)},
    )

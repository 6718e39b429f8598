"""``config/danger.tsv``: what was learned about danger from lines of text, by ``bench.dangers``.

A line is a group, a name, its weight in thousandths and its rarity in hundredths (``Feature``).
Groups are "bias", "sign" (one or a pair), "word", "piece" (of a word; "_" is where it begins or
ends) and "kind NAME" (what a sign, or a word behind "_", says for it).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from config.settings import SettingsError
from config.toml import Fault

PATH = Path(__file__).parent / "danger.tsv"
_PARTS = 1000
_RARE_PARTS = 100
_KIND = "kind "


class Feature(NamedTuple):
    """What a feature says for danger, and how rare it is: a squared inverse document frequency.

    What features of one group say together is their sum over the root of their rarities' sum.
    """

    weight: float
    rarity: float = 0.0


Table = Mapping[str, Feature]


@dataclass(frozen=True, slots=True)
class DangerWeights:
    """What a text's features say for danger, as log-odds."""

    bias: float
    signs: Table
    """A sign or a pair of them, in order: "water" or "person water"."""
    words: Table
    pieces: Table
    kinds: Mapping[str, Table]
    """By kind of danger: what each sign or "_word" says for it; "" always."""

    def lines(self) -> Iterator[str]:
        """Write the file."""
        bias = {"": Feature(self.bias)}
        groups: dict[str, Table] = {"bias": bias, "sign": self.signs, "word": self.words}
        groups |= {"piece": {p.replace(" ", "_"): w for p, w in self.pieces.items()}}
        groups |= {f"{_KIND}{kind}": table for kind, table in self.kinds.items()}
        for group, table in groups.items():
            for name, (weight, rarity) in sorted(table.items()):
                parts = round(weight * _PARTS), round(rarity * _RARE_PARTS)
                yield "\t".join((group, name, *map(str, parts))) + "\n"


@cache
def weights(path: Path = PATH) -> DangerWeights:
    """Read the file. Raises ``SettingsError``."""
    groups: dict[str, dict[str, Feature]] = {}
    line = ""
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            group, name, weight, rarity = line.split("\t")
            feature = Feature(int(weight) / _PARTS, int(rarity) / _RARE_PARTS)
            groups.setdefault(group, {})[name] = feature
    except (OSError, ValueError) as error:
        raise SettingsError([Fault(str(path), 0, f"{error}: {line!r}")]) from None
    return DangerWeights(
        groups.get("bias", {}).get("", Feature(0.0)).weight,
        groups.get("sign", {}),
        groups.get("word", {}),
        {p.replace("_", " "): feature for p, feature in groups.get("piece", {}).items()},
        {g.removeprefix(_KIND): t for g, t in groups.items() if g.startswith(_KIND)},
    )

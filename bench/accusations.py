"""``python -m bench.accusations [--write]``: what each sign and word weighs for an accusation.

Learns from the lines of ``tests/router``: accusations.csv, accusation_lines.csv, and the reports of
hotlines.csv, citizens.csv and messages.csv, which accuse nobody unless accusation_lines.csv says
so. Prints how well a detector that never saw an author's lines reads them, each author in turn;
``--write`` learns from all lines and writes ``config/accusation_weights.toml``.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from config import files
from router.accusation import AccusationEvidence, Detector

ROOT = Path(__file__).parent.parent
LINES = ROOT / "tests" / "router"
WEIGHTS = ROOT / "config" / "accusation_weights.toml"
TRAFFIC = ("hotlines", "citizens", "messages")
OURS = ("traffic", "plain")
"""No author of their own: they are read by what was learned from them, too."""
UNCLEAR = "unclear"
"""A report of which two readers could say different things; nothing is learned from it."""
RARE = 3
"""Lines in which a word must occur to be learned."""
SMALLEST = 0.05
"""Weights below this are not written."""
SOFTNESS = 1.0
"""The inverse of how strongly weights are drawn to nothing."""
WORD = 1.2
"""How much more a word may weigh than a sign."""
OF_TRAFFIC = 0.8
"""What a report of everyday traffic counts beside a line written for this."""
ACCUSING = (
    "{0} minta uang",
    "{0} Sukamaju Kota Bandung minta uang",
    "{0} Sukamaju Kecamatan Sukajadi Kota Bandung minta uang",
    "{0} minta uang 500 ribu",
    "uang 500 ribu diminta {0}",
    "saya diperas {0} kemarin",
    "{0} korupsi",
    "{0} memukul saya",
    "saya dipukul {0}",
    "{0} menerima suap dari kontraktor",
    "dipungli {0} 50 ribu",
    "{0} mengancam warga",
    "{0} melecehkan perempuan",
    "bantuan dipotong {0} 100 ribu",
    "jalan rusak, mohon diperbaiki. {0} minta uang 500 ribu supaya diperbaiki",
)
HARMLESS = (
    "{0} tidak minta uang",
    "preman minta uang di depan kantor {0}",
    "terima kasih {0}",
    "kapan {0} datang?",
    "jalan rusak, {0} tolong perbaiki",
    "saya diperas preman kemarin, {0} tolong",
    "tukang parkir minta uang 5 ribu, mohon {0} tertibkan",
    "{0} lambat",
    "berapa biaya resmi di {0}",
    "penipu mengaku {0} minta uang 500 ribu",
    "tetangga memukul saya, sudah lapor {0}",
    "{0} dipukul warga",
)
"""Plain sentences, said of the first people of every office."""
PEOPLE = 3
OF_PLAIN = 0.5
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)


class Line(NamedTuple):
    """A text, who wrote it, and whether it accuses somebody."""

    author: str
    accuses: bool
    text: str


def lines(folder: Path = LINES) -> list[Line]:
    """Read all lines."""
    found = [
        *((r["half"], r["accused"], r["text"]) for r in _rows(folder / "accusation_lines.csv")),
        *(("house", r["accused"], r["text"]) for r in _rows(folder / "accusations.csv")),
    ]
    marked = {text for _, _, text in found}
    found += [
        ("traffic", "", r["text"])
        for name in TRAFFIC
        for r in _rows(folder / f"{name}.csv")
        if r["text"] not in marked
    ]
    return [Line(author, bool(who), text) for author, who, text in found if who != UNCLEAR]


def plain(detector: Detector) -> list[Line]:
    """Make the plain sentences about every office."""
    return [
        Line("plain", shape in ACCUSING, shape.format(who))
        for office in detector.rules.offices.values()
        for who in [*office.persons, *(f"petugas {unit}" for unit in office.units)][:PEOPLE]
        for shape in (*ACCUSING, *HARMLESS)
    ]


class Learned(NamedTuple):
    """Weights by feature, and the bias."""

    bias: float
    weights: dict[str, float]

    def probability(self, features: Iterable[str]) -> float:
        """Tell how likely features are those of an accusation."""
        logit = self.bias + sum(self.weights.get(name, 0.0) for name in features)
        return float(1 / (1 + np.exp(-logit)))


def features(evidence: AccusationEvidence | None) -> list[str]:
    """Name the signs ("sign:…") and words ("word:…") of a text."""
    if evidence is None:
        return []
    words = (word for word in evidence.words if word.isalpha() and len(word) > 1)
    return [*(f"sign:{s}" for s in evidence.signs), *(f"word:{w}" for w in words)]


def fitted(seen: Sequence[tuple[Line, Sequence[str]]]) -> Learned:
    """Learn from lines and their features."""
    counts = Counter(name for _, names in seen for name in names)
    kept = sorted(n for n, c in counts.items() if n.startswith("sign:") or c >= RARE)
    column = {name: at for at, name in enumerate(kept)}
    worth = np.array([WORD if name.startswith("word:") else 1.0 for name in kept])
    table: NDArray[Any] = np.zeros((len(seen), len(kept)))
    for row, (_, names) in enumerate(seen):
        for name in names:
            if name in column:
                table[row, column[name]] = 1
    accuses = [line.accuses for line, _ in seen]
    counted = [_counts(line) for line, _ in seen]
    model = LogisticRegression(C=SOFTNESS, max_iter=3_000, solver="liblinear", random_state=1)
    model.fit(table * worth, accuses, sample_weight=counted)
    weights = dict(zip(kept, model.coef_[0] * worth, strict=True))
    return Learned(float(model.intercept_[0]), weights)


def written(learned: Learned) -> str:
    """Write weights as accusation_weights.toml."""
    signs, words = (
        sorted(
            (name.partition(":")[2], weight)
            for name, weight in learned.weights.items()
            if name.startswith(sort) and abs(weight) >= SMALLEST
        )
        for sort in ("sign:", "word:")
    )
    return "\n".join(
        [
            "# What speaks for an accusation, as logits: learned by `python -m bench.accusations`",
            "# from lines written for it; not to be edited by hand.",
            "",
            "[weights]",
            f"bias = {learned.bias:.3f}",
            *(
                text
                for name, table in (("signs", signs), ("words", words))
                for text in (
                    "",
                    f"[weights.{name}]",
                    *(f'"{one}" = {weight:.2f}' for one, weight in table),
                )
            ),
            "",
        ]
    )


def told(author: str, said: NDArray[Any], accuses: NDArray[Any]) -> str:
    """Say how many lines are missed and how many are taken for an accusation at some levels."""
    of, none = int(accuses.sum()), int((~accuses).sum())
    parts = (
        f"{level:.1f}: missed {int((said[accuses] < level).sum())}, "
        f"over {int((said[~accuses] >= level).sum())}"
        for level in LEVELS
    )
    return f"{author} ({of} accuse, {none} do not): " + "; ".join(parts)


def main() -> None:
    """Measure, and learn."""
    parser = argparse.ArgumentParser(prog="python -m bench.accusations", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {WEIGHTS.name}")
    asked = parser.parse_args()
    detector = Detector.build(files.read().accusations)
    seen = [(line, features(detector.evidence(line.text))) for line in (*lines(), *plain(detector))]
    for author in dict.fromkeys(line.author for line, _ in seen):
        learned = fitted([one for one in seen if one[0].author != author or author in OURS])
        own = [one for one in seen if one[0].author == author]
        said = np.array([learned.probability(names) for _, names in own])
        print(told(author, said, np.array([line.accuses for line, _ in own])))
    if asked.write:
        WEIGHTS.write_text(written(fitted(seen)), encoding="utf-8")


def _counts(line: Line) -> float:
    if line.author == "plain":
        return OF_PLAIN
    return OF_TRAFFIC if line.author == "traffic" and not line.accuses else 1.0


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


if __name__ == "__main__":
    main()

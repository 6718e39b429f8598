"""``python -m bench.wishes [--write]``: what each word and sign weighs for a wish to stay unknown.

Learns from ``tests/normalizer/wishes.csv``, whose halves are of several authors, and from everyday
reports in ``tests/router``, which wish nothing unless a rule says so. Prints how well lines are
read by what was learned from the other authors alone, with and without the rules; ``--write``
learns from all lines and writes ``normalizer/wish_weights.csv``.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from normalizer import wishes
from normalizer.wish_evidence import BIAS, FIRST, WEIGHTS, WISHES, features, first_features
from normalizer.wish_tokens import tokens

ROOT = Path(__file__).parent.parent
LINES = ROOT / "tests" / "normalizer" / "wishes.csv"
TRAFFIC = ("messages", "citizens", "hotlines", "dangers", "accusations")
EVERYDAY = "everyday"
FOLDS = 5
"""Parts of the everyday reports: each is read by what was learned from the others."""
RARE = {"w": 6, "b": 6, "p": 6, "a": 6}
"""Lines in which what is weighed must occur, by its sort."""
WORTH = {"w": 0.7, "b": 0.7, "p": 0.6, "a": 0.5}
"""How easily a sort takes weight, beside a sign."""
OF_EVERYDAY = 2.0
"""What an everyday report counts beside a line written for this."""
OF_JOINED = 0.5
SMALLEST = 0.05
"""Weights below this are not written."""
_SHORT = 12
"""Words of a line that may be a part of a report."""
LEVELS = (0.3, 0.35, 0.4, 0.5)


class Line(NamedTuple):
    """A text, who wrote it, and what it asks for."""

    author: str
    asks: frozenset[str]
    text: str
    matter: str = ""
    """The everyday report to which it was joined."""


class Learned(NamedTuple):
    """Weights of one wish by feature."""

    bias: float
    weights: dict[str, float]

    def likelihood(self, names: Collection[str]) -> float:
        """Tell how likely a text with these features has the wish."""
        logit = self.bias + sum(self.weights.get(name, 0.0) for name in names)
        return float(1 / (1 + np.exp(-logit)))


Seen = Sequence[tuple[Line, Collection[str]]]


def lines() -> list[Line]:
    """Read all lines; "before" and "after" are of one author."""
    house = {"before": "house", "after": "house"}
    found = [
        Line(house.get(row["half"], row["half"]), _asks(row["wish"]), row["text"])
        for row in _rows(LINES)
    ]
    everyday = [
        row["text"] for name in TRAFFIC for row in _rows(ROOT / "tests" / "router" / f"{name}.csv")
    ]
    reports = [Line(EVERYDAY, _by_rules(text), text) for text in everyday]
    matters = [line.text for line in reports if not line.asks]
    joined = [_joined(line, at, matters) for at, line in enumerate(found)]
    return [*found, *reports, *filter(None, joined)]


def _joined(line: Line, at: int, matters: Sequence[str]) -> Line | None:
    """Put a short line before or after a report: so most wishes come."""
    if len(line.text.split()) > _SHORT or "unhide" in line.asks:
        return None
    matter = matters[at * 37 % len(matters)]
    parts = (matter, line.text) if at % 3 else (line.text, matter)
    return Line(line.author, line.asks, ". ".join(part.rstrip(" .!?") for part in parts), matter)


def fitted(seen: Seen, wish: str, softness: float = 1.0) -> Learned:
    """Learn what speaks for a wish; any of them where it is ``FIRST``."""
    counts = Counter(name for _, names in seen for name in names)
    kept = sorted(name for name, count in counts.items() if count >= RARE.get(_sort(name), 1))
    column = {name: at for at, name in enumerate(kept)}
    worth = np.array([WORTH.get(_sort(name), 1.0) for name in kept])
    cells = [(row, column[n]) for row, (_, names) in enumerate(seen) for n in names if n in column]
    rows, columns = zip(*cells, strict=True)
    table = csr_matrix((worth[list(columns)], (rows, columns)), (len(seen), len(kept)))
    asks = [bool(line.asks) if wish == FIRST else wish in line.asks for line, _ in seen]
    counted = [_counts(line) for line, _ in seen]
    model = LogisticRegression(C=softness, max_iter=3_000, solver="liblinear", random_state=1)
    model.fit(table, asks, sample_weight=counted)
    weights = dict(zip(kept, (model.coef_[0] * worth).tolist(), strict=True))
    return Learned(float(model.intercept_[0]), weights)


def written(seen: Seen, first: Seen) -> None:
    """Learn from all lines and write the weights."""
    learned = [fitted(seen, wish) for wish in WISHES] + [fitted(first, FIRST, 0.5)]
    names = sorted({name for each in learned for name in each.weights})
    with WEIGHTS.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["feature", *WISHES, FIRST])
        out.writerow([BIAS, *(f"{each.bias:.3f}" for each in learned)])
        for name in names:
            weights = [each.weights.get(name, 0.0) for each in learned]
            if max(map(abs, weights)) >= SMALLEST:
                out.writerow([name, *(f"{weight:.2f}" for weight in weights)])


def told(author: str, own: Sequence[Line], likely: NDArray[Any], by_rules: bool) -> None:
    """Say how many lines are exposed and how many hidden for nothing, at some levels."""
    hides = np.array([bool(line.asks - {"unhide"}) for line in own])
    opens = np.array(["unhide" in line.asks for line in own])
    ruled = np.array([by_rules and bool(_by_rules(line.text) - {"unhide"}) for line in own])
    parts = []
    for level in LEVELS:
        hidden = ruled | ((likely[:, :2].max(1) >= level) & (likely[:, :2].max(1) >= likely[:, 2]))
        shown = ~hidden & (likely[:, 2] >= 0.5)
        parts.append(
            f"{level}: exposed {_share(~hidden, hides)}, over {_share(hidden, ~hides & ~opens)},"
            f" opened {_share(shown, opens)}, opened wrongly {int(shown[~opens].sum())}"
        )
    print(f"{author} ({len(own)})", *parts, sep="\n  ")


def main() -> None:
    """Measure, and learn."""
    parser = argparse.ArgumentParser(prog="python -m bench.wishes", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {WEIGHTS.name}")
    asked = parser.parse_args()
    seen = [(line, features(tokens(line.text[: wishes.LONGEST]))) for line in lines()]
    first = [(line, first_features(line.text[: wishes.LONGEST])) for line, _ in seen]
    if asked.write:
        written(seen, first)
        return
    for author in dict.fromkeys(line.author for line, _ in seen):
        own, likely = _unseen(seen, author)
        for is_joined in (False, True):
            some = [at for at, line in enumerate(own) if bool(line.matter) == is_joined]
            for by_rules in (False, True) if some else ():
                name = f"{author}{', in a report' * is_joined}{', with the rules' * by_rules}"
                told(name, [own[at] for at in some], likely[some], by_rules)


def _unseen(seen: Seen, author: str) -> tuple[list[Line], NDArray[Any]]:
    """Read the lines of an author with what was learned from everything else."""
    parts = FOLDS if author == EVERYDAY else 1
    own = [at for at, (line, _) in enumerate(seen) if line.author == author]
    likely = np.zeros((len(own), len(WISHES)))
    for part in range(parts):
        held = {at for place, at in enumerate(own) if place % parts == part}
        texts = {seen[at][0].text for at in held}
        rest = [s for at, s in enumerate(seen) if at not in held and s[0].matter not in texts]
        learned = [fitted(rest, wish) for wish in WISHES]
        for place, at in enumerate(own):
            if at in held:
                likely[place] = [each.likelihood(seen[at][1]) for each in learned]
    return [seen[at][0] for at in own], likely


def _counts(line: Line) -> float:
    if line.author == EVERYDAY:
        return OF_EVERYDAY
    return OF_JOINED if line.matter else 1.0


def _share(found: NDArray[Any], of: NDArray[Any]) -> str:
    return f"{int(found[of].sum())}/{int(of.sum())}"


def _asks(wish: str) -> frozenset[str]:
    both = frozenset({"anonymous", "confidential"})
    return {"both": both, "none": frozenset[str]()}.get(wish, frozenset({wish}))


def _by_rules(text: str) -> frozenset[str]:
    said = wishes.by_rules(text)
    return frozenset(wish for wish in WISHES if getattr(said, wish))


def _sort(name: str) -> str:
    return name.partition(":")[0]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


if __name__ == "__main__":
    main()

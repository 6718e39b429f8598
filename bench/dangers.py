"""``python -m bench.dangers``: learn ``config/danger.tsv`` from the lines of the tests.

Dangers and look-alikes are those of tests/router/dangers.csv, but for its half "unseen"; ordinary
complaints are the other tables of tests/router (dangers_elsewhere.csv names what is none of them).
First is shown how well lines are judged that were not learned from: an author's lines by what
others wrote, ordinary ones by the rest of them. The same lines always give the same file.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from config.danger import PATH, Weights
from config.emergency import emergency
from router.danger import Dangers
from router.evidence import Evidence, Signs, passages, pieces, words_of

TABLES = Path(__file__).parents[1] / "tests" / "router"
ORDINARY = ("messages", "citizens", "hotlines", "accusations")
AUTHORS = {"blind": "second", "second": "third", "unseen": "third"}
"""Who wrote a half, if not the author of the rules."""
TESTED = "unseen"
STIFFNESS = 10.0
"""C of the logistic regression."""
KIND_STIFFNESS = 1.0
SELDOM = 2
"""Lines that a feature must stand in."""
FOLDS = 3
LOOK_ALIKES = 0.04
"""The share of look-alikes of other authors that may be taken for danger: sets the bias."""
Line = tuple[str, str, str]
"""Half, kind, text."""
_SIGNS = Signs(emergency().signs)
_RULES = Dangers([*emergency().threats.items()], emergency().words)
_EMPTY = Weights(0.0, {}, {}, {}, {})


def table(name: str) -> list[dict[str, str]]:
    """Read a table of the tests."""
    return [*csv.DictReader((TABLES / f"{name}.csv").read_text(encoding="utf-8").splitlines())]


def features(words: Sequence[str]) -> Iterator[tuple[tuple[str, str], float]]:
    """Yield the features of a passage with their values, by group and name."""
    once = dict.fromkeys(words)
    signs = [_SIGNS.name(n) for n in _SIGNS.near([_SIGNS.of(word) for word in words])]
    cut = [piece for word in once for piece in pieces(word)]
    for group, names in (("sign", signs), ("word", [*once]), ("piece", cut)):
        for name in names:
            yield (group, name), 1 / sqrt(len(names))


def learn(texts: Iterable[tuple[Sequence[str], bool]]) -> Weights:
    """Fit the weights to passages that tell of danger or do not."""
    rows = [([*features(words)], danger) for words, danger in texts]
    counted: dict[tuple[str, str], int] = {}
    for row, _ in rows:
        for name in {name for name, _ in row}:
            counted[name] = counted.get(name, 0) + 1
    often = sorted(name for name, times in counted.items() if times >= SELDOM)
    column = {name: at for at, name in enumerate(often)}
    cells = [
        (at, column[name], value)
        for at, (row, _) in enumerate(rows)
        for name, value in row
        if name in column
    ]
    where, which, values = zip(*cells, strict=True)
    matrix = csr_matrix((values, (where, which)), (len(rows), len(column)))
    machine = LogisticRegression(C=STIFFNESS, class_weight="balanced", max_iter=2000)
    machine.fit(matrix, [danger for _, danger in rows])
    learned = dict(zip(often, machine.coef_[0].tolist(), strict=True))
    groups = {
        group: {name: weight for (of, name), weight in learned.items() if of == group}
        for group in ("sign", "word", "piece")
    }
    return Weights(
        float(machine.intercept_[0]), groups["sign"], groups["word"], groups["piece"], {}
    )


def kinds(lines: Sequence[Line]) -> Mapping[str, Mapping[str, float]]:
    """Fit what each sign says for each kind of danger."""
    told = [(kind, set(_signs(text))) for _, kind, text in lines if kind]
    matrix = [[name in signs for name in _SIGNS.names] for _, signs in told]
    machine = LogisticRegression(C=KIND_STIFFNESS, class_weight="balanced", max_iter=2000)
    machine.fit(np.array(matrix, dtype=float), [kind for kind, _ in told])
    return {
        kind: {"": float(always), **dict(zip(_SIGNS.names, row.tolist(), strict=True))}
        for kind, always, row in zip(
            machine.classes_, machine.intercept_, machine.coef_, strict=True
        )
    }


def _signs(text: str) -> Iterator[str]:
    yield from (_SIGNS.names[n] for word in words_of(text) for n in _SIGNS.of(word))


def taught(lines: Iterable[Line], ordinary: Iterable[str]) -> Weights:
    """Learn from whole lines, and from every passage of ordinary complaints."""
    told = [(next(passages(text)), bool(kind)) for _, kind, text in lines]
    return learn([*told, *((words, False) for text in ordinary for words in passages(text))])


def judged(weights: Weights) -> Callable[[str], float]:
    """Return what a text scores, the rules' word included."""
    evidence = Evidence(emergency().signs, weights)
    return lambda text: evidence.score(text) + _RULES.worth(text)


def crossed(lines: Sequence[Line], ordinary: Sequence[str], half: str) -> tuple[float, ...]:
    """Judge a half by what other authors wrote.

    Returns the bias at which no more than ``LOOK_ALIKES`` of its calm lines are taken for danger,
    and how many of its dangers, its calm lines and ordinary complaints then are.
    """
    others = [line for line in lines if AUTHORS.get(line[0], "") != AUTHORS[half]]
    own = [line for line in lines if line[0] == half]
    scores = np.zeros(len(own))
    common: list[float] = []
    for fold in range(FOLDS):
        learned = [text for at, text in enumerate(ordinary) if at % FOLDS != fold]
        judge = judged(taught(others, learned))
        scores += [judge(text) / FOLDS for _, _, text in own]
        common += map(judge, ordinary[fold::FOLDS])
    danger = np.array([bool(kind) for _, kind, _ in own])
    least = float(np.quantile(scores[~danger], 1 - LOOK_ALIKES))
    shares = (scores[danger], scores[~danger], np.array(common))
    return least, *(float((share > least).mean()) for share in shares)


def main() -> None:
    """Measure, learn and write."""
    lines = [(row["half"], row["kind"], row["text"]) for row in table("dangers")]
    elsewhere = {row["text"] for row in table("dangers_elsewhere")}
    ordinary = [row["text"] for name in ORDINARY for row in table(name)]
    ordinary = [text for text in dict.fromkeys(ordinary) if text not in elsewhere]
    least = {}
    for half in AUTHORS:
        least[half], found, calm, common = crossed(lines, ordinary, half)
        print(f"{half}: {found:.1%} found, {calm:.1%} of its calm lines, {common:.1%} of ordinary")
    learned = [line for line in lines if line[0] != TESTED]
    weights = taught(learned, ordinary)
    bias = weights.bias - float(np.mean([least[half] for half in AUTHORS if half != TESTED]))
    weights = replace(weights, bias=bias, kinds=kinds(learned))
    PATH.write_text("".join(weights.lines()), encoding="utf-8")


if __name__ == "__main__":
    main()

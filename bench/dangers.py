"""``python -m bench.dangers``: learn ``config/danger.tsv`` from the lines of the tests.

Dangers and look-alikes are those of tests/router/dangers.csv, but for its half "unseen"; ordinary
complaints are the other tables of tests/router (dangers_elsewhere.csv names what is none of them).
First is shown how well lines are judged that were not learned from: an author's lines by what
others wrote, ordinary ones by the rest of them. The same lines always give the same file.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from math import log, sqrt
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from config import files
from config.danger import PATH, DangerWeights, Feature
from config.emergency import emergency
from normalizer.gazetteer import Gazetteer
from normalizer.message import Level
from router.danger import RULE, Dangers
from router.evidence import DangerEvidence, Signs, passages, pieces, words_of

TABLES = Path(__file__).parents[1] / "tests" / "router"
ORDINARY = ("messages", "citizens", "hotlines", "accusations")
AUTHORS = {"blind": "second", "second": "third", "unseen": "third"}
"""Who wrote a half, if not the author of the rules."""
TESTED = "unseen"
SCALE = {"sign": 0.6, "word": 0.7, "piece": 1.0}
"""How much the groups of features count beside each other before anything is learned."""
STIFFNESS = 10.0
"""C of the logistic regression."""
KIND_STIFFNESS = 0.3
LEAST = 0.05
"""Log-odds for a kind of danger that are kept."""
SELDOM = 2
"""Lines that a feature must stand in."""
FOLDS = 3
COMMON = 0.03
"""The share of ordinary complaints not learned from that may be taken for danger: sets the bias."""
Line = tuple[str, str, str]
"""Half, kind, text."""
Judge = Callable[[str], float]
_SIGNS = Signs(emergency().signs)
_RULES = Dangers([*emergency().threats.items()], emergency().words)


def table(name: str) -> list[dict[str, str]]:
    """Read a table of the tests."""
    return [*csv.DictReader((TABLES / f"{name}.csv").read_text(encoding="utf-8").splitlines())]


def places() -> list[str]:
    """Return names of regions made of signs alone: where something is, which is no danger."""
    regions = Gazetteer.load(files.read().regions)
    levels = Level.PROVINCE, Level.REGENCY, Level.CITY, Level.DISTRICT
    names = dict.fromkeys(region.bare for region in regions.regions(*levels))
    return [name for name in names if all(map(_SIGNS.of, words_of(name)))]


def features(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the features of a passage by group and name; a piece as often as words have it."""
    once = dict.fromkeys(words)
    yield from (("sign", _SIGNS.name(n)) for n in _SIGNS.near([_SIGNS.of(word) for word in words]))
    yield from (("word", word) for word in once)
    yield from (("piece", piece) for word in once for piece in pieces(word))


def learn(texts: Iterable[tuple[Sequence[str], bool]]) -> DangerWeights:
    """Fit the weights to passages that tell of danger or do not."""
    told = [([*features(words)], danger) for words, danger in texts]
    lines = Counter(name for row, _ in told for name in set(row))
    often = sorted(name for name, times in lines.items() if times >= SELDOM)
    column = {name: at for at, name in enumerate(often)}
    rarity = [(log((1 + len(told)) / (1 + lines[name])) + 1) ** 2 for name in often]
    cells: list[tuple[int, int, float]] = []
    for at, (row, _) in enumerate(told):
        for group, scale in SCALE.items():
            known = [column[name] for name in row if name[0] == group and name in column]
            length = sqrt(sum(rarity[which] for which in known))
            cells += ((at, which, scale * sqrt(rarity[which]) / length) for which in known)
    where, which, values = zip(*cells, strict=True)
    matrix = csr_matrix((values, (where, which)), (len(told), len(column)))
    machine = LogisticRegression(C=STIFFNESS, class_weight="balanced", max_iter=2000)
    machine.fit(matrix, [danger for _, danger in told])
    groups: dict[str, dict[str, Feature]] = {group: {} for group in SCALE}
    for (group, name), weight, rare in zip(often, machine.coef_[0].tolist(), rarity, strict=True):
        groups[group][name] = Feature(SCALE[group] * weight * sqrt(rare), rare)
    bias = float(machine.intercept_[0])
    return DangerWeights(bias, groups["sign"], groups["word"], groups["piece"], {})


def kinds(lines: Sequence[Line]) -> dict[str, dict[str, Feature]]:
    """Fit what each sign and word says for each kind of danger."""
    told = [(kind, _SIGNS.find(words_of(text))) for _, kind, text in lines if kind]
    counted = Counter(name for _, names in told for name in names)
    often = sorted(name for name, times in counted.items() if times >= SELDOM)
    matrix = csr_matrix([[float(name in names) for name in often] for _, names in told])
    machine = LogisticRegression(C=KIND_STIFFNESS, class_weight="balanced", max_iter=2000)
    machine.fit(matrix, [kind for kind, _ in told])
    return {
        kind: {
            name: Feature(float(weight))
            for name, weight in zip(("", *often), (always, *row), strict=True)
            if abs(weight) >= LEAST
        }
        for kind, always, row in zip(
            machine.classes_, machine.intercept_, machine.coef_, strict=True
        )
    }


def taught(lines: Iterable[Line], ordinary: Iterable[str]) -> DangerWeights:
    """Learn from whole lines, and from every passage of ordinary complaints."""
    told = [(next(passages(text)), bool(kind)) for _, kind, text in lines]
    return learn([*told, *((words, False) for text in ordinary for words in passages(text))])


def judged(weights: DangerWeights) -> Judge:
    """Return what a text scores, the rules' word included."""
    evidence = DangerEvidence(emergency().signs, weights)
    return lambda text: evidence.score(text) + (RULE if _RULES.danger(text) else 0.0)


def folds(lines: Sequence[Line], ordinary: Sequence[str]) -> Iterator[tuple[Judge, list[str]]]:
    """Yield what was learned from lines and all but some ordinary complaints, and those."""
    for fold in range(FOLDS):
        rest = [text for at, text in enumerate(ordinary) if at % FOLDS != fold]
        yield judged(taught(lines, rest)), [*ordinary[fold::FOLDS]]


def crossed(lines: Sequence[Line], ordinary: Sequence[str], half: Sequence[Line]) -> float:
    """Show how a half is judged where ``COMMON`` complaints are; return the score for that."""
    scores = np.zeros(len(half))
    common: list[float] = []
    for judge, unknown in folds(lines, ordinary):
        scores += [judge(text) / FOLDS for _, _, text in half]
        common += map(judge, unknown)
    least = float(np.quantile(common, 1 - COMMON))
    danger = np.array([bool(kind) for _, kind, _ in half])
    found, calm = ((scores[which] > least).mean() for which in (danger, ~danger))
    print(f"{half[0][0]}: {found:.1%} of {danger.sum()} dangers, {calm:.1%} of {(~danger).sum()}")
    return least


def main() -> None:
    """Measure, learn and write."""
    lines = [(row["half"], row["kind"], row["text"]) for row in table("dangers")]
    elsewhere = {row["text"] for row in table("dangers_elsewhere")}
    ordinary = [row["text"] for name in ORDINARY for row in table(name)]
    ordinary = [text for text in dict.fromkeys(ordinary) if text not in elsewhere]
    lines += [("", "", name) for name in places()]
    for half, author in AUTHORS.items():
        others = [line for line in lines if AUTHORS.get(line[0]) != author]
        crossed(others, ordinary, [line for line in lines if line[0] == half])
    learned = [line for line in lines if line[0] != TESTED]
    least = crossed(learned, ordinary, [line for line in lines if line[0] == TESTED])
    weights = taught(learned, ordinary)
    weights = replace(weights, bias=weights.bias - least, kinds=kinds(learned))
    PATH.write_text("".join(weights.lines()), encoding="utf-8")


if __name__ == "__main__":
    main()

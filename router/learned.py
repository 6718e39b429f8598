"""A deployment's own history as numbers: words and topics of a report → offices, with probability.

Only numpy and no files: training (``gateway.learning``) leaves ``ModelWeights``, and this is all it
takes to use them. Two views of the same words vote: a linear one and small networks.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from normalizer.message import Place
from normalizer.report import Agency
from router.blend import LOCAL_OFFICE, ScoringInput, Share, blend
from router.register import DIGITS, Register, Tier
from router.terms import FAMILIES, split_signs
from router.topics import Match

Array = NDArray[np.float32]
LOCAL = LOCAL_OFFICE.id
"""The class of all offices of villages and districts: the report's place tells them apart."""
_TIERS: dict[int, Tier] = {2: "province", 4: "regency", 6: "district", 10: "village"}
"""Digits in front of an agency's id → its tier."""
LIKELY = 0.5
"""How sure a place inside the best one must be to say whose office is meant."""
PLAIN = 0.75
"""How sure a place elsewhere must be to silence a model of some regions."""
FEW, MANY = 6.0, 500.0
"""Rows about a topic after which the phrases' word on whose affair it is counts half, as long as
the history has no more than ``MANY`` rows. Of twice as many, half as many rows are enough: the
more was learned, the more is known of a report beside its topic."""
_CONSIDERED = 6
"""Classes that are turned into agencies; the rest is too unlikely to be shown."""
_SMALLEST = 1e-6
_LEAST_ODDS = 50.0


@dataclass(frozen=True, slots=True)
class ModelWeights:
    """What training leaves behind. Rows of ``table``: terms, topics.

    A class is ``tier:kind`` ("regency:dinas-pu"), ``LOCAL``, or the id of a body in ``names``.
    """

    classes: tuple[str, ...]
    names: Mapping[str, str]
    """Names of the bodies that the register does not know, by class."""
    regions: tuple[str, ...]
    """Regions the model has learned for; () for everywhere."""
    families: tuple[str, ...]
    """Names in ``router.terms.FAMILIES`` of what the terms are."""
    terms: tuple[str, ...]
    topics: tuple[str, ...]
    seen: Array
    """[topics] training rows that each topic led."""
    rarity: Array
    """[terms] inverse document frequency."""
    table: Array
    """[terms + topics, classes + hidden]."""
    bias: Array
    """[classes + hidden]."""
    output: Array
    """[hidden, classes] of the networks."""
    prior: Array
    """[classes] what the networks say of no word at all."""
    sharpness: Array
    """How far the logits of the linear view and of the networks are stretched: [2]."""
    calibration: Array
    """What each of ``clues`` counts for the first place being right, and a constant: [4]."""


def class_of(agency: Agency) -> str:
    """Return the class that an agency of the register is learned as."""
    digits, _, kind = agency.id.partition("-")
    tier = _TIERS.get(len(digits)) if digits.isdigit() else None
    if tier in ("district", "village") or agency.id == LOCAL:
        return LOCAL
    return f"{tier}:{kind}" if tier else f"national:{agency.id}"


class Model:
    """Scores words and topics with trained weights."""

    def __init__(self, weights: ModelWeights) -> None:
        self.weights = weights
        self._column = {term: at for at, term in enumerate(weights.terms)}
        self._families = [FAMILIES[family] for family in weights.families]
        self._worth = np.concatenate((weights.rarity, np.ones(len(weights.topics), np.float32)))
        self._topic = {id: len(weights.terms) + at for at, id in enumerate(weights.topics)}
        self._few = FEW * MANY / max(MANY, float(weights.seen.sum()))

    def probabilities(self, words: Sequence[str], matches: Sequence[Match]) -> Array:
        """Return the probability of every class, [classes]."""
        shares: Array = self.scores([(words, matches)])[0]
        return shares

    def scores(self, texts: Sequence[tuple[Sequence[str], Sequence[Match]]]) -> Array:
        """Return the probability of every class for texts read as words and topics.

        [texts, classes].
        """
        w, count = self.weights, len(self.weights.classes)
        summed = self._sums(texts)
        networks = np.maximum(summed[:, count:], 0.0) @ w.output + w.prior
        shares = mean_shares(summed[:, :count], networks, w.sharpness)
        return calibrate_shares(
            shares, clues(shares, [matches for _, matches in texts]), w.calibration
        )

    def novelty(self, matches: Sequence[Match]) -> float:
        """Return 1 for a topic that never occurred in training, towards 0 for a common one."""
        column = self._topic.get(matches[0].id) if matches else None
        if column is None:
            return 1.0
        return float(1 / (1 + self.weights.seen[column - len(self.weights.terms)] / self._few))

    def _sums(self, texts: Sequence[tuple[Sequence[str], Sequence[Match]]]) -> Array:
        """Add up the rows of all terms and topics of each text, [texts, classes + hidden]."""
        w = self.weights
        summed = np.empty((len(texts), w.bias.size), np.float32)
        rows, counts, lengths = self._counted(texts)
        weighed = self._worth[rows] * np.array(counts, np.float32)
        families = len(self._families)
        run = np.repeat(np.arange(len(lengths)), lengths)
        squares = np.bincount(run, weighed * weighed, len(lengths)).reshape(-1, families + 1)
        squares[:, families] = 1.0  # topics are as sure as they are, however many
        weighed = (weighed / np.sqrt(squares).ravel()[run]).astype(np.float32)
        sizes = np.array(lengths).reshape(-1, families + 1).sum(axis=1).tolist()
        taken = np.empty((max(sizes, default=0), w.bias.size), np.float32)
        begin = 0
        for row, size in zip(summed, sizes, strict=True):
            end = begin + size
            w.table.take(rows[begin:end], axis=0, out=taken[:size], mode="clip")
            np.dot(weighed[begin:end], taken[:size], out=row)
            begin = end
        summed += w.bias
        return summed

    def _counted(
        self, texts: Sequence[tuple[Sequence[str], Sequence[Match]]]
    ) -> tuple[NDArray[np.intp], list[float], list[int]]:
        """Count the terms and topics of texts: rows of the table, what each counts for how often it
        occurs or how sure it is, and how many rows each family of each text has, topics last."""
        rows: list[int] = []
        counts: list[float] = []
        lengths: list[int] = []
        column, topic = self._column.get, self._topic
        for words, matches in texts:
            text = split_signs(words)
            for spell in self._families:
                known = [row for row in map(column, spell(text)) if row is not None]
                times = dict.fromkeys(known, 1)
                if len(times) < len(known):
                    times = Counter(known)
                rows += times
                counts += [1.0 if n == 1 else 1 + math.log(n) for n in times.values()]
                lengths.append(len(times))
            found = [match for match in matches if match.id in topic]
            rows += [topic[match.id] for match in found]
            counts += [match.confidence**0.5 for match in found]
            lengths.append(len(found))
        return np.array(rows, np.intp), counts, lengths


_Meant = Agency | tuple[Tier, str] | None
"""What a class is: one body, the office of a tier and kind wherever it is, or no agency known."""


class LearnedRanker:
    """Ranks agencies with trained weights."""

    def __init__(self, weights: ModelWeights, register: Register) -> None:
        self.weights = weights
        self._model = Model(weights)
        self._register = register
        register.adopt(weights.names)
        self._classes = frozenset(weights.classes)
        self._offices = [self._meant(each) for each in weights.classes]

    def rank(self, batch: Sequence[ScoringInput]) -> list[Sequence[Share]]:
        """Return the agencies for each report, blended with those of the phrases.

        Returns ``phrases`` itself for a report of a region the model has not learned for.
        """
        codes = [self.place(said.report.places) for said in batch]
        scored = [said for said, code in zip(batch, codes, strict=True) if code is not None]
        if not scored:
            return [said.phrases for said in batch]
        shares = self._model.scores([(s.reading.words, s.matches) for s in scored])
        best = _largest(shares, _CONSIDERED)
        ranked = zip(best.tolist(), np.take_along_axis(shares, best, 1).tolist(), strict=True)
        return [
            said.phrases if code is None else self._blended(said, code, *next(ranked))
            for said, code in zip(batch, codes, strict=True)
        ]

    def _blended(
        self, inputs: ScoringInput, code: str, best: Sequence[int], shares: Sequence[float]
    ) -> list[Share]:
        learned = [
            Share(office, share)
            for at, share in zip(best, shares, strict=True)
            if (office := self._office(self._offices[at], code))
        ]
        return blend(learned, inputs.phrases, self._model.novelty(inputs.matches))

    def knows(self, agency: Agency) -> bool:
        """Tell whether reports were learned that went to this kind of agency."""
        return agency.id in self.weights.names or class_of(agency) in self._classes

    def place(self, places: Sequence[Place]) -> str | None:
        """Return the code of the place whose offices are meant; None where the model has no say.

        A model of some regions has no say about a report without a place there, or when another
        place is plainly meant: its region surer than ``PLAIN`` and than the model's own.
        """
        regions = self.weights.regions
        ours = [p for p in places if not regions or _inside(p.code, regions)]
        if not ours:
            return None if regions else ""
        best = max(ours, key=lambda place: place.confidence)
        if any(
            p.confidence > max(PLAIN, best.confidence) and not _around(p.code, best.code)
            for p in places
        ):
            return None
        inside = [p for p in ours if p.confidence >= LIKELY and _around(best.code, p.code)]
        return max((p.code for p in inside), key=len, default=best.code)

    def _meant(self, each: str) -> _Meant:
        """Read the name of a class."""
        if each == LOCAL:
            return LOCAL_OFFICE
        if name := self.weights.names.get(each):
            return Agency(id=each, name=name)
        level, _, kind = each.partition(":")
        return next(((tier, kind) for tier in DIGITS if tier == level), None)

    def _office(self, meant: _Meant, code: str) -> Agency | None:
        """Return the agency of a class at a place."""
        if isinstance(meant, tuple):
            return self._register.find(*meant, code)
        return self._local_office(code) if meant is LOCAL_OFFICE else meant

    def _local_office(self, code: str) -> Agency:
        """Return the office of the village, else of the district that a place names."""
        village = self._register.find("village", "kelurahan-desa", code)
        return village or self._register.find("district", "kecamatan", code) or LOCAL_OFFICE


def softmax(logits: Array) -> Array:
    """Turn logits into probabilities along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Array = raised / raised.sum(axis=-1, keepdims=True)
    return shares


def _largest(shares: Array, most: int) -> NDArray[np.intp]:
    """Return the columns of the largest shares of each row, in no order, [rows, most or fewer]."""
    if shares.shape[1] <= most:
        return np.tile(np.arange(shares.shape[1]), (len(shares), 1))
    largest: NDArray[np.intp] = np.argpartition(shares, -most, axis=1)[:, -most:]
    return largest


def mean_shares(linear: Array, networks: Array, sharpness: Array) -> Array:
    """Return the mean of what two views hold likely, along the last axis, from their logits."""
    shares = softmax(sharpness[0] * linear)
    shares += softmax(sharpness[1] * networks)
    shares *= np.float32(0.5)
    return shares


def clues(shares: Array, matches: Sequence[Sequence[Match]]) -> Array:
    """Return what tells whether the likeliest class of each text is right, [texts, clues].

    Its log-odds, how far the second is behind it, and how sure the phrases are of any topic.
    """
    second, best = np.clip(np.partition(shares, -2)[:, -2:], _SMALLEST, 1 - _SMALLEST).T
    topics = [found[0].confidence if found else 0.0 for found in matches]
    return np.stack((np.log(best / (1 - best)), np.log(best / second), topics), axis=1)


def calibrate_shares(shares: Array, found: Array, calibration: Sequence[float] | Array) -> Array:
    """Make the largest share of each text as sure as its clues say, [texts, classes].

    The rest is split as before, none above.
    """
    *counts, constant = calibration
    odds = constant + found @ np.array(counts)
    top = (1 / (1 + np.exp(np.minimum(-odds, _LEAST_ODDS))))[:, None]
    best = shares.argmax(axis=1)[:, None]
    held = np.take_along_axis(shares, best, 1)
    rest = shares * ((1 - top) / np.maximum(1 - held, _SMALLEST))
    np.put_along_axis(rest, best, top, 1)
    capped: Array = np.minimum(rest, top).astype(np.float32)
    return capped


def _inside(code: str, regions: Sequence[str]) -> bool:
    return any(_around(region, code) for region in regions)


def _around(outer: str, code: str) -> bool:
    """Tell whether a region is another one or holds it."""
    return f"{code}.".startswith(f"{outer}.")

"""A deployment's own history as numbers: words and topics of a report → offices, with probability.

Only numpy and no files: training (``gateway.learning``) leaves a ``Weights``, and this is all it
takes to use them. Two views of the same words vote: a linear one and a small network.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from normalizer.report import Agency, Candidate, Place
from router.blend import LOCAL_OFFICE, Said, blend
from router.register import DIGITS, Register, Tier
from router.topics import Match
from router.words import MOST_CHARACTERS

Array = NDArray[np.float32]
LOCAL = LOCAL_OFFICE.id
"""The class of all offices of villages and districts: the report's place tells them apart."""
NUMBER = "0"
"""What every number is read as: house numbers and dates are nobody's affair."""
_TIERS: dict[int, Tier] = {2: "province", 4: "regency", 6: "district", 10: "village"}
"""Digits in front of an agency's id → its tier."""
LIKELY = 0.5
"""How sure a place inside the best one must be to say whose office is meant."""
PLAIN = 0.75
"""How sure a place elsewhere must be to silence a model of some regions."""
FEW = 3.0
"""Rows about a topic after which the phrases' word on whose affair it is counts half."""
PIECES = range(2, 6)
_TOKEN = re.compile(r"[@#]?\w+|[^\w\s]+")
_ADDRESS = re.compile(r"https?://\S+")
_CONSIDERED = 6
"""Classes that are turned into agencies; the rest is too unlikely to be shown."""
_REMEMBERED = 4_096
_DAMPED = 1 + np.log(np.maximum(np.arange(4 * MOST_CHARACTERS, dtype=np.float32), 1))
"""What a word counts that occurs so often."""
_SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class Weights:
    """What training leaves behind. Rows of ``table``: words, pairs of words, topics.

    A class is ``tier:kind`` ("regency:dinas-pu"), ``LOCAL``, or the id of a body in ``names``.
    """

    classes: tuple[str, ...]
    names: Mapping[str, str]
    """Names of the bodies that the register does not know, by class."""
    regions: tuple[str, ...]
    """Regions the model has learned for; () for everywhere."""
    terms: tuple[str, ...]
    """Words, pairs "a b", and pieces of words "~abc"."""
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
    """[hidden, classes] of the network."""
    balance: Array
    """How much the linear view and the network count: [2]."""
    prior: Array
    """[classes] added at the end."""
    calibration: Array
    """Slope and intercept of the likeliest class's log-odds: [2]."""


def class_of(agency: Agency) -> str:
    """Return the class that an agency of the register is learned as."""
    digits, _, kind = agency.id.partition("-")
    tier = _TIERS.get(len(digits)) if digits.isdigit() else None
    if tier in ("district", "village") or agency.id == LOCAL:
        return LOCAL
    return f"{tier}:{kind}" if tier else f"national:{agency.id}"


def terms(words: Sequence[str]) -> list[str]:
    """Return the words as they are learned."""
    return [NUMBER if word.isdigit() else word for word in words]


def pieces(words: Sequence[str]) -> list[str]:
    """Return the pieces of two to five characters that words are made of, edges marked."""
    found = []
    for word in words:
        edged = f"_{word}_"
        for size in PIECES:
            found += [f"~{edged[at : at + size]}" for at in range(max(1, len(edged) - size + 1))]
    return found


def tokens(text: str) -> list[str]:
    """Split a message into words, @mentions, #tags and marks: all that shows what kind it is.

    Signs come last: how it begins, how many it speaks to, how long it is.
    """
    found = _TOKEN.findall(_ADDRESS.sub("url", text[:MOST_CHARACTERS]).lower())
    spoken_to = sum(token[0] == "@" for token in found)
    return [*found, *(f"^{first}" for first in found[:1]), f"@{spoken_to}", f"={len(found) // 4}"]


class Model:
    """Scores words and topics with trained weights."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self._column = {term: at for at, term in enumerate(weights.terms)}
        self._has_pieces = any(term.startswith("~") for term in weights.terms)
        self._topic = {id: len(weights.terms) + at for at, id in enumerate(weights.topics)}

    def probabilities(self, words: Sequence[str], matches: Sequence[Match]) -> Array:
        """Return the probability of every class, [classes]."""
        shares: Array = self.scores([(words, matches)])[0]
        return shares

    def scores(self, texts: Sequence[tuple[Sequence[str], Sequence[Match]]]) -> Array:
        """Return the probability of every class for texts read as words and topics.

        [texts, classes].
        """
        w = self.weights
        count = len(w.classes)
        mixed = np.empty((len(texts), w.bias.size), np.float32)
        for row, (words, matches) in zip(mixed, texts, strict=True):
            row[:] = self._mixed(words, matches)
        network = np.maximum(mixed[:, count:], 0.0) @ w.output
        logits = w.balance[0] * mixed[:, :count] + w.balance[1] * network + w.prior
        return calibrated(softmax(logits), w.calibration)

    def _mixed(self, words: Sequence[str], matches: Sequence[Match]) -> Array:
        """Return what words and topics say for the classes and the network: [classes + hidden]."""
        w = self.weights
        read = terms(words)
        families = [read, [f"{a} {b}" for a, b in pairwise(read)]]
        if self._has_pieces:
            families.append(pieces(read))
        mixed = w.bias + self._sum(families)
        known = [match for match in matches if match.topic.id in self._topic]
        if known:
            rows = [self._topic[match.topic.id] for match in known]
            said = np.sqrt([match.topic.confidence for match in known], dtype=np.float32)
            mixed = mixed + said @ w.table[rows]
        return mixed

    def novelty(self, matches: Sequence[Match]) -> float:
        """Return 1 for a topic that never occurred in training, towards 0 for a common one."""
        column = self._topic.get(matches[0].topic.id) if matches else None
        if column is None:
            return 1.0
        return float(1 / (1 + self.weights.seen[column - len(self.weights.terms)] / FEW))

    def _sum(self, families: Sequence[Sequence[str]]) -> Array | float:
        """Add up the rows of all terms; each family of terms has length 1."""
        rows: list[int] = []
        values: list[Array] = []
        column = self._column
        for family in families:
            found = {column[term]: n for term, n in Counter(family).items() if term in column}
            if found:
                at = list(found)
                weighed = self.weights.rarity[at] * _DAMPED[list(found.values())]
                values.append(weighed / np.sqrt(weighed @ weighed))
                rows += at
        if not rows:
            return 0.0
        summed: Array = np.concatenate(values) @ self.weights.table[rows]
        return summed


class Learned:
    """Ranks agencies with trained weights."""

    def __init__(self, weights: Weights, register: Register) -> None:
        self.weights = weights
        self._model = Model(weights)
        self._register = register
        register.adopt(weights.names)
        self._offices: dict[str, tuple[Agency | None, ...]] = {}

    def rank(self, batch: Sequence[Said]) -> list[Sequence[Candidate]]:
        """Return the agencies for each report, blended with those of the phrases.

        Returns ``phrases`` itself for a report of a region the model has not learned for.
        """
        codes = [self.place(said.report.places) for said in batch]
        scored = [said for said, code in zip(batch, codes, strict=True) if code is not None]
        shares = iter(self._model.scores([(s.reading.words, s.matches) for s in scored]))
        return [
            said.phrases if code is None else self._blended(said, code, next(shares))
            for said, code in zip(batch, codes, strict=True)
        ]

    def _blended(self, said: Said, code: str, shares: Array) -> list[Candidate]:
        offices = self._offices_at(code)
        ranked = [
            Candidate(agency=office, confidence=min(1.0, float(shares[at])))
            for at in np.argsort(-shares)[:_CONSIDERED]
            if (office := offices[int(at)])
        ]
        return blend(ranked, said.phrases, self._model.novelty(said.matches))

    def knows(self, agency: Agency) -> bool:
        """Tell whether reports were learned that went to this kind of agency."""
        return agency.id in self.weights.names or class_of(agency) in self.weights.classes

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

    def _offices_at(self, code: str) -> tuple[Agency | None, ...]:
        offices = self._offices.get(code)
        if offices is None:
            if len(self._offices) >= _REMEMBERED:
                self._offices.clear()
            offices = tuple(self._office(each, code) for each in self.weights.classes)
            self._offices[code] = offices
        return offices

    def _office(self, each: str, code: str) -> Agency | None:
        if each == LOCAL:
            return self._local_office(code)
        if name := self.weights.names.get(each):
            return Agency(id=each, name=name)
        level, _, kind = each.partition(":")
        tier = next((tier for tier in DIGITS if tier == level), None)
        return self._register.find(tier, kind, code) if tier else None

    def _local_office(self, code: str) -> Agency:
        """Return the office of the village, else of the district that a place names."""
        village = self._register.find("village", "kelurahan-desa", code)
        return village or self._register.find("district", "kecamatan", code) or LOCAL_OFFICE


def softmax(logits: Array) -> Array:
    """Turn logits into probabilities along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Array = raised / raised.sum(axis=-1, keepdims=True)
    return shares


def log_odds(shares: Array) -> Array:
    """Return the log-odds of probabilities, finite at 0 and 1."""
    kept = np.clip(shares, _SMALLEST, 1 - _SMALLEST)
    odds: Array = np.log(kept / (1 - kept))
    return odds


def calibrated(shares: Array, calibration: Array) -> Array:
    """Make the largest share as sure as it is right; the rest is split as before, none above it.

    ``shares`` is [classes] or [texts, classes].
    """
    table = np.atleast_2d(shares)
    best = np.arange(len(table)), table.argmax(axis=1)
    surest = table[best]
    top = 1 / (1 + np.exp(-calibration[0] * log_odds(surest) - calibration[1]))
    rest = table * ((1 - top) / np.maximum(1 - surest, _SMALLEST))[:, None]
    rest[best] = top
    capped: Array = np.minimum(rest, top[:, None]).reshape(shares.shape)
    return capped


def _inside(code: str, regions: Sequence[str]) -> bool:
    return any(_around(region, code) for region in regions)


def _around(outer: str, code: str) -> bool:
    """Tell whether a region is another one or holds it."""
    return f"{code}.".startswith(f"{outer}.")

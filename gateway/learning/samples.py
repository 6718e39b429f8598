"""Rows as the gateway would see them: normalised, read, ranked by the phrases, and labelled."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.components import Components
from gateway.learning.rows import Purpose, TrainingRow
from gateway.platform.clock import wall
from normalizer.inbound import Author, Inbound
from normalizer.message import Reporter
from normalizer.report import Agency, Report
from router.assign import whole_text
from router.blend import LOCAL_OFFICE
from router.kinds import spoken_tokens
from router.learned import LOCAL, class_of
from router.naming import place_words, words
from router.topics import Match

_NO_NAME = re.compile(r"[^a-z0-9]+")
_LONGEST = 60
_ID = "00000000-0000-4000-8000-000000000000"
_TRACKING = "123456789018"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SampleLabel:
    """What a row's label means: the class it is learned as and the key it is measured by."""

    learned: str
    key: str
    name: str
    known: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """One row, read."""

    report: Report
    words: tuple[str, ...]
    matches: tuple[Match, ...]
    label: SampleLabel


class SampleReader:
    """Reads rows with the parts the gateway works with."""

    def __init__(self, parts: Components, purpose: Purpose, *, keep_villages: bool = False) -> None:
        self.parts = parts
        self._purpose = purpose
        self._keep_villages = keep_villages
        self._labels: dict[tuple[str, str], SampleLabel] = {}

    def read(self, rows: Iterable[TrainingRow], progress: Progress) -> list[Sample]:
        """Read rows, telling every thousandth."""
        samples = []
        for number, row in enumerate(rows, 1):
            samples.append(self._sample(row))
            if number % 1000 == 0:
                progress(f"read {number} rows")
        return samples

    def key(self, agency: Agency) -> str:
        """Return what an agency is measured as; offices of villages and districts are one."""
        if self._keep_villages:
            return agency.id
        return LOCAL if class_of(agency) == LOCAL else agency.id

    def _sample(self, row: TrainingRow) -> Sample:
        report = self._report(row)
        topics = self.parts.routing.topics
        reading = topics.lexicon.read(whole_text(report))
        is_kind = self._purpose == "kind"
        words = spoken_tokens(report, reading, topics) if is_kind else reading.words
        return Sample(
            report, tuple(words), tuple(topics.rank(reading)), self.label(row.label, row.region)
        )

    def _report(self, row: TrainingRow) -> Report:
        message = self.parts.normalizer.normalize(
            Inbound("learning", "", "1", Author("learning"), row.text, b""),
            id=_ID,
            tracking=_TRACKING,
            received_at=wall(),
            reporter=Reporter(ref="", sealed=""),
            context=row.region or None,
        )
        return Report.open(message)

    def label(self, label: str, region: str) -> SampleLabel:
        """Return what a row's label means in a region."""
        asked = (label, region)
        if asked not in self._labels:
            make = self._agency_label if self._purpose == "agency" else _kind_label
            self._labels[asked] = make(label, region)
        return self._labels[asked]

    def _agency_label(self, label: str, region: str) -> SampleLabel:
        agency = self.parts.routing.register.named(label, within=region or None)
        if agency:
            key = self.key(agency)
            name = LOCAL_OFFICE.name if key == LOCAL else agency.name
            return SampleLabel(class_of(agency), key, name, True)
        if place_words(words(label)):
            key = label if self._keep_villages else LOCAL
            return SampleLabel(LOCAL, key, LOCAL_OFFICE.name, True)
        own = own_id(label, region)
        return SampleLabel(own, own, label, False)


def own_id(label: str, region: str) -> str:
    """Return the id of a body that the register does not know: "3578-bagian-hukum"."""
    slug = _NO_NAME.sub("-", label.lower()).strip("-")[:_LONGEST].rstrip("-")
    return f"{region.replace('.', '') or 'x'}-{slug or 'tanpa-nama'}"


def _kind_label(label: str, region: str) -> SampleLabel:
    return SampleLabel(label, label, label, True)

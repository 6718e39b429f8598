"""The decision about a report: assign it, ask the reporter one thing, or let an operator decide.

Nothing here reads a clock, a file or a table: one report always gets the same decision.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from normalizer.message import Kind, Place, Urgency
from normalizer.report import (
    Assignment,
    Candidate,
    Deadline,
    Outcome,
    Reason,
    Recusal,
    Report,
    Topic,
)
from router import explain, rank
from router.blend import LOCAL_OFFICE, Scorer, ScoringInput, Share
from router.data import DataError, DataFiles, Regions
from router.deadlines import Calendar, DeadlineLimits, deadlines
from router.foreign import Foreign
from router.kinds import Kinds
from router.precedence import Signal, acting
from router.rank import Lead
from router.recusal import AccusationReading, Overseer, Recuser, without_accused
from router.register import Register
from router.reroute import without_refused
from router.scope import SURE, ScopeRules
from router.topics import Topics
from router.urgency import UrgencyRules as Danger
from router.words import Reading

CLEAR = 0.45
"""A text whose topics are at least this sure is clear enough to ask where, not what."""
SHORT, LONG = 12, 30
"""Words: an unclear text this short is asked about; with a known place, up to LONG."""
BOTH = 0.3
"""A second matter at least this sure gets a copy."""

_NAMED = ("keyword", "name", "alias", "operator")
"""How a place was found that the text itself names."""
GREETING = "greeting"
"""Who only greets is about to write: they are asked, not turned away."""

Question = Literal["place", "topic"] | None


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """What a deployment sets: what a mistake costs, and the legal limits.

    ``cost_of_wrong``: what a wrong assignment costs, counted in decisions of an operator. Assigning
    at probability p costs (1 - p) of it, and the operator costs 1.
    """

    cost_of_wrong: float
    limits: DeadlineLimits

    @property
    def assign_above(self) -> float:
        """The probability from which assigning is cheaper than asking an operator."""
        return 1 - 1 / self.cost_of_wrong


class Decision(NamedTuple):
    """All that routing adds to a report."""

    kind: Kind
    topic: Topic | None
    urgency: Urgency | None
    places: tuple[Place, ...]
    assignment: Assignment
    deadlines: tuple[Deadline, ...]
    recusals: tuple[Recusal, ...] = ()
    """Whom the report accuses; among them whom it was known to accuse before."""
    is_talk: bool = False
    """Overheard, and more likely talk than a report: its writer waits for no answer."""
    signals: frozenset[Signal] = frozenset()
    """What the text carries, whatever was decided by it."""
    ends: bool = False
    """It is so surely no affair of any agency that no operator need decide; they see it in a list
    all the same."""


class _Verdict(NamedTuple):
    """That a report is no affair of any agency; an operator decides unless it ``ends`` there."""

    outside: ScopeRules
    ends: bool = False
    is_foreign: bool = False
    """It is no report at all: its writer is not written to."""


class _View(NamedTuple):
    """What is known about one report when the outcome is chosen."""

    report: Report
    reading: Reading
    leads: Sequence[Lead]
    lead: Lead | None
    agencies: Sequence[Share]
    best: Share | None
    learned: bool
    """The deployment's own history spoke, not only the phrases."""
    danger: Danger | None
    outside: ScopeRules | None
    """Why it is no affair of any agency."""
    chosen: str
    """The name of the topic or group that the reporter chose; "" for none."""
    meant: float
    """How likely it is a report at all: below 1 only where it was overheard."""
    recusals: tuple[Recusal, ...] = ()
    overseer: Overseer | None = None
    """Who a report of misconduct goes to, whatever its topic."""
    foreign: ScopeRules | None = None
    """Which kind of text it is that is no report."""
    suspected: Recusal | None = None
    """Whom it may accuse: no agency gets it before an operator has read it."""

    @property
    def signals(self) -> frozenset[Signal]:
        """List what the text carries."""
        carried = {
            Signal.DANGER: self.danger,
            Signal.RECUSAL: self.recusals,
            Signal.FOREIGN_TEXT: self.foreign,
            Signal.TOPIC: self.lead,
        }
        return frozenset(signal for signal, found in carried.items() if found)

    @property
    def unplaced(self) -> bool:
        """Tell whether the place that decides is missing or ambiguous."""
        if self.best and self.best.agency == LOCAL_OFFICE:
            return True
        return bool(self.lead and self.lead.lacks_place and not self.learned)


class Router:
    """Decides about reports. Build with ``router.assign.build``."""

    def __init__(
        self,
        register: Register,
        topics: Topics,
        gazetteer: Regions,
        rules: RoutingRules,
        calendar: Calendar,
        scorer: Scorer | None = None,
        kinds: Kinds | None = None,
        recuser: Recuser | None = None,
        foreign: Foreign | None = None,
    ) -> None:
        self.register = register
        self.topics = topics
        self.gazetteer = gazetteer
        self.rules = rules
        self.calendar = calendar
        self.scorer = scorer
        self.kinds = kinds
        self.recuser = recuser
        self.foreign = foreign

    def decide(
        self,
        report: Report,
        *,
        at: datetime,
        may_ask: bool = True,
        may_end: bool = True,
        overheard: bool = False,
    ) -> Decision:
        """Decide about a report whose places have been looked for.

        ``at`` is noted as the time of the decision; ``may_ask=False`` when the reporter has been
        asked before or cannot be answered; ``may_end=False`` when somebody has said that it is a
        report; ``overheard`` where people also talk to each other, so that it may be no report. A
        place found by "operator" counts as certain.
        """
        return self.decide_many(
            (report,), at=at, may_ask=may_ask, may_end=may_end, overheard=overheard
        )[0]

    def decide_many(
        self,
        reports: Sequence[Report],
        *,
        at: datetime,
        may_ask: bool = True,
        may_end: bool = True,
        overheard: bool = False,
    ) -> list[Decision]:
        """Decide about reports, each as ``decide`` would.

        A trained model scores them at once, and every step is taken for all of them before the
        next: what it needs then stays in the processor's cache, which saves a tenth of the time.
        """
        topics, register = self.topics, self.register
        readings = [topics.lexicon.read(whole_text(report)) for report in reports]
        both = [*zip(reports, readings, strict=True)]
        matches = [topics.rank(reading, report.chosen_topic) for report, reading in both]
        seats = [rank.Seats(report.places, register) for report in reports]
        leads = [
            [rank.lead(match, reading, at_hand, topics, register) for match in found]
            for found, reading, at_hand in zip(matches, readings, seats, strict=True)
        ]
        phrases = [
            rank.candidates(led, at_hand, register, topics.curve)
            for led, at_hand in zip(leads, seats, strict=True)
        ]
        said = [*map(ScoringInput, reports, readings, matches, phrases)]
        ranked = self.scorer.rank(said) if self.scorer else phrases
        meant = [1.0] * len(said)
        if self.kinds and overheard:
            read = [(one.report, one.reading, one.matches) for one in said]
            meant = self.kinds.reports(read, topics)
        views = [*map(self._view, said, leads, ranked, meant, seats)]
        return [self._decision(view, at, may_ask, may_end) for view in views]

    def assign_again(self, report: Report, *, at: datetime) -> Assignment:
        """Return the decision about a report, knowing which agencies refused it.

        The reporter is not asked, and nothing ends by it.
        """
        return self.decide(report, at=at, may_ask=False, may_end=False).assignment

    def names_danger(self, text: str) -> bool:
        """Tell whether a text names a danger of now."""
        return self.topics.urgency(self.topics.lexicon.read(text)) is not None

    def _view(
        self,
        inputs: ScoringInput,
        leads: Sequence[Lead],
        agencies: Sequence[Share],
        meant: float,
        seats: rank.Seats,
    ) -> _View:
        learned = agencies is not inputs.phrases
        recusals, overseer, suspected = self._recused(inputs, agencies, seats)
        refusals = inputs.report.refusals
        agencies = without_accused(without_refused(agencies, refusals), recusals)
        if meant < 1:
            agencies = [Share(agency, sure * meant) for agency, sure in agencies]
        outside = self.topics.scope(inputs.reading)
        lead = _chief(leads, agencies, learned)
        return _View(
            inputs.report,
            inputs.reading,
            leads,
            lead,
            agencies,
            agencies[0] if agencies else None,
            learned,
            self.topics.urgency(inputs.reading),
            outside,
            self.topics.name_of(inputs.report.chosen_topic),
            meant,
            recusals,
            overseer,
            self._foreign(inputs.report, inputs.reading.text, outside, lead),
            suspected,
        )

    def _foreign(
        self, report: Report, text: str, outside: ScopeRules | None, lead: Lead | None
    ) -> ScopeRules | None:
        """Say which kind of text it is that is no report, if it is one.

        Words of an advert are also in complaints about one. An advert speaks to its reader, calls
        them to do something, and hardly ever names a place.
        """
        found = self.foreign.find(text) if self.foreign else None
        if not (outside and self.topics.scopes.rows[outside.id].foreign):
            return found
        is_told = any(place.found_by in _NAMED for place in report.places)
        is_about = _is_against(outside, lead)
        if self.foreign:
            is_told = is_told or self.foreign.speaks(text)
            is_about = is_about and not self.foreign.calls(text)
        return outside if found or not (is_told or is_about) else None

    def read_accusations(self, report: Report) -> AccusationReading:
        """Find whom a report accuses, or may accuse, that has got more words since it was decided.

        Of somebody without an office, the office is that of the agency that has the report.
        """
        if self.recuser is None:
            return AccusationReading(report.recusals, None)
        made = report.assignment
        has = [Share(made.agency, 1.0)] if made and made.agency else []
        seats = rank.Seats(report.places, self.register)
        return self.recuser.read(report, whole_text(report), has, seats)

    def overseer(self, report: Report) -> Share | None:
        """Return who oversees whom a report accuses; None where that is not plain."""
        if self.recuser is None:
            return None
        found = self.recuser.overseer(report.recusals, rank.Seats(report.places, self.register))
        sure = found.agency if found and not found.lacks_place else None
        return sure if sure and sure.confidence >= self.rules.assign_above else None

    def _recused(
        self, inputs: ScoringInput, agencies: Sequence[Share], seats: rank.Seats
    ) -> tuple[tuple[Recusal, ...], Overseer | None, Recusal | None]:
        """Find whom a report accuses, who oversees them, and whom it may accuse."""
        if self.recuser is None:
            return inputs.report.recusals, None, None
        recusals, suspected = self.recuser.read(inputs.report, inputs.reading.text, agencies, seats)
        free = without_accused(agencies, recusals)
        if not recusals or (free and self.recuser.looks_into(free[0].agency)):
            return recusals, None, suspected
        return recusals, self.recuser.overseer(recusals, seats), suspected

    def _decision(self, view: _View, at: datetime, may_ask: bool, may_end: bool) -> Decision:
        report, danger = view.report, view.danger
        kind = _kind(report, view)
        may_ask = may_ask and not self._is_talk(view)
        verdict = self._verdict(view, may_ask) if may_end else None
        return Decision(
            kind=kind,
            topic=view.lead.match.topic if view.lead else None,
            urgency=Urgency(id=danger.id, name=danger.name) if danger else None,
            places=_best_first(report.places, view.lead),
            assignment=self._assignment(view, verdict, at, may_ask),
            deadlines=deadlines(kind, report.received_at, self.rules.limits, self.calendar),
            recusals=view.recusals,
            is_talk=self._is_talk(view),
            signals=view.signals,
            ends=verdict is not None and verdict.ends,
        )

    def _is_held(self, view: _View, best: Share) -> bool:
        """Tell whether an operator reads it first: it may accuse somebody, and not before the one
        body that is there for that. What accuses somebody and was refused goes no further alone.
        """
        if view.report.refusals and (view.recusals or view.suspected):
            return True
        if view.suspected is None or self.recuser is None:
            return False
        accused = view.suspected.covers(best.agency.id)
        return accused or not self.recuser.oversees(best.agency)

    def _is_talk(self, view: _View) -> bool:
        """Tell whether bothering an agency would cost more than asking an operator."""
        return view.meant < self.rules.assign_above

    def _assignment(
        self, view: _View, verdict: _Verdict | None, at: datetime, may_ask: bool
    ) -> Assignment:
        if verdict and (verdict.ends or verdict.is_foreign):
            return explain.out_of_scope(verdict.outside, _candidates(view.agencies), at)
        if view.overseer and Signal.RECUSAL in acting(view.signals):
            return self._overseen(view, view.overseer, at, may_ask)
        if verdict:
            likely = _candidates(view.agencies)
            made = explain.out_of_scope(verdict.outside, likely, at, doubted=True)
            return made.model_copy(update={"reasons": (*made.reasons, *_accusation(view))})
        confidence = view.best.confidence if view.best else 0.0
        limit = self.rules.assign_above
        given, copies = None, []
        if view.best and not view.unplaced and not self._is_held(view, view.best):
            copies = _copies(view, limit)
            confidence = min(1.0, confidence + sum(copy.confidence for copy in copies))
            given = view.best.agency if confidence >= limit else None
        question = _question(view) if may_ask and not given else None
        outcome = Outcome.ASSIGN if given else Outcome.ASK if question else Outcome.TRIAGE
        told_to = tuple(copy.agency for copy in copies) if given else ()
        return Assignment(
            decision=outcome,
            agency=given,
            confidence=confidence,
            alternatives=_candidates(view.agencies[1:] if given else view.agencies),
            reasons=(
                *self._why(view),
                *(explain.copy(agency) for agency in told_to),
                explain.threshold(outcome, question, confidence, limit),
            ),
            copies=told_to,
            question=question,
            options=_options(view, question, self.gazetteer),
            at=at,
        )

    def _verdict(self, view: _View, may_ask: bool) -> _Verdict | None:
        """Weigh what says that it is no affair of any agency against what else the report says."""
        acts, outside = acting(view.signals), view.outside
        if Signal.DANGER in acts:
            return None
        if view.foreign:
            acts_so = Signal.FOREIGN_TEXT in acts
            return _Verdict(view.foreign, is_foreign=True) if acts_so else None
        if outside is None or (may_ask and outside.id == GREETING):
            return None
        row = self.topics.scopes.rows[outside.id]
        is_about = _is_against(outside, view.lead)
        if row.yields and is_about:
            return None
        against = is_about or view.chosen or view.recusals or view.suspected
        ends = outside.confidence >= SURE and not against and not row.foreign
        return _Verdict(outside, ends=ends)

    def _overseen(self, view: _View, to: Overseer, at: datetime, may_ask: bool) -> Assignment:
        """Hand an accusation to the overseer of the accused, or to an operator in doubt.

        No other office gets a copy: what accuses one is not for another to read.
        """
        ask = may_ask and to.lacks_place
        report = view.report
        confidence, limit = (to.agency.confidence if to.agency else 0.0), self.rules.assign_above
        out = {each.agency.id for each in report.refusals}
        is_held = ask or bool(out)
        given = to.agency.agency if to.agency and not is_held and confidence >= limit else None
        outcome = Outcome.ASSIGN if given else Outcome.ASK if ask else Outcome.TRIAGE
        is_likely = to.agency and not given and to.agency.agency.id not in out
        likely = [to.agency] if to.agency and is_likely else []
        oversees = to.agency.agency if to.agency else None
        if to.agency is None and view.best:
            confidence = view.best.confidence
        others = [
            Share(agency, min(sure, confidence))
            for agency, sure in view.agencies
            if agency != oversees
        ]
        question: Question = "place" if ask else None
        return Assignment(
            decision=outcome,
            agency=given,
            confidence=confidence,
            alternatives=_candidates([*likely, *others]),
            reasons=(*self._why(view), explain.threshold(outcome, question, confidence, limit)),
            question=question,
            options=_options(view, question, self.gazetteer),
            at=at,
        )

    def _why(self, view: _View) -> Iterable[Reason]:
        yield from _accusation(view)
        if view.danger:
            yield explain.urgency(view.danger)
        if view.chosen:
            yield explain.choice(view.chosen)
        if view.meant < 1:
            yield explain.overheard(view.meant)
        lead = view.lead
        if lead is None:
            yield explain.no_topic()
        else:
            yield explain.topic(lead.match)
            if lead.row.level != "national":
                yield explain.place(lead.found, lead.row.level, lead.lacks_place, self.gazetteer)
            yield explain.competence(lead.row, lead.chosen_by, lead.agency)
        if view.learned and view.best and self.scorer and self.scorer.knows(view.best.agency):
            yield explain.history(view.best)


def build(
    files: DataFiles,
    gazetteer: Regions,
    rules: RoutingRules,
    calendar: Calendar,
    scorer: Scorer | None = None,
) -> Router:
    """Check all data files and build the router. Raises ``DataError`` with every fault."""
    register, faults = Register.check(files, gazetteer)
    topics, more = Topics.check(files, register)
    recuser, wrong = Recuser.check(files.accusations, register)
    foreign, unread = Foreign.check(files.foreign)
    if faults or more or wrong or unread:
        # A register with faults knows too few agencies to check against.
        raise DataError(faults + more + unread + ([] if faults else wrong))
    return Router(
        register, topics, gazetteer, rules, calendar, scorer, recuser=recuser, foreign=foreign
    )


def whole_text(report: Report) -> str:
    """Return title and text; a title made of the text's own beginning adds nothing."""
    repeated = report.text.startswith(report.title.rstrip(" .…"))
    return report.text if repeated else f"{report.title}\n{report.text}"


def _candidates(agencies: Sequence[Share]) -> tuple[Candidate, ...]:
    """Return the agencies that an officer sees."""
    return tuple(
        [Candidate(agency=agency, confidence=sure) for agency, sure in agencies[: rank.MOST]]
    )


def _kind(report: Report, view: _View) -> Kind:
    """Keep the kind that the reporter's words or choice gave, unless it is for supervision.

    It is when it accuses somebody, whatever else it says, or when its topic says so.
    """
    if view.recusals:
        return Kind.SUPERVISED_COMPLAINT
    lead = view.lead
    supervised = lead and lead.match.row.supervised and lead.match.confidence >= CLEAR
    return (
        Kind.SUPERVISED_COMPLAINT if supervised and report.kind == Kind.COMPLAINT else report.kind
    )


def _chief(leads: Sequence[Lead], agencies: Sequence[Share], learned: bool) -> Lead | None:
    """Choose the surest topic, or, once the place is known, the one behind the best agency."""
    if not leads or not agencies or (leads[0].lacks_place and not learned):
        return leads[0] if leads else None
    best = agencies[0].agency.id
    return next((lead for lead in leads if lead.agency and lead.agency.id == best), leads[0])


def _copies(view: _View, limit: float) -> list[Share]:
    """Choose whom else a report concerns that plainly speaks of two matters.

    Two matters share the probability between them; together they must be as sure as one.
    """
    best, *others = view.agencies
    if view.recusals or view.learned or best.confidence >= limit:
        return []
    heard = {lead.agency.id for lead in view.leads if lead.agency and not lead.lacks_place}
    if best.agency.id not in heard:
        return []
    second = [o for o in others[:1] if o.confidence >= BOTH and o.agency.id in heard]
    return second if second and best.confidence + second[0].confidence >= limit else []


def _accusation(view: _View) -> Iterable[Reason]:
    """Say whom the report accuses, and whom it may accuse."""
    yield from map(explain.recusal, view.recusals)
    if view.suspected:
        yield explain.suspicion(view.suspected)


def _is_against(outside: ScopeRules, lead: Lead | None) -> bool:
    """Tell whether a topic is clear by words on which a verdict does not rest itself."""
    if lead is None or lead.match.confidence < CLEAR:
        return False
    return not lead.match.tally.covered <= outside.covered


def _question(view: _View) -> Question:
    """Choose the one thing whose answer would settle it; None if asking would not help.

    A text that speaks of two things is not unclear: an operator sees what the reporter means.
    """
    if view.best and view.best.agency == LOCAL_OFFICE:
        return "place"
    lead = view.lead
    if lead and sum(each.match.confidence for each in view.leads) >= CLEAR:
        return "place" if lead.doubts_place and not view.learned else None
    return "topic" if len(view.reading.words) <= (LONG if view.report.places else SHORT) else None


def _options(view: _View, question: Question, regions: Regions) -> tuple[str, ...]:
    """Name the few answers a question is likely to get; () where there are none or too many."""
    if question == "place" and view.lead and 0 < len(view.lead.found) <= 3:
        seats = [regions.region(one.code) for one in view.lead.found]
        return tuple(dict.fromkeys(seat.name for seat in seats if seat))
    if question == "topic" and len(view.leads) in (2, 3):
        return tuple(dict.fromkeys(lead.match.row.name for lead in view.leads))
    return ()


def _best_first(places: tuple[Place, ...], lead: Lead | None) -> tuple[Place, ...]:
    if lead is None or not lead.found:
        return places
    best = lead.found[0].place
    return (best, *(place for place in places if place is not best))

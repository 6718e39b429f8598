"""The duty roster: whom an alert is sent to, in which order, and whose word acknowledges one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from adapters.contract import Sender
from config.emergency import emergency
from gateway.outbound.texts import Texts
from gateway.platform.seal import Seal
from normalizer import numbers
from normalizer.gazetteer import Gazetteer
from normalizer.report import Report
from normalizer.tracking import format_number

MISSING = (
    "alerts: NOBODY IS ON DUTY. Danger to life is shown on the console and no human is told of it; "
    "name the posts to tell in [[alerts.duty]]"
)
DISTRICT = 8
"""Characters of a district's code; nothing smaller is told."""
_SHORT = (("Kecamatan ", "Kec. "), ("Kabupaten ", "Kab. "))


@dataclass(frozen=True, slots=True)
class DutyPost:
    """One post on duty."""

    name: str
    channel: str
    to: str = field(repr=False)
    sender: Sender = field(repr=False)
    kinds: frozenset[str] = frozenset()
    """Kinds of danger it is told of; none named is all."""
    regions: tuple[str, ...] = ()
    language: Literal["id", "en"] = "id"

    @property
    def by(self) -> str:
        """Who acknowledges, as the log names it."""
        return f"duty:{self.name}"

    def serves(self, report: Report) -> bool:
        """Tell whether it is told of a report; one whose place is open may be anywhere."""
        if self.kinds and kind_of(report) not in self.kinds:
            return False
        code = region_of(report)
        return not (code and self.regions) or any(_meet(code, own) for own in self.regions)


class Roster:
    """The posts in their order."""

    def __init__(self, posts: Sequence[DutyPost], seal: Seal) -> None:
        self.posts = tuple(posts)
        self._of = {ref: post for post in reversed(self.posts) for ref in _refs(post, seal)}

    def for_report(self, report: Report) -> tuple[DutyPost, ...]:
        """Return who is told of a report: everybody, where no post is for such reports."""
        return tuple(post for post in self.posts if post.serves(report)) or self.posts

    def by_pseudonym(self, ref: str) -> DutyPost | None:
        """Return the post that writes under a pseudonym."""
        return self._of.get(ref)


class Wording:
    """What posts read: number, kind of danger, place down to the district, how long ago.

    Never who wrote, and never a word of what they wrote.
    """

    def __init__(self, texts: Texts, gazetteer: Gazetteer, public_url: str) -> None:
        self._texts = texts
        self._gazetteer = gazetteer
        self._url = public_url.rstrip("/")

    def say(self, key: str, post: DutyPost, **fields: str) -> str:
        """Fill in a text in a post's language."""
        return self._texts.say(key, post.language, **fields)

    def kind(self, report: Report, post: DutyPost) -> str:
        """Name the danger."""
        return self.say(f"alert_kind_{kind_of(report)}", post)

    def place(self, report: Report, post: DutyPost) -> str:
        """Name the district and the regency, or what is known of them."""
        code = region_of(report)
        region = self._gazetteer.region(code) if code else None
        if region is None:
            return self.say("alert_nowhere", post)
        above = self._gazetteer.parents(region.code)[:1]
        said = ", ".join(each.name for each in (region, *above))
        for long, short in _SHORT:
            said = said.replace(long, short)
        return said

    def alert(
        self, report: Report, post: DutyPost, code: str, *, since: datetime, at: datetime
    ) -> str:
        """Tell of one danger."""
        text = self.say(
            "alert",
            post,
            jenis=self.kind(report, post),
            tempat=self.place(report, post),
            menit=str(minutes(since, at)),
            nomor=format_number(report.tracking),
            kode=code,
        )
        link = self.link(f"reports/{report.id}")
        return f"{text} {link}" if link else text

    def alerts(
        self, told: Sequence[tuple[Report, str]], post: DutyPost, *, longest: int = 3
    ) -> str:
        """Tell of several dangers at once."""
        some = "; ".join(
            f"{code} {self.kind(report, post)}, {self.place(report, post)}"
            for report, code in told[:longest]
        )
        text = self.say("alert_many", post, jumlah=str(len(told)), daftar=some)
        link = self.link("")
        return f"{text} {link}" if link else text

    def link(self, page: str) -> str:
        """Return the console's address; none where it is reached from this machine only."""
        local = self._url.startswith("http://127.0.0.1") or "//localhost" in self._url
        return "" if local else f"{self._url}/console/{page}"

    def acknowledging(self) -> str:
        """Return where a webhook's receiver says that somebody heard."""
        return f"{self._url}/alerts/acknowledge"


def kind_of(report: Report) -> str:
    """Return the kind of danger a report is in, by its name in ``emergency.toml``."""
    return emergency().kind(report.urgency.id) if report.urgency else "other"


def region_of(report: Report) -> str:
    """Return the code of where a report is, down to the district; "" where that is not known."""
    return report.places[0].code[:DISTRICT] if report.places else ""


def minutes(since: datetime, at: datetime) -> int:
    """Return how many whole minutes ago something was."""
    return max(0, int((at - since).total_seconds() // 60))


def _meet(one: str, other: str) -> bool:
    """Tell whether one of two regions lies in the other."""
    short, long = sorted((one, other), key=len)
    return f"{long}.".startswith(f"{short}.")


def _refs(post: DutyPost, seal: Seal) -> Iterator[str]:
    """Yield the pseudonyms a post writes under: a number may be written in several ways."""
    ways = {post.to}
    if numbers.looks_like_one(post.to) or post.sender.by_phone:
        plain = numbers.bare(post.to)
        scheme = post.to.partition(":")[0] + ":" if ":" in post.to else ""
        ways |= {plain, plain.removeprefix("+"), f"{scheme}{plain}"}
        if plain.startswith("+62"):
            ways.add("0" + plain.removeprefix("+62"))
    yield from (seal.reference(post.channel, way.casefold()) for way in ways)

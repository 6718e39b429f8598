"""From what a channel said to a ``Message``: the one way in, pure, and never an exception."""

import hashlib
import math
from datetime import date, datetime, timedelta

from normalizer import command, places, privacy, text, when
from normalizer.codes import without_codes
from normalizer.coordinates import in_indonesia
from normalizer.gazetteer import Gazetteer
from normalizer.inbound import File, Inbound
from normalizer.kind import kind_of
from normalizer.language import language_of
from normalizer.message import (
    MAX_TEXT,
    Attachment,
    Coordinates,
    Intent,
    Kind,
    Message,
    Origin,
    Place,
    Reporter,
)
from normalizer.tracking import is_valid, mentions

_ID = 1_000
"""Characters of a provider's id that are kept; a Message-ID may be 998."""
_ADDRESS, _CHOSEN = 500, 200
"""Characters of an address, and of a chosen topic or agency, that are kept."""
_NOTE, _MOST_NOTES = 200, 20
NO_PLACE = "point_outside_indonesia"
"""Noted where a point came that no report of ours can be about, so that it counts as none."""
NO_DAY = "day_still_to_come"
"""Noted where the day of the event is a later one, so that it counts as none."""
CUT = "text_cut"
_MEDIA_TYPE = "application/octet-stream"
SENT_LATER = "sent_later"
"""The note on a message that says it was sent after it came: its clock or zone is wrong."""
_CLOCKS_DIFFER = timedelta(minutes=10)


class Normalizer:
    """Reads messages with the help of a gazetteer; safe to share between threads."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self.gazetteer = gazetteer

    def normalize(
        self,
        inbound: Inbound,
        *,
        id: str,
        tracking: str,
        received_at: datetime,
        reporter: Reporter,
        context: str | None = None,
    ) -> Message:
        """Turn ``inbound`` into a message.

        ``received_at`` is aware; ``context`` is the code of the region this channel belongs to.
        Never raises on any ``inbound`` whose texts are strings.
        """
        said = without_codes(text.repair(inbound.text))
        asked = _asked(said, inbound)
        wish = privacy.read(asked.text)
        stated = _aware(inbound.sent_at)
        sent_at = min(stated, received_at) if stated else None
        early = stated is not None and stated - received_at > _CLOCKS_DIFFER
        return Message(
            id=id,
            tracking=tracking,
            intent=Intent(inbound.wants or asked.intent),
            refers_to=_refers_to(asked, inbound),
            kind=_kind(wish.text, inbound.kind),
            origin=_origin(inbound),
            reporter=reporter,
            title=without_codes(text.title_of(wish.text, inbound.subject)),
            text=wish.text,
            original=without_codes(text.storable(inbound.text)),
            whole=without_codes(text.storable(inbound.whole)),
            language=language_of(wish.text),
            attachments=tuple(map(attachment, inbound.files)),
            places=self._places(wish.text, inbound, context),
            coordinates=_coordinates(inbound.location),
            address=text.repair(inbound.address, _ADDRESS),
            occurred_on=_chosen_day(inbound, received_at)
            or when.occurred_on(wish.text, sent_at or received_at),
            chosen_topic=text.storable(inbound.topic, _CHOSEN),
            chosen_agency=text.repair(inbound.agency, _CHOSEN),
            sent_at=sent_at,
            received_at=received_at,
            anonymous=wish.anonymous or inbound.anonymous,
            confidential=wish.confidential or inbound.confidential,
            unhide=wish.unhide and not (inbound.explicit or inbound.anonymous),
            public=inbound.public,
            unanswered=inbound.unanswered,
            notes=_notes(inbound, received_at, early=early),
        )

    def _places(self, said: str, inbound: Inbound, context: str | None) -> tuple[Place, ...]:
        beside = (text.repair(inbound.subject or "", 300), text.repair(inbound.address, _ADDRESS))
        whole = "\n".join((said, *filter(None, beside)))
        keyword = command.leading_keyword(said, self.gazetteer)
        found = places.find(
            whole,
            self.gazetteer,
            context=keyword.code if keyword else context,
            coordinates=_coordinates(inbound.location),
        )
        if keyword is None:
            return found
        return places.by_keyword(keyword, said.split(maxsplit=1)[0], found)


def attachment(file: File) -> Attachment:
    """Describe a file that came along; size and hash only when its bytes are here."""
    content = file.content
    return Attachment(
        name=text.file_name(file.name),
        media_type=text.storable(file.media_type, 100).strip().lower() or _MEDIA_TYPE,
        size=None if content is None else len(content),
        sha256=None if content is None else hashlib.sha256(content).hexdigest(),
        url=None if file.url is None else text.storable(file.url, 2_000),
    )


def _kind(text: str, chosen: Kind | None) -> Kind:
    """Take the sender's choice; that a complaint is one with supervision, only its words say."""
    found = kind_of(text)
    supervised = chosen is Kind.COMPLAINT and found is Kind.SUPERVISED_COMPLAINT
    return found if chosen is None or supervised else chosen


def _asked(said: str, inbound: Inbound) -> command.Command:
    """Read the body; a mail whose body says nothing may have said it in its subject."""
    body = command.read(said)
    if inbound.explicit:
        return command.Command(Intent.REPORT, body.text, body.refers_to)
    if inbound.files or inbound.location:
        # A photo with "selamat pagi" reports something.
        return (
            body
            if body.intent in (Intent.STATUS, Intent.READ)
            else command.Command(Intent.REPORT, body.text, body.refers_to)
        )
    if inbound.subject and body.intent is Intent.REPORT and len(said.split()) <= 3:
        subject = command.read(text.repair(inbound.subject, 300))
        if subject.intent is not Intent.REPORT:
            return command.Command(subject.intent, body.text, body.refers_to)
    return body


def _refers_to(command_: command.Command, inbound: Inbound) -> tuple[str, ...]:
    token = (inbound.token,) if inbound.token and is_valid(inbound.token) else ()
    subject = mentions((inbound.subject or "")[:1_000])
    return tuple(dict.fromkeys((*token, *subject, *command_.refers_to)))


def _origin(inbound: Inbound) -> Origin:
    return Origin(
        channel=text.storable(inbound.channel, _ID),
        account=text.storable(inbound.account, _ID),
        external_id=text.storable(inbound.external_id, _ID),
        thread=tuple(text.storable(one, _ID) for one in inbound.thread),
        in_public=inbound.in_public,
    )


def _coordinates(location: tuple[float, float] | None) -> Coordinates | None:
    if location is None or not all(map(math.isfinite, location)):
        return None
    latitude, longitude = map(float, location)
    if not in_indonesia(latitude, longitude):
        return None
    return Coordinates(latitude=latitude, longitude=longitude)


def _chosen_day(inbound: Inbound, received_at: datetime) -> date | None:
    """Return the day that was chosen for the event, unless it is still to come."""
    day = inbound.occurred_on
    return day if day and day <= received_at.astimezone(when.WIT).date() else None


def _notes(inbound: Inbound, received_at: datetime, *, early: bool) -> tuple[str, ...]:
    ours = {
        CUT: max(len(inbound.text), len(inbound.whole)) > MAX_TEXT,
        SENT_LATER: early,
        NO_PLACE: inbound.location is not None and _coordinates(inbound.location) is None,
        NO_DAY: inbound.occurred_on and _chosen_day(inbound, received_at) is None,
    }
    own = (note for note, applies in ours.items() if applies)
    return tuple(text.repair(each, _NOTE) for each in (*own, *inbound.notes[:_MOST_NOTES]))


def _aware(moment: datetime | None) -> datetime | None:
    """Keep a time only with its zone: guessing one in a complaint is a legal problem."""
    return moment if moment is not None and moment.utcoffset() is not None else None

"""Why what a person decided about a report cannot be carried out."""

import contextlib
from collections.abc import Iterator
from enum import StrEnum

from gateway.access.states import WrongMove
from gateway.store.reports import StaleWrite


class ConflictCode(StrEnum):
    """What stands in the way; ``config/console`` has the words, under ``conflict``."""

    NO_REPORT = "no_report"
    NO_RIGHT = "no_right"
    NO_AGENCY = "no_agency"
    CHANGED = "changed"
    OUTDATED = "outdated"
    """The page showed the report as it was before a colleague changed it."""
    OUTDATED_ASSIGNED = "outdated_assigned"
    """A colleague has given it to an agency since."""
    CLOSED = "closed"
    NOT_SET_ASIDE = "not_set_aside"
    AT_AN_AGENCY = "at_an_agency"
    AT_THIS_AGENCY = "at_this_agency"
    ACCUSED = "accused"
    ALERT_CHANGED = "alert_changed"
    ALERT_TAKEN = "alert_taken"
    NOT_PUBLIC = "not_public"
    TEXT_CHANGED = "text_changed"
    MASKING = "masking"
    """Masking is not trusted for every kind of secret, so no text is public."""
    NO_KEY_FOR_IDENTITY = "no_key_for_identity"
    NO_KEY_FOR_MESSAGE = "no_key_for_message"
    DECIDED = "decided"
    CHANNEL_OFF = "channel_off"
    UNREADABLE = "unreadable"
    NOT_NOW = "not_now"
    """The status of the report does not allow it."""
    NO_WORDS = "no_words"
    NO_COLLEAGUE = "no_colleague"
    NO_COPY = "no_copy"
    """It has the report already."""
    NOT_FOR_OTHERS = "not_for_others"
    """It accuses somebody: no other agency gets a copy."""
    CANNOT_ASK = "cannot_ask"
    """Its reporter would not read a question, or cannot answer it."""
    NO_OTHER = "no_other"
    SAME_REPORT = "same_report"
    NO_ROOM = "no_room"
    NOT_IN_TEXT = "not_in_text"
    NO_PLACE = "no_place"
    NO_TOPIC = "no_topic"
    PLACES = "places"
    """Several places have the name."""
    NO_PHOTO = "no_photo"
    PHOTO_TOO_LARGE = "photo_too_large"
    PHOTOS_TOO_MANY = "photos_too_many"
    FILES_AWAY = "files_away"


class Conflict(Exception):
    """What somebody wants is not possible (any more); ``values`` fill in the words."""

    def __init__(self, code: ConflictCode, **values: str) -> None:
        super().__init__(code.value, *values.values())
        self.code = code
        self.values = values


@contextlib.contextmanager
def as_conflicts() -> Iterator[None]:
    """Raise ``Conflict`` where the report was changed meanwhile, or may not move so."""
    try:
        yield
    except StaleWrite:
        raise Conflict(ConflictCode.CHANGED) from None
    except WrongMove:
        raise Conflict(ConflictCode.NOT_NOW) from None

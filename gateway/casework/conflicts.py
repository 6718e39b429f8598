"""Why an operator's decision cannot be carried out."""

from enum import StrEnum


class ConflictCode(StrEnum):
    """What stands in the way; ``config/console`` has the words, under ``conflict``."""

    NO_REPORT = "no_report"
    NO_RIGHT = "no_right"
    NO_AGENCY = "no_agency"
    CHANGED = "changed"
    OUTDATED = "outdated"
    """The page showed the report as it was before a colleague changed it."""
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


class Conflict(Exception):
    """What the operator wants is not possible (any more); ``values`` fill in the words."""

    def __init__(self, code: ConflictCode, **values: str) -> None:
        super().__init__(code.value, *values.values())
        self.code = code
        self.values = values

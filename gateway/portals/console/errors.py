"""Why a request to the console is refused."""

from collections.abc import Mapping
from enum import StrEnum

from starlette.exceptions import HTTPException


class ConsoleErrorCode(StrEnum):
    """What is wrong; ``config/console`` has the words, under ``refusal``."""

    CHOOSE_AGENCY = "choose_agency"
    CHOOSE_MESSAGE = "choose_message"
    NO_REASON = "no_reason"
    NO_PAGE = "no_page"
    NO_REPORT = "no_report"
    NO_FILE = "no_file"
    NO_CHANNEL = "no_channel"
    FILES_AWAY = "files_away"
    SESSION_OVER = "session_over"
    STRANGE_FORM = "strange_form"
    LONG_FORM = "long_form"
    MANY_FIELDS = "many_fields"
    STRANGE_ORIGIN = "strange_origin"
    OLD_FORM = "old_form"
    THROTTLED = "throttled"
    MANY_FILES = "many_files"
    LARGE_FILE = "large_file"
    NO_TEXT = "no_text"
    LONG_TEXT = "long_text"
    BLANK_LEFT = "blank_left"
    NO_UNIT = "no_unit"
    CHOOSE_OFFICER = "choose_officer"
    NO_COVER = "no_cover"
    NO_ACCOUNT = "no_account"
    ELSEWHERE = "elsewhere"
    """The log-in provider's answer is none to what we asked, or cannot be believed."""


class ConsoleError(HTTPException):
    """A request is refused; ``values`` fill in the words."""

    def __init__(
        self,
        status: int,
        code: ConsoleErrorCode,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        super().__init__(status, code.value, headers)
        self.code = code
        self.values = values

"""The way to the Bot API: the library's bot over one connection of ours, and its errors as ours.

Every URL of the API holds the token: none is logged or quoted.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import telegram
from pydantic import BaseModel, Field, ValidationError
from telegram.error import TelegramError
from telegram.request import BaseRequest, RequestData

from adapters.contract import LONGEST_WAIT, ChannelError, UnknownOutcome, Unreachable, Until
from adapters.exchange import ExchangeLog
from adapters.http import PAUSE, Errors, HttpClient
from adapters.telegram.payloads import Number, TelegramId

logging.getLogger("telegram").setLevel(logging.WARNING)  # below, the library logs token and texts

PAGE = 100
"""The most updates that Telegram gives at once."""
UPDATES = ("message", "edited_message", "callback_query")
MAX_ANSWER = 20_000_000
"""Bytes of one answer of the API; a hundred long messages are about two million."""
MOST_BUTTONS = 8
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,500}")
"""A server of one's own may name a path on its disk, which begins with "/"."""

MENDABLE: Mapping[int, str] = {
    401: "the token was refused",
    404: "the token or api_base is wrong",
    409: "another program fetches the updates of this bot",
}
"""Errors that an operator can mend; an answer refused for good because of them would be lost."""
BLOCKED: Mapping[str, tuple[Until, str]] = {
    "blocked by the user": ("writes", "the citizen has blocked the bot"),
    "can't initiate conversation": ("writes", "the citizen has not written to the bot"),
}
"""Telegram's words for people who may write to us again one day: until then nothing is sent."""
REFUSALS: Mapping[str, str] = {
    "user is deactivated": "the citizen's account is gone",
    "chat not found": "there is no such chat",
    "bot was kicked": "the bot is no longer in the group",
    "not a member": "the bot is not in the group",
    "rights to send": "the bot may not write in the group",
    "text is empty": "the text is empty",
    "file is too big": "the file is larger than Telegram gives to bots",
    "file_id": "the file is gone",
    "bad webhook": "server.public_url cannot be called by Telegram",
}
"""Telegram's words for what will never work, and ours: its own may name people."""
ERRORS = Errors(provider="Telegram", mendable=MENDABLE, silenced=BLOCKED, refused=REFUSALS)

_UNREADABLE = (
    TelegramError,
    *(ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError),
)
"""What the library raises over an answer that is not what it expects."""


class NoAnswer(TelegramError):
    """Telegram could not be reached."""


class TelegramDeclined(TelegramError):
    """Telegram answered with an error: https://core.telegram.org/bots/api#making-requests."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"status {status}")
        self.status = status
        try:
            said = _Error.model_validate_json(body)
        except ValidationError:  # a page of HTML, most likely
            said = _Error()
        self.description = said.description.lower()
        self.retry_after = said.parameters.retry_after
        self.moved_to = said.parameters.migrate_to_chat_id


class _Parameters(BaseModel):
    retry_after: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    migrate_to_chat_id: Number | None = None


class _Error(BaseModel):
    description: str = ""
    parameters: _Parameters = _Parameters()


class TelegramTransport(BaseRequest):
    """What the bot sends through: our own client.

    The library's own logs every URL, and with it the token.
    """

    def __init__(self, timeout: float, log: ExchangeLog) -> None:
        self.http = HttpClient(ERRORS.provider, log, timeout=timeout, largest=MAX_ANSWER)

    @property
    def read_timeout(self) -> float:
        return self.http.timeout

    async def initialize(self) -> None:
        """Nothing: the first call opens the connections."""

    async def shutdown(self) -> None:
        await self.http.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: object = None,
        *_: object,
        **__: object,
    ) -> tuple[int, bytes]:
        seconds = read_timeout if isinstance(read_timeout, float) else None
        data = request_data.json_parameters if request_data else None
        try:
            answer = await self.http.request(method, url, data=data, seconds=seconds)
        except Unreachable as error:
            raise NoAnswer(str(error)) from error
        if answer.status != 200:
            raise TelegramDeclined(answer.status, answer.body)
        return answer.status, answer.body

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        value = json.loads(payload)
        if not isinstance(value, dict) or "result" not in value:
            raise ValueError("not an answer of the Bot API")
        return value


class Bot(telegram.Bot):
    """The library's bot, through our own connection."""

    def __init__(self, token: str, base: str, http: TelegramTransport) -> None:
        super().__init__(token, f"{base}/bot", f"{base}/file/bot", http, http)

    def __repr__(self) -> str:
        return "Bot"  # the library's has the token in it

    async def write(
        self, chat: int, text: str, answered: int | None, choices: Sequence[str]
    ) -> TelegramId:
        """Send a message; the library's own method fails after sending if it dislikes the date."""
        reply = {"message_id": answered, "allow_sending_without_reply": True}
        data = {
            "chat_id": chat,
            "text": text,
            "reply_parameters": reply if answered else None,
            "reply_markup": keyboard(choices) if choices else None,
            "link_preview_options": {"is_disabled": True},
        }
        return TelegramId.model_validate(await self._post("sendMessage", data))

    async def path(self, file_id: str) -> str:
        """Ask where a file is, below the address of files."""
        found = await self._post("getFile", {"file_id": file_id})
        path = found["file_path"]
        if not _PATH.fullmatch(path) or ".." in path:
            raise ValueError("a path that cannot be fetched")
        return str(path)

    async def pending(self, offset: int | None, wait: int) -> list[dict[str, Any]]:
        """Fetch updates as they are: the library's own method fails as a whole if it reads one not.

        Waits for news up to ``wait`` seconds.
        """
        data = {"limit": PAGE, "timeout": wait, "allowed_updates": UPDATES, "offset": offset}
        seconds = wait + (self.request.read_timeout or 0.0)
        found: list[dict[str, Any]] = await self._post("getUpdates", data, read_timeout=seconds)
        return found


def keyboard(choices: Sequence[str]) -> Mapping[str, Any]:
    """Make a button of each choice; what it carries is what an SMS would say: its number.

    https://core.telegram.org/bots/api#inlinekeyboardbutton: 1 to 64 bytes are carried.
    """
    buttons = enumerate(choices[:MOST_BUTTONS], 1)
    return {"inline_keyboard": [[{"text": c, "callback_data": str(n)}] for n, c in buttons]}


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what the library raises into our errors, without its words: they may quote people."""
    try:
        yield
    except TelegramDeclined as error:
        raise failure(error) from None
    except NoAnswer as error:
        cause = error.__cause__ if isinstance(error.__cause__, Unreachable) else None
        raise (cause or Unreachable(str(error))) from None
    except _UNREADABLE:
        raise UnknownOutcome("Telegram's answer could not be read") from None


def failure(error: TelegramDeclined) -> ChannelError:
    asked = error.retry_after is not None or error.status == 429
    wait = min(max(error.retry_after or PAUSE, 1.0), LONGEST_WAIT) if asked else None
    return ERRORS.error(error.status, words=error.description, wait=wait)

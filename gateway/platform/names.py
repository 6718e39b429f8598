"""What providers call messages and files. Such names contain people (a chat is a person's id, a
Message-ID their computer's name, a post its author), so they are sealed as addresses are.

To be compared, a name becomes a keyed hash; to be sent in (a reply names what it answers), it is
sealed beside that hash. Outside a seal no name of a provider is kept anywhere.
"""

import re
from collections.abc import Iterable

from gateway.platform.seal import BadSeal, Seal
from normalizer.message import Attachment, Message, Origin
from normalizer.text import storable

LONGEST = 1_000
NAME, URL, CURSOR = "name of a message", "url of a file", "cursor"
MARKS = ("update:", "released:")
"""Words of our own in front of a name: they say what a message is, and are kept."""
_HASHED = re.compile(r"([a-z]+:)?ref:[0-9a-f]{32}")
_SEALED = "sealed:"


def hash_name(seal: Seal, channel: str, name: str) -> str:
    """Return what a provider's name is compared by; a hash stays what it is."""
    if is_hashed(name):
        return name
    mark = next((mark for mark in MARKS if name.startswith(mark)), "")
    return f"{mark}ref:{seal.reference('name', channel, storable(name, LONGEST))}"


def is_hashed(name: str) -> bool:
    """Tell whether a name is a keyed hash already."""
    return _HASHED.fullmatch(name) is not None


def hide_names(seal: Seal, message: Message) -> Message:
    """Return a message whose origin and files name nothing of the provider in the clear."""
    files = tuple(_with_sealed_url(seal, file) for file in message.attachments)
    origin = hidden_origin(seal, message.origin)
    return message.model_copy(update={"origin": origin, "attachments": files})


def hidden_origin(seal: Seal, origin: Origin) -> Origin:
    """Return an origin that names nothing of the provider in the clear."""
    names = (*origin.thread, origin.external_id)
    clear = [name for name in names if not _HASHED.fullmatch(name)]
    sealed = {hash_name(seal, origin.channel, name): seal.close_text(name, NAME) for name in clear}
    hashes = [hash_name(seal, origin.channel, name) for name in names]
    changes = {"thread": tuple(hashes[:-1]), "external_id": hashes[-1]}
    return origin.model_copy(update=changes | {"sealed": {**origin.sealed, **sealed}})


def sealed_thread(origin: Origin) -> tuple[str, ...]:
    """Return the sealed names of a conversation, in order, for a notification that continues it."""
    names = (*origin.thread, origin.external_id)
    return tuple(origin.sealed[name] for name in names if name in origin.sealed)


def opened_thread(seal: Seal, names: Iterable[str]) -> tuple[str, ...]:
    """Open the names of a thread for its channel; one that cannot be opened is left out."""
    return tuple(name for sealed in names if (name := _opened(seal, sealed)) is not None)


def _opened(seal: Seal, sealed: str) -> str | None:
    try:
        return seal.open_text(sealed, NAME)
    except BadSeal:
        return None


def _with_sealed_url(seal: Seal, file: Attachment) -> Attachment:
    if file.url is None or file.url.startswith(_SEALED):
        return file
    return file.model_copy(update={"url": _SEALED + seal.close_text(file.url, URL)})


def opened_url(seal: Seal, url: str) -> str:
    """Open the URL of a file, to fetch it. Raises ``BadSeal``."""
    if not url.startswith(_SEALED):
        return url
    return seal.open_text(url.removeprefix(_SEALED), URL)


def sealed_cursor(seal: Seal, cursor: str) -> str:
    """Seal how far a provider was read: the last one's id, say. "" is the beginning."""
    return _SEALED + seal.close_text(cursor, CURSOR) if cursor else ""


def opened_cursor(seal: Seal, cursor: str) -> str:
    """Open a cursor; one of the version before stands in the clear. Raises ``BadSeal``."""
    if not cursor.startswith(_SEALED):
        return cursor
    return seal.open_text(cursor.removeprefix(_SEALED), CURSOR)

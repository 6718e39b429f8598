"""The codes of what had to be guessed, repaired or left out in reading a mail.

They stand in a message's notes, as ``code`` or ``code: value``; ``config/console`` has the words.
"""

LONG_HEADER = "mail_long_header"
"""A header is longer than is read."""
HEADER_LINE = "mail_header_line"
"""A line among the headers is no header and was left out."""
HEADER_SPLIT = "mail_header_split"
"""The headers go on, or stand again, after a blank line."""
NO_BLANK_LINE = "mail_no_blank_line"
"""No blank line parts the headers from the text."""
BROKEN_WORDS = "mail_broken_words"
"""An encoded word of From or Subject is broken."""
ZONE = "mail_zone"
"""The zone of the date is none that mail knows; it was read by its name."""

TOO_MANY_PARTS = "mail_many_parts"
TOO_DEEP = "mail_deep"
NO_BOUNDARY = "mail_no_boundary"
BOUNDARY = "mail_boundary"
"""The boundary that is stated is not there; another was found in the body."""
UNCLOSED = "mail_unclosed"
"""The last boundary is missing: the mail may have been cut on its way."""

ENCODING = "mail_encoding"
"""The transfer encoding that is stated is unknown or not true; it was guessed."""
TYPE = "mail_type"
"""The content type that is stated is none, or not true; it was guessed."""
REPAIRED = "mail_repaired"
CUT = "mail_cut"

OPENED = "mail_opened"
"""The words, or files, were packed in something that was opened: its name is the value."""
DAMAGED = "mail_damaged"
"""Something packed could not be read, or not wholly; it is kept as a file."""
UNVERIFIED = "mail_unverified"
"""The mail is signed, and the signature was not checked."""
ENCRYPTED = "mail_encrypted"
"""The mail, or a part, is encrypted and cannot be read."""

STUB = "mail_stub"
"""The plain text says nothing, or much less than the page beside it, which was read."""
FROM_FILE = "mail_from_file"
"""The mail itself has no words; they are of a file that came along."""


def opening(what: str) -> str:
    """Note that something packed was opened."""
    return f"{OPENED}: {what}"


def damage(what: str) -> str:
    """Note that something packed could not be read wholly."""
    return f"{DAMAGED}: {what}"

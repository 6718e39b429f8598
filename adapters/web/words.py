"""What the web form's senders are told when something is to be mended: ``config/pages``."""

from collections.abc import Mapping

from config.words import Language, words


def mending(language: Language) -> Mapping[str, str]:
    """Return the texts by field or fault."""
    return words("pages").table("mend", language)


def language_of(accept_language: str) -> Language:
    """Choose the language of an answer: Indonesian, unless English is asked for first."""
    return "en" if accept_language.strip().lower().startswith("en") else "id"

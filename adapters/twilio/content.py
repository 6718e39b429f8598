"""What the fields of a message say: its words, place and files, and whether it is a STOP."""

from collections.abc import Iterator, Mapping
from typing import Literal

from adapters.contract import File

Wish = Literal["", "stop", "start"]
OPT_OUT: Mapping[str, Wish] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"), "stop"),
    **dict.fromkeys(("REVOKE", "OPTOUT", "BERHENTI"), "stop"),
    **dict.fromkeys(("START", "UNSTOP", "MULAI"), "start"),
}
"""A message that is nothing but one of these words:
https://help.twilio.com/articles/223134027. YES, which Twilio takes for START, is an answer here."""

ENDINGS: Mapping[str, str] = {
    "application/pdf": ".pdf",
    "audio/amr": ".amr",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "video/3gpp": ".3gp",
    "video/mp4": ".mp4",
}
"""Names for files Twilio sends without one; no table of the machine's, which differs."""


def wants(fields: Mapping[str, str]) -> Wish:
    """Read STOP and START, also in our own language and where Twilio does not look for them."""
    if (said := fields.get("OptOutType", "").upper()) in ("STOP", "START"):
        return "stop" if said == "STOP" else "start"
    return OPT_OUT.get(fields.get("Body", "").strip().upper(), "")


def files(fields: Mapping[str, str]) -> Iterator[File]:
    """Yield the files by their addresses."""
    number = 0
    while url := fields.get(f"MediaUrl{number}"):
        media_type = fields.get(f"MediaContentType{number}") or "application/octet-stream"
        number += 1
        kind = media_type.partition(";")[0].strip().lower()
        name = f"media-{number}{ENDINGS.get(kind, '')}"
        yield File(name, media_type, url=url)


def notes(fields: Mapping[str, str], files: int) -> Iterator[str]:
    """Yield what an officer should know; ``files`` of its files were named."""
    announced = fields.get("NumMedia", "0")
    if announced != str(files) and announced not in ("", "0"):
        yield f"files_not_named: {files}/{announced[:10]}"
    if "true" in (fields.get("Forwarded"), fields.get("FrequentlyForwarded")):
        yield "forwarded"


def location(fields: Mapping[str, str]) -> tuple[float, float] | None:
    """Return the shared place: latitude and longitude in degrees."""
    try:
        latitude, longitude = float(fields["Latitude"]), float(fields["Longitude"])
    except (KeyError, ValueError):
        return None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def text(fields: Mapping[str, str]) -> str:
    """Return the words; a shared place brings its name and address, which help to find it."""
    parts = [fields.get("Body", "")]
    if "Latitude" in fields:
        parts += [fields.get("Label", ""), fields.get("Address", "")]
    return "\n".join(part for part in parts if part)

"""One part of a mail."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from adapters.mail import transfer
from adapters.mail.headers import parameters


@dataclass(frozen=True, slots=True)
class MimePart:
    """One part of a mail: its headers (names in lower case), and where its body lies."""

    fields: tuple[tuple[str, str], ...]
    media_type: str
    parameters: Mapping[str, str]
    raw: bytes = field(repr=False)
    start: int
    end: int
    parts: tuple["MimePart", ...] = ()

    def get(self, name: str) -> str:
        """Return the first header of this name, unfolded and undecoded; "" if there is none."""
        return next((value for key, value in self.fields if key == name), "")

    def all(self, name: str) -> list[str]:
        """Return every header of this name."""
        return [value for key, value in self.fields if key == name]

    def leaves(self) -> Iterator["MimePart"]:
        """Yield the parts that have no parts, in order."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def content(self) -> bytes:
        """Return the body with its transfer encoding undone; an unknown one is left as it is."""
        stated = self.get("content-transfer-encoding")
        if self.media_type.startswith("text/"):
            return self.text()[0]
        return transfer.decode(self.raw[self.start : self.end], stated)

    def text(self, limit: int | None = None) -> tuple[bytes, str]:
        """Return the body as ``content`` does, and what is to be noted of its encoding or "".

        ``limit`` is how many bytes of the encoded body are read.
        """
        end = self.end if limit is None else min(self.end, self.start + limit)
        body, label = self.raw[self.start : end], self.parameters.get("charset", "")
        return transfer.decode_text(body, self.get("content-transfer-encoding"), label)

    @property
    def name(self) -> str:
        """The file name that the part claims, decoded and not yet safe; "" if none."""
        _, disposition = parameters(self.get("content-disposition"))
        return disposition.get("filename") or self.parameters.get("name") or ""

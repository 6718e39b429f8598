"""The settings of an Open311 endpoint."""

from typing import Annotated, Literal

from pydantic import Field

from adapters.partner_api.channel import PartnerBlock


class Open311Block(PartnerBlock):
    """``type = "open311"``."""

    type: Literal["open311"]
    jurisdiction: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,64}$")] = ""
    """The jurisdiction_id that is served; "" serves callers whatever they name."""
    contact: str = ""
    """Whom developers write to; told by the discovery page."""
    key_service: str = ""
    """How to get a key, in words or as an address; told by the discovery page."""
    test: bool = False
    """Told by the discovery page: this endpoint is for trying out."""

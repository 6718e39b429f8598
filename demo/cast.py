"""Everybody who plays in the demo: one door for each channel, in the order they are shown."""

from demo.browser import WebDoor
from demo.door import Door
from demo.doors import MailDoor, MmsDoor, TelegramDoor, WhatsAppDoor, XDoor
from demo.partner import Open311Door, RestDoor
from demo.sms_center import SmppDoor
from demo.sms_gateway import SmsDoor

DOORS: tuple[type[Door], ...] = (
    *(SmsDoor, WhatsAppDoor, MmsDoor, TelegramDoor, XDoor, MailDoor),
    *(SmppDoor, WebDoor, Open311Door, RestDoor),
)

"""Everybody who plays in the demo: one door for each channel, in the order they are shown."""

from gateway.demo.browser import WebDoor
from gateway.demo.door import Door
from gateway.demo.doors import MailDoor, MmsDoor, SmsDoor, TelegramDoor, WhatsAppDoor, XDoor
from gateway.demo.partner import Open311Door, RestDoor
from gateway.demo.sms_center import SmppDoor

DOORS: tuple[type[Door], ...] = (
    *(SmsDoor, WhatsAppDoor, MmsDoor, TelegramDoor, XDoor, MailDoor),
    *(SmppDoor, WebDoor, Open311Door, RestDoor),
)

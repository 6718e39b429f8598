"""Everybody who plays in the demo: one door for each channel, in the order they are shown."""

from gateway.demo.doors import Door, MailDoor, SmsDoor, TelegramDoor, XDoor
from gateway.demo.partner import Open311Door, RestDoor

DOORS: tuple[type[Door], ...] = (SmsDoor, TelegramDoor, XDoor, MailDoor, Open311Door, RestDoor)

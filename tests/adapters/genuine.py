"""Genuine messages: for each channel type, what its provider (or citizen) would really send.

A channel that takes messages in and is missing here fails the conformance suite.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import urlencode
from uuid import NAMESPACE_OID, uuid5

import smpp34

from adapters.contract import RECEIVED_ON, Channel, WebhookRequest
from gateway.intake.envelope import PAGE, mail_hook
from tests.adapters.doubles import signed_form
from tests.adapters.examples import (
    BOT_SECRET,
    EXAMPLES,
    NUMBER,
    PARTNER_KEY,
    SMS_TOKEN,
    SOMEBODY,
    TOKEN,
)
from tests.adapters.web.forms import filled, posted


def _mail(channel: Channel, text: str, id: str) -> WebhookRequest:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = SOMEBODY["mail"]
    mail["To"] = EXAMPLES["mail"]["address"]
    mail["Message-ID"] = f"<{id}@desa.example>"
    mail.set_content(text)
    return mail_hook("192.0.2.1", SOMEBODY["mail"], [EXAMPLES["mail"]["address"]], mail.as_bytes())


def _telegram(channel: Channel, text: str, id: str) -> WebhookRequest:
    somebody = int(SOMEBODY["telegram"])
    update = {
        "update_id": int(id),
        "message": {
            "message_id": int(id),
            "from": {"id": somebody, "is_bot": False, "first_name": "Sri"},
            "chat": {"id": somebody, "first_name": "Sri", "type": "private"},
            "date": 1795395600,
            "text": text,
        },
    }
    headers = {
        "content-type": "application/json",
        "x-telegram-bot-api-secret-token": BOT_SECRET,
    }
    return WebhookRequest(channel.hook_url, headers, json.dumps(update).encode())


def _twilio(channel: Channel, text: str, id: str) -> WebhookRequest:
    fields = [
        ("MessageSid", f"SM{int(id):032x}"),
        ("From", SOMEBODY["twilio"]),
        ("To", NUMBER),
        ("Body", text),
        ("SmsStatus", "received"),
        ("NumMedia", "0"),
    ]
    return signed_form(TOKEN, channel.hook_url, fields)


def _x(channel: Channel, text: str, id: str) -> WebhookRequest:
    post = {
        "id": id,
        "text": f"@lapor_contoh {text}",
        "author_id": SOMEBODY["x"],
        "conversation_id": id,
        "created_at": "2026-11-23T01:00:00.000Z",
        "edit_history_tweet_ids": [id],
    }
    return WebhookRequest(PAGE, {}, json.dumps({"data": post, "includes": {}}).encode())


def _web(channel: Channel, text: str, id: str) -> WebhookRequest:
    key = str(uuid5(NAMESPACE_OID, f"form {id}"))
    return replace(posted(filled(key=key, body=text)), url=channel.hook_url)


def _open311(channel: Channel, text: str, id: str) -> WebhookRequest:
    fields = {"api_key": PARTNER_KEY, "service_code": "jalan-rusak", "description": text}
    place = {"lat": "-7.3", "long": "112.7", "address_string": "Wonocolo, Surabaya"}
    headers = {"content-type": FORM, "idempotency-key": id, RECEIVED_ON: "2026-11-25"}
    url = channel.hook_url.replace("/in/open311", "/open311/v2/requests.json")
    return WebhookRequest(url, headers, urlencode(fields | place).encode())


def _rest(channel: Channel, text: str, id: str) -> WebhookRequest:
    said = {"text": text, "address": "Wonocolo, Surabaya"}
    headers = {
        "content-type": "application/json",
        "authorization": f"Bearer {PARTNER_KEY}",
        "idempotency-key": id,
        RECEIVED_ON: "2026-11-25",
    }
    url = channel.hook_url.replace("/in/rest", "/api/v1/reports")
    return WebhookRequest(url, headers, json.dumps(said).encode())


def _smpp(channel: Channel, text: str, id: str) -> WebhookRequest:
    payload = smpp34.Tlv(0x0424, text.encode("utf-16-be"))
    who = SOMEBODY["smpp"].removeprefix("+")
    pdu = smpp34.DeliverSm(who, "1708", b"", source_addr_ton=1, data_coding=8, tlvs=[payload])
    return WebhookRequest("smpp:", {"stamp": f"{id}.0"}, pdu.encode())


def _sms_http(channel: Channel, text: str, id: str) -> WebhookRequest:
    fields = {"from": SOMEBODY["sms_http"], "to": "1708", "charset": "UTF-8", "id": id}
    query = {"token": SMS_TOKEN, "text": text, "time": "1796052606", "udh": "", **fields}
    return WebhookRequest(f"{channel.hook_url}?{urlencode(query)}", {}, b"", "GET")


FORM = "application/x-www-form-urlencoded"
GENUINE: dict[str, Callable[[Channel, str, str], WebhookRequest]] = {
    "mail": _mail,
    "open311": _open311,
    "rest": _rest,
    "smpp": _smpp,
    "sms_http": _sms_http,
    "telegram": _telegram,
    "twilio": _twilio,
    "web": _web,
    "x": _x,
}
"""Channel, text and a number as id → the hook; for what is only fetched, the item's ``raw``."""

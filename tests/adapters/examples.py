"""One example block per channel type, for the conformance test and the channels' own tests."""

from hashlib import sha256
from typing import Any

from adapters.contract import Channel
from adapters.load import load

PUBLIC_URL = "https://lapor.example"
TOKEN, OLD_TOKEN = "token-in-use-7f3a", "token-before-91bc"
ACCOUNT = "AC" + "0" * 32
NUMBER = "+6281100001708"
BOT_TOKEN, BOT_SECRET = "170800:AAF-token_of_the_bot", "secret-of-the-hook_5c1e"
X_KEYS = {
    "bearer_token": "AAAA-bearer%2Fof-the-app",
    "consumer_key": "key-of-the-app-3b",
    "consumer_secret": "secret-of-the-app-8c",
    "access_token": "1708001708-TokenOfTheAccount4d",
    "access_token_secret": "secret-of-the-account-9e",
}
SMS_TOKEN = "token-of-the-gateway-3e8b"
PARTNER_KEY, OTHER_KEY = "kanal_key-of-the-city_4f8a", "kanal_key-of-the-kiosk_7b21"
SECRET = "whsec_a2FuYWwtdGVzdC1zZWNyZXQtMDEyMzQ1Njc4OQ=="

EXAMPLES: dict[str, dict[str, Any]] = {
    "mail": {"type": "mail", "address": "lapor@lapor.localhost"},
    "smpp": {
        "type": "smpp",
        "host": "127.0.0.1",
        "system_id": "lapor",
        "password": "pass-1f7c",
        "number": "1708",
    },
    "sms_http": {
        "type": "sms_http",
        "preset": "kannel",
        "number": "1708",
        "url": "http://127.0.0.1:13013/cgi-bin/sendsms",
        "access": {"token": {"values": [SMS_TOKEN]}},
        "credentials": {"username": "kanal", "password": "pass-of-sendsms-7d"},
    },
    "open311": {
        "type": "open311",
        "keys": {
            "kota": {"key": PARTNER_KEY, "scopes": ["report", "read", "update"]},
            "kios": {"key_sha256": sha256(OTHER_KEY.encode()).hexdigest()},
        },
    },
    "rest": {
        "type": "rest",
        "keys": {
            "kota": {"key": PARTNER_KEY, "scopes": ["report", "read", "update"]},
            "kios": {"key_sha256": sha256(OTHER_KEY.encode()).hexdigest()},
        },
    },
    "telegram": {
        "type": "telegram",
        "token": BOT_TOKEN,
        "secret_token": BOT_SECRET,
        "username": "lapor_bot",
    },
    "twilio": {
        "type": "twilio",
        "account_sid": ACCOUNT,
        "auth_tokens": [TOKEN, OLD_TOKEN],
        "number": NUMBER,
    },
    "web": {"type": "web"},
    "webhook": {"type": "webhook", "url": "https://agency.example/hook", "secret": SECRET},
    "x": {"type": "x", "username": "lapor_contoh", **X_KEYS},
}
"""A channel file without an example here fails the conformance test."""

SOMEBODY = {
    "mail": "warga@desa.example",
    "smpp": "+6281234567890",
    "sms_http": "+6281234567890",
    "telegram": "620011",
    "twilio": "+6281234567890",
    "web": "web:00000000-0000-4000-8000-000000000001",
    "webhook": "kab-kutai-dinas-pu",
    "x": "620011",
}
"""An address each sender can write to."""
NO_PROVIDER = frozenset({"web"})
"""Senders whose messages stay with us, so that nobody can be away."""


def away(kind: str, port: int) -> dict[str, Any]:
    """Return what to change in an example so that it sends to a loopback port."""
    changes: dict[str, dict[str, Any]] = {
        "mail": {"smtp_host": "127.0.0.1", "smtp_port": port},
        "smpp": {"port": port},
        "sms_http": {"url": f"http://127.0.0.1:{port}/cgi-bin/sendsms"},
        "telegram": {"api_base": f"http://127.0.0.1:{port}"},
        "twilio": {"api_base": f"http://127.0.0.1:{port}"},
        "webhook": {"url": f"http://127.0.0.1:{port}/hook"},
        "x": {"api_base": f"http://127.0.0.1:{port}"},
    }
    return changes[kind]


def build(kind: str, *, public_url: str = PUBLIC_URL, **changes: Any) -> Channel:
    """Build the channel of an example block, with some of its keys changed."""
    return load(kind, {**EXAMPLES[kind], **changes}, public_url=public_url)

"""Signed webhooks as Twilio sends them, ready to be written to a socket."""

from itertools import cycle, islice
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from demo.samples import MAIL, OPEN311, REST, SAMPLES, WEB

PUBLIC_URL = "https://lapor.localhost"
HOOK = f"{PUBLIC_URL}/in/sms"
TOKEN = "0123456789abcdef" * 2
ACCOUNT = "AC" + "0" * 32
NUMBER = "+62215551708"

CLEAR = tuple(s for s in SAMPLES if not s.then and s.channel not in (MAIL, WEB, OPEN311, REST))
"""Messages whose words alone assign them: a question back would be another story to measure."""
AGENCIES = tuple(sorted({sample.expect for sample in CLEAR}))


def fields(number: int, text: str) -> dict[str, str]:
    """Compose the form of one text message; every ``number`` is another citizen."""
    sid = f"SM{number:032x}"
    return {
        "ToCountry": "ID",
        "ToState": "",
        "SmsMessageSid": sid,
        "NumMedia": "0",
        "ToCity": "",
        "FromZip": "",
        "SmsSid": sid,
        "FromState": "",
        "SmsStatus": "received",
        "FromCity": "",
        "Body": f"{text} (rumah nomor {number})",
        "FromCountry": "ID",
        "To": NUMBER,
        "ToZip": "",
        "NumSegments": "1",
        "MessageSid": sid,
        "AccountSid": ACCOUNT,
        "From": f"+628110{number:06d}",
        "ApiVersion": "2010-04-01",
    }


def requests(first: int, count: int) -> list[bytes]:
    """Compose ``count`` different HTTP requests, signed for ``HOOK``."""
    validator = RequestValidator(TOKEN)
    texts = islice(cycle(sample.text for sample in CLEAR), count)
    return [_request(validator, fields(number, text)) for number, text in enumerate(texts, first)]


def _request(validator: RequestValidator, form: dict[str, str]) -> bytes:
    body = urlencode(form)
    head = (
        "POST /in/sms HTTP/1.1",
        "Host: lapor.localhost",
        "Content-Type: application/x-www-form-urlencoded; charset=utf-8",
        f"Content-Length: {len(body)}",
        f"X-Twilio-Signature: {validator.compute_signature(HOOK, form)}",
        "I-Twilio-Idempotency-Token: 4a6c8f5e-8a3b-4d51-9a4e-2f0f6d1c1f5a",
        "User-Agent: TwilioProxy/1.1",
        "Accept: */*",
    )
    return "\r\n".join((*head, "", body)).encode()

"""A ``[channels.NAME]`` block becomes its channel, or all that is wrong with it is said at once."""

from pathlib import Path
from typing import Any

import pytest

import adapters
from adapters.load import SHARED, BadBlock, UnknownChannel, channel_class, kinds, load
from adapters.mail.channel import Mail
from adapters.webhook import Webhook
from tests.adapters.examples import EXAMPLES, PUBLIC_URL

FOLDER = Path(adapters.__file__).parent
GOOD = EXAMPLES["webhook"]


def faults(block: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(BadBlock) as caught:
        load("door", block, public_url=PUBLIC_URL)
    return {".".join(keys): message for keys, message in caught.value.faults}


def test_the_type_chooses_the_channel_and_the_name_is_the_deployments_own() -> None:
    first = load("dinas", GOOD, public_url="https://lapor.example/")
    second = load("kotak", EXAMPLES["mail"], public_url=PUBLIC_URL)
    assert isinstance(first, Webhook)
    assert isinstance(second, Mail)
    assert (first.name, second.name) == ("dinas", "kotak")
    assert first.hook_url == "https://lapor.example/in/dinas"


def test_the_block_is_left_as_it_was_written() -> None:
    block = dict(GOOD)
    load("dinas", block, public_url=PUBLIC_URL)
    assert block == GOOD


@pytest.mark.parametrize(
    "kind", ["fax", "", "contract", "load", "partner_api", "mime", "os", "../mail", "Mail"]
)
def test_an_unknown_type_is_answered_with_the_choices(kind: str) -> None:
    with pytest.raises(UnknownChannel) as caught:
        load("door", {"type": kind}, public_url=PUBLIC_URL)
    said = str(caught.value)
    assert said.startswith(f"no channel type {kind!r}; there are: ")
    assert said.rpartition(": ")[2].split(", ") == kinds()


@pytest.mark.parametrize("block", [{}, {"type": 5}, {"type": ["mail"]}, {"type": None}])
def test_a_block_without_a_type_is_told_the_choices(block: dict[str, Any]) -> None:
    found = faults(block)
    assert list(found) == ["type"]
    assert all(kind in found["type"] for kind in kinds())


def test_a_channel_of_many_files_is_a_package_named_after_it() -> None:
    packages = {kind for kind in kinds() if (FOLDER / kind).is_dir()}
    assert {"mail", "telegram"} <= packages
    assert channel_class("telegram").__module__ == "adapters.telegram.channel"
    folders = {each.name for each in FOLDER.iterdir() if (each / "__init__.py").exists()}
    assert folders - SHARED == packages, "a folder is a channel or says in SHARED that it is none"


def test_the_files_beside_the_channels_are_no_channels() -> None:
    assert {"mail", "twilio", "webhook"} <= set(kinds())
    assert not {"__init__", "contract", "load", "partner_api"} & set(kinds())
    assert kinds() == sorted(kinds())


def test_every_fault_of_a_block_is_said_at_once() -> None:
    found = faults(
        {
            "type": "webhook",
            "url": "http://agency.example",
            "secret": "hunter2",
            "timeout": 0,
            "enabled": "perhaps",
            "colour": "red",
        }
    )
    assert set(found) == {"url", "secret", "timeout", "enabled", "colour"}
    assert "in the clear" in found["url"]
    assert "whsec_" in found["secret"]


def test_a_missing_setting_and_a_fault_inside_a_list_carry_their_path() -> None:
    found = faults({"type": "twilio", "auth_tokens": [5]})
    assert {"account_sid", "auth_tokens.0"} <= set(found)


def test_a_fault_shows_its_path_and_no_secret() -> None:
    with pytest.raises(BadBlock) as caught:
        load("door", GOOD | {"secret": "hunter2"}, public_url=PUBLIC_URL)
    assert str(caught.value).startswith("secret: ")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)

"""The privacy notice: PRIVASI on every channel, a line in the first receipt, the settings."""

import pytest

from config.settings import load
from gateway import checks, components
from gateway.outbound.delicate import Delicate
from gateway.outbound.notice import Notice
from gateway.outbound.notifications import Notifier
from normalizer.gsm import segments
from tests.adapters.examples import build as example
from tests.gateway import test_machines
from tests.gateway.making import LAMP, OTHER, ROAD, WHO, House, made_parts, note
from tests.gateway.test_machines import TALKING, Wire

wire = test_machines.wire
WORD = {"id": "Privasi: balas PRIVASI", "en": "Privacy: reply PRIVACY"}
PAGE = "https://lapor.contohkab.go.id/privasi"
FIRE = "kebakaran besar di pasar kecamatan Wonocolo Surabaya tolong"
ENGLISH = "The street light in Wonocolo Surabaya is broken and it has been dark for a week"


@pytest.mark.parametrize("wire", [*TALKING, "whatsapp"], indirect=True)
async def test_privasi_is_answered_in_one_text_on_every_channel_and_files_nothing(
    wire: Wire,
) -> None:
    (indonesian,) = await wire.bring("PRIVASI")
    (english,) = await wire.bring("privacy policy please")
    assert indonesian.startswith("PRIVASI: ")
    assert english.startswith("PRIVACY: ")
    assert segments(indonesian) == segments(english) == 1
    assert await wire.house.counted("reports") == 0


@pytest.mark.parametrize("wire", [*TALKING, "whatsapp"], indirect=True)
async def test_the_first_receipt_of_a_person_says_where_to_read_and_the_second_does_not(
    wire: Wire,
) -> None:
    (first,) = await wire.bring(ROAD)
    (second,) = await wire.bring(LAMP)
    assert first.endswith(f"\n{WORD['id']}")
    assert "PRIVASI" not in second


async def test_each_person_is_told_in_their_own_language(lite: House) -> None:
    assert (await lite.say(ENGLISH)).endswith(f"\n{WORD['en']}")
    assert (await lite.say(ROAD, OTHER)).endswith(f"\n{WORD['id']}")


async def test_a_receipt_that_is_no_ones_first_word_from_us_has_the_line_all_the_same(
    lite: House,
) -> None:
    """What was told before (help, an unknown number) was no receipt."""
    assert "PRIVASI" not in await lite.say("BANTUAN")
    assert (await lite.say(ROAD)).endswith(WORD["id"])


async def test_what_sounds_like_a_machine_is_told_nothing_and_who_writes_then_is(
    lite: House,
) -> None:
    await lite.take(note("Auto reply: terima kasih sudah menghubungi kami"))
    assert await lite.work_all() == {}
    assert lite.paper.carried == []
    assert (await lite.say(LAMP, WHO)).endswith(WORD["id"])


async def test_privasi_counts_as_every_other_automatic_answer(lite: House) -> None:
    for number in range(30):
        lite.clock.pass_(seconds=5)
        await lite.take(note(f"privasi {'pak' * (number % 2)}"))
        assert await lite.work_all() == {}
    assert len(lite.paper.carried) <= 5


async def test_danger_is_answered_first_though_the_privacy_notice_is_asked_for(
    lite: House,
) -> None:
    told = await lite.say(f"PRIVASI {FIRE}")
    assert told.startswith("Segera telepon")
    assert await lite.counted("reports") == 1


async def test_the_line_is_in_no_letter_that_danger_would_pay_for_with_another_sms(
    lite: House,
) -> None:
    told = await lite.say(FIRE)
    assert told.startswith("Segera telepon")
    assert segments(told) == 1
    assert told.endswith(WORD["id"]) or (await lite.say(LAMP)).endswith(WORD["id"])


# What it costs.


def letters(page: str = "", contact: str = "") -> Notifier:
    parts = made_parts()
    delicate = Delicate(parts.routing.topics.delicate, frozenset())
    return Notifier(parts.texts, delicate, Notice(page=page, contact=contact))


@pytest.mark.parametrize("page", ["", PAGE])
@pytest.mark.parametrize("language", ["id", "en"])
def test_the_line_costs_a_further_sms_only_where_nothing_shorter_would_do(
    language: str, page: str
) -> None:
    word = WORD[language]
    for length in range(1, 500):
        text, brief = "a" * length, "b" * (length - 21)
        said = letters(page).first(text, language, brief=brief)
        urgent = letters(page).first(text, language, urgent=True)
        most = segments(text)
        is_free = segments(said) == most
        assert is_free or (said, segments(said)) == (f"{text}\n{word}", most + 1)
        assert is_free or segments(f"{brief}\n{word}") > most
        assert said.startswith(text) or segments(f"{text}\n{word}") > most
        assert urgent == "" or (urgent.startswith(text) and segments(urgent) == most)
        if page and segments(f"{text}\nPrivasi: {page}") == most:
            assert page in said


@pytest.mark.parametrize(
    ("page", "contact", "ending"),
    [
        ("", "", "ANONIM."),
        (PAGE, "pdp@contohkab.go.id", PAGE),
        ("", "pdp@contohkab.go.id", "pdp@contohkab.go.id"),
        (f"https://{'x' * 60}.go.id/privasi", "pdp@contohkab.go.id", "pdp@contohkab.go.id"),
        (f"https://{'x' * 60}.go.id/privasi", "y" * 60, "ANONIM."),
    ],
)
@pytest.mark.parametrize("language", ["id", "en"])
async def test_the_notice_ends_with_where_to_read_on_if_one_sms_has_room_for_it(
    lite: House, language: str, page: str, contact: str, ending: str
) -> None:
    asked = (await lite.report()).report.first.model_copy(update={"language": language})
    said = letters(page, contact).privacy(asked)
    assert segments(said) == 1
    assert said.endswith(ending)


# What the settings say.


def test_there_is_a_page_only_where_citizens_can_open_one() -> None:
    for url, kinds, page in (
        ("https://lapor.contohkab.go.id/", ["web", "mail"], PAGE),
        ("https://lapor.contohkab.go.id", ["mail"], ""),
        ("http://127.0.0.1:8080", ["web"], ""),
    ):
        settings = load(server={"public_url": url})
        built = {kind: example(kind) for kind in kinds}
        assert components.notice(settings, built).page == page


def test_a_deployment_that_strangers_reach_is_told_what_its_notice_lacks() -> None:
    reached = {"public_url": "https://lapor.contohkab.go.id"}
    said = checks.unsaid(load(server=reached))
    assert [line.split(":")[0] for line in said] == ["privacy.controller", "privacy.contact"]
    whole = {"controller": "Diskominfo Kabupaten Contoh", "contact": "pdp@contohkab.go.id"}
    assert checks.unsaid(load(server=reached, privacy=whole)) == []
    assert checks.unsaid(load()) == []

"""Long polling, catching up after an outage, and the webhook through the double."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from adapters.contract import Forged, Inbound, Page, UnreadableItem
from adapters.telegram.channel import Telegram
from demo.telegram_double import BotServer
from tests.adapters.doubles import Door
from tests.adapters.examples import BOT_SECRET, PUBLIC_URL
from tests.adapters.telegram.updates import CITIZEN, GROUP, HOUR, NEIGHBOUR, hook, photo, telegram

# Long polling.


async def poll_all(channel: Telegram, cursor: str = "") -> tuple[list[Inbound], str]:
    found: list[Inbound] = []
    while True:
        page = await channel.poll(cursor)
        found += [said for said in page.items if isinstance(said, Inbound)]
        cursor = page.cursor
        if not page.more:
            return found, cursor


async def test_updates_come_once_and_are_forgotten_when_the_next_are_asked_for(
    server: BotServer, poller: Telegram
) -> None:
    for n in range(250):
        await server.say(CITIZEN, f"laporan {n}")
    first = await poller.poll("")
    assert (len(first.items), first.more) == (100, True)
    assert await poller.poll("") == first, "nothing is lost when the page could not be saved"
    found, cursor = await poll_all(poller, first.cursor)
    assert [said.text for said in found] == [f"laporan {n}" for n in range(100, 250)]
    assert await poller.poll(cursor) == Page((), cursor, False)
    assert server.waiting == []


@pytest.mark.parametrize("cursor", ["", "x", "-1", "١"])
async def test_a_cursor_that_is_no_update_id_begins_at_the_beginning(
    server: BotServer, poller: Telegram, cursor: str
) -> None:
    await server.say(CITIZEN, "satu")
    await server.say(CITIZEN, "dua")
    assert len((await poller.poll(cursor)).items) == 2


async def test_an_album_that_came_together_is_one_message(
    server: BotServer, poller: Telegram
) -> None:
    for n, more in enumerate(({}, {"caption": "jalan rusak di Tenggarong"}, {})):
        await server.say(CITIZEN, photo=photo(f"p{n}"), media_group_id="13579", **more)
        await server.say(NEIGHBOUR, f"lain {n}")
    page = await poller.poll("")
    album, *others = page.items
    assert isinstance(album, Inbound)
    assert album.text == "jalan rusak di Tenggarong"
    assert [file.url for file in album.files] == [
        f"telegram:p{n}-1280?unique=p{n}1280&size=150000" for n in range(3)
    ]
    assert len(others) == 3
    assert poller.reread(album.raw) == [album]
    await server.say(CITIZEN, photo=photo("p9"), media_group_id="13579")
    (late,) = (await poller.poll(page.cursor)).items
    assert isinstance(late, Inbound)
    assert set(late.thread) & set(album.thread), "a part that came late belongs to it"


async def test_in_a_group_the_words_of_one_part_address_the_whole_album(
    server: BotServer, poller: Telegram
) -> None:
    for more in ({"caption": "@lapor_bot lubang"}, {}):
        await server.say(CITIZEN, photo=photo("p"), media_group_id="1", group=GROUP, **more)
        await server.say(CITIZEN, photo=photo("q"), media_group_id="2", group=GROUP)
    (album,) = (await poller.poll("")).items
    assert isinstance(album, Inbound)
    assert (album.text, len(album.files)) == ("lubang", 2)


async def test_one_poisoned_update_is_kept_apart_and_the_others_go_on(
    server: BotServer, poller: Telegram
) -> None:
    await server.say(CITIZEN, "satu")
    await server.say(CITIZEN, "dua", date="besok")
    await server.say(CITIZEN, "tiga")
    page = await poller.poll("")
    first, bad, last = page.items
    assert isinstance(bad, UnreadableItem)
    assert json.loads(bad.raw)["message"]["text"] == "dua"
    assert [said.text for said in (first, last) if isinstance(said, Inbound)] == ["satu", "tiga"]
    assert (await poller.poll(page.cursor)).items == ()


async def test_a_webhook_in_the_way_of_polling_is_taken_down_and_nothing_with_it(
    server: BotServer, poller: Telegram
) -> None:
    await server.say(CITIZEN, "halo")
    server.webhook = {"url": "https://old.example", "max_connections": 40}
    assert len((await poller.poll("")).items) == 1
    assert server.webhook == {}


async def test_polling_asks_for_no_more_kinds_than_are_read(
    server: BotServer, poller: Telegram
) -> None:
    await poller.poll("")
    await server.bring(my_chat_member={"x": 1})
    await server.bring(message=server.message(CITIZEN, "halo"))
    assert len(server.waiting) == 1


def test_a_block_polls_or_is_called() -> None:
    assert telegram(mode="polling").polling
    assert not telegram().polling


# Catching up.


async def recovered(channel: Telegram, since: timedelta = HOUR) -> list[Inbound]:
    pages = channel.since(datetime.now(UTC) - since)
    return [said async for page in pages for said in page.items if isinstance(said, Inbound)]


def calls(server: BotServer, url: str = f"{PUBLIC_URL}/in/telegram") -> None:
    """Let the bot have a webhook that does not answer."""
    server.webhook = {"url": url, "max_connections": 12, "secret_token": BOT_SECRET}


async def failed(server: BotServer, count: int) -> None:
    """Let citizens write while our door is down."""
    hook_url, server.webhook["url"] = server.webhook["url"], "http://127.0.0.1:9"
    for n in range(count):
        assert await server.say(CITIZEN, f"laporan {n}") == 0
    server.webhook["url"] = hook_url


async def test_what_could_not_be_brought_is_fetched_and_the_webhook_stands_again(
    server: BotServer, bot: Telegram
) -> None:
    calls(server)
    await failed(server, 120)
    found = await recovered(bot)
    assert [said.text for said in found] == [f"laporan {n}" for n in range(120)]
    assert server.waiting == [], "Telegram does not bring them again"
    assert server.webhook["url"] == bot.hook_url
    assert server.webhook["secret_token"] == BOT_SECRET
    assert server.webhook["max_connections"] == "12"
    assert await recovered(bot) == []


async def test_what_is_fetched_has_the_identity_it_would_have_had_by_webhook(
    server: BotServer, bot: Telegram
) -> None:
    calls(server)
    await failed(server, 1)
    update = dict(server.waiting[0])
    (said,) = await recovered(bot)
    (again,) = bot.parse(hook(update))
    assert isinstance(again, Inbound)
    key = (again.channel, again.account, again.external_id, again.text)
    assert (said.channel, said.account, said.external_id, said.text) == key


async def test_a_missing_webhook_is_set_and_what_waited_is_fetched(
    server: BotServer, bot: Telegram
) -> None:
    await server.say(CITIZEN, "halo")
    assert [said.text for said in await recovered(bot)] == ["halo"]
    assert server.webhook["url"] == bot.hook_url
    assert json.loads(server.webhook["allowed_updates"]) == [
        "message", "edited_message", "callback_query"
    ]  # fmt: skip


async def test_after_a_death_in_between_the_next_call_puts_the_webhook_back(
    server: BotServer, bot: Telegram
) -> None:
    calls(server)
    await failed(server, 2)
    pages = bot.since(datetime.now(UTC) - HOUR)
    assert (await anext(pages)).items
    assert server.webhook == {}, "while it is away we fetch"
    await pages.aclose()
    assert server.webhook["url"] == bot.hook_url
    server.webhook = {}  # this time nobody was left to put it back
    assert len(await recovered(bot)) == 2
    assert server.webhook["url"] == bot.hook_url


@pytest.mark.parametrize("case", ["all is well", "an old failure", "a certificate", "polling"])
async def test_a_webhook_that_works_or_is_somebodys_own_is_left_alone(
    server: BotServer, bot: Telegram, poller: Telegram, case: str
) -> None:
    calls(server)
    if case != "all is well":
        await failed(server, 1)
    if case == "a certificate":
        info = server._webhook_info() | {"has_custom_certificate": True}
        server._webhook_info = lambda: info  # type: ignore[method-assign]
    before = dict(server.webhook)
    channel = poller if case == "polling" else bot
    since = -HOUR if case == "an old failure" else HOUR
    assert await recovered(channel, since) == []
    assert server.webhook == before


async def test_another_path_that_a_proxy_leads_to_us_is_kept(
    server: BotServer, bot: Telegram
) -> None:
    calls(server, "https://lapor.example/rahasia/tg")
    await failed(server, 1)
    assert len(await recovered(bot)) == 1
    assert server.webhook["url"] == "https://lapor.example/rahasia/tg"


# The hook itself, through the double.


async def test_what_telegram_brings_is_genuine_and_a_forger_is_not(
    server: BotServer, bot: Telegram
) -> None:
    async with Door((200, {}), (403, {})) as door:
        calls(server, f"{door.public_url}/in/telegram")
        assert await server.say(CITIZEN, "halo") == 200
        bot.verify(genuine := await door.take())
        assert isinstance(bot.parse(genuine)[0], Inbound)
        server.waiting.append({"update_id": 5, "message": server.message(CITIZEN, "palsu")})
        assert await server.deliver(forge=True) == 403
        with pytest.raises(Forged):
            bot.verify(await door.take())

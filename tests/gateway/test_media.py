"""The files of a report on their way: from mail or provider to where who may see them does."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from adapters.contract import MediaSource, Refused, Source, Unreachable
from gateway.access.recusal import NotYours
from gateway.access.roles import system
from gateway.broker.base import Broker, Later, ReceivedMessage
from gateway.broker.rabbit import Rabbit
from gateway.media import store_files as step
from gateway.media.access import NoFile, NotYet
from gateway.media.objects import ObjectsUnavailable
from gateway.media.store_files import MissingReport
from gateway.platform.seal import Seal
from gateway.queues.consumer import Consumer
from gateway.store.views import ReportFile
from gateway.wire import events as event
from gateway.wire.queues import DELIVERIES, MEDIA, QueuedMessage
from normalizer.message import Attachment, FileState
from tests.gateway.keeper import Keeper, keeping
from tests.gateway.making import LAMP, ROAD, House, Paper
from tests.gateway.pictures import HTML, MONAS, OWNER, PDF, photo

ANOTHER = "3578-dinas-perhubungan"


class Album(Paper, MediaSource):
    """A paper whose photos are kept by a provider that wants to know who asks."""

    url = ""
    fails: list[Exception]

    async def source(self, url: str) -> Source:
        if url == "expired":
            raise Refused("the link is too old")
        return Source(f"{self.url}/{url}", {"authorization": "Basic c2VjcmV0"}, trusted=True)


def photos(*contents: bytes) -> dict[str, Any]:
    """Attach files as a mail does: with their bytes."""
    return {"photos": [(f"foto{n}.jpg", b64encode(c).decode()) for n, c in enumerate(contents)]}


def links(*urls: str) -> dict[str, Any]:
    """Attach files as a messenger does: by name."""
    return {"links": [(f"foto{n}.jpg", url) for n, url in enumerate(urls)]}


def files(found: ReportFile) -> tuple[Attachment, ...]:
    return found.report.attachments


def states(found: ReportFile) -> list[tuple[str, str | None]]:
    return [(file.state.value, file.note and file.note.value) for file in files(found)]


async def tried(house: House, attempts: int = 0) -> Mapping[str, Exception]:
    """Work on all that waits as a consumer would at its n-th attempt; failures stay leased."""
    batch = await house.leased(MEDIA, lease=-1)
    failed = await house.media([ReceivedMessage(d.message, attempts, d.receipt) for d in batch])
    done = [d.receipt for d in batch if d.message.id not in failed]
    await house.store.queue.settle(done)  # type: ignore[arg-type]
    return failed


@pytest.fixture
async def album(lite: House) -> AsyncIterator[Keeper]:
    """A house whose channel keeps its files at a provider."""
    async with keeping() as keeper:
        lite.paper = Album()
        lite.paper.url = keeper.url
        lite.channels["paper"] = lite.paper
        yield keeper


# From mail


async def test_a_photo_of_a_mail_is_kept_without_its_notes(house: House) -> None:
    taken = photo()
    before = await house.report(ROAD, **photos(taken))
    assert states(before) == [("pending", None)]
    assert await house.work(MEDIA, house.media) == {}
    after = await house.file(before.report.tracking)
    (file,) = files(after)
    assert (file.state, file.note, file.url) == (FileState.STORED, None, None)
    content = await house.attachments.get(str(file.sha256))
    assert content is not None
    assert OWNER.encode() not in content
    assert (file.size, file.sha256) == (len(content), sha256(content).hexdigest())
    assert after.report.coordinates is None
    assert after.events[-1].kind == "files_stored"
    assert await house.counted("files", "length(content) > 0") == 0
    assert (await house.store.events.audit())[1] == []


async def test_doing_it_twice_changes_nothing(house: House) -> None:
    await house.report(ROAD, **photos(photo(), PDF))
    batch = await house.leased(MEDIA)
    assert await house.media(batch) == {}
    once = await house.newest()
    assert await house.media(batch) == {}
    assert await house.media([batch[0], batch[0]]) == {}
    assert await house.newest() == once


async def test_a_crash_between_keeping_and_saying_so_changes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.report(ROAD, **photos(photo()))
    batch = await house.leased(MEDIA)

    async def killed(*_: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(house.media, "_record", killed)
        with pytest.raises(asyncio.CancelledError):
            await house.media(batch)
    assert states(await house.newest()) == [("pending", None)]
    assert await house.media(batch) == {}
    assert states(await house.newest()) == [("stored", None)]
    assert len([e for e in (await house.newest()).events if e.kind == "files_stored"]) == 1


async def test_the_same_file_in_two_reports_is_stored_for_both(house: House) -> None:
    """The second comes when the bytes of the first have left the database already."""
    taken = photo()
    await house.report(ROAD, **photos(taken))
    await house.work(MEDIA, house.media)
    first = files(await house.newest())[0]
    await house.report(LAMP, **photos(taken))
    await house.work(MEDIA, house.media)
    second = files(await house.newest())[0]
    assert first.sha256 == second.sha256
    assert second.state is FileState.STORED


async def test_of_a_follow_up_the_files_are_stored_too(house: House) -> None:
    first = await house.report(ROAD, **photos(photo()))
    await house.work(MEDIA, house.media)
    more = photos(photo("PNG"))
    await house.say("ini fotonya dari dekat", thread=[first.report.origin.external_id], **more)
    assert [s for s, _ in states(await house.newest())] == ["stored", "pending"]
    await house.work(MEDIA, house.media)
    after = await house.newest()
    assert [s for s, _ in states(after)] == ["stored", "stored"]
    assert [f.media_type for f in files(after)] == ["image/jpeg", "image/png"]


async def test_what_cannot_be_made_harmless_is_quarantined_whole(lite: House) -> None:
    await lite.report(ROAD, **photos(HTML, photo()[:300]))
    await lite.work(MEDIA, lite.media)
    found = await lite.newest()
    assert states(found) == [("quarantined", "unknown_kind"), ("quarantined", "broken")]
    assert await lite.attachments.get(str(files(found)[0].sha256)) == HTML


async def test_too_many_and_too_large_are_refused_and_stay_in_the_database(lite: House) -> None:
    lite.media = lite.another(media={"max_files": 2, "max_bytes": 1024}).store_files
    await lite.report(ROAD, **photos(PDF, photo(size=(400, 400)), b"a" * 99))
    await lite.work(MEDIA, lite.media)
    found = await lite.newest()
    assert states(found) == [("stored", None), ("refused", "too_large"), ("refused", "too_many")]
    assert await lite.counted("files", "length(content) > 0") == 2


@pytest.mark.parametrize("consent", [True, False])
async def test_a_photo_says_where_only_with_consent(lite: House, consent: bool) -> None:
    lite.media = lite.another(media={"gps_from_photos": consent}).store_files
    await lite.report(ROAD, **photos(photo()))
    await lite.work(MEDIA, lite.media)
    found = (await lite.newest()).report.coordinates
    assert (found is not None) is consent
    if found:
        assert (found.latitude, found.longitude) == pytest.approx(MONAS, abs=1e-6)


async def test_the_original_is_kept_only_where_that_is_wanted(lite: House) -> None:
    lite.media = lite.another(media={"keep_original": True}).store_files
    taken = photo()
    found = await lite.report(ROAD, **photos(taken))
    await lite.work(MEDIA, lite.media)
    (file,) = files(await lite.newest())
    assert file.original == sha256(taken).hexdigest()
    shown = await lite.files.for_operator(found.report.id, file.original, actor=system("ani"))
    assert (shown.content, shown.inline, shown.media_type) == (
        taken,
        False,
        "application/octet-stream",
    )
    assert found.report.assignment
    agency = found.report.assignment.agency
    assert agency
    with pytest.raises(NoFile):
        await lite.files.for_agency(agency.id, found.report.tracking, file.original)
    (told,) = [e for e in await _told(lite, agency.id) if e.type == event.FILES_READY]
    assert event.report_in(told).attachments[0].original is None


# From a provider


async def test_a_photo_is_fetched_as_its_channel_says(lite: House, album: Keeper) -> None:
    album.kept["/one"] = photo()
    await lite.report(ROAD, **links("one"))
    assert await lite.work(MEDIA, lite.media) == {}
    assert states(await lite.newest()) == [("stored", None)]
    assert album.asked[0].headers["authorization"] == "Basic c2VjcmV0"


async def test_another_channel_is_not_believed_where_its_files_are(lite: House) -> None:
    async with keeping() as inner:
        await lite.report(ROAD, **links(f"{inner.url}/secret"))
        assert await lite.work(MEDIA, lite.media) == {}
        assert states(await lite.newest()) == [("refused", "not_public")]
        assert not inner.asked


@pytest.mark.parametrize("url", ["nowhere", "expired"])
async def test_what_is_gone_is_said_so_and_its_neighbour_is_kept(
    lite: House, album: Keeper, url: str
) -> None:
    album.kept["/one"] = photo()
    await lite.report(ROAD, **links(url, "one"))
    assert await lite.work(MEDIA, lite.media) == {}
    assert states(await lite.newest()) == [("gone", "missing"), ("stored", None)]


async def test_a_provider_that_fails_is_tried_again_and_then_given_up(
    lite: House, album: Keeper
) -> None:
    """What the others sent is kept at once; a replay of the dead letter fetches the rest."""
    album.kept |= {"/one": photo(), "/two": web.Response(status=503)}
    await lite.report(ROAD, **links("two", "one"))
    (error,) = (await tried(lite)).values()
    assert isinstance(error, Unreachable)
    assert states(await lite.newest()) == [("pending", None), ("stored", None)]
    (error,) = (await tried(lite, attempts=2)).values()
    assert isinstance(error, Unreachable)
    assert states(await lite.newest()) == [("gone", "unreachable"), ("stored", None)]
    seen = len((await lite.newest()).events)
    (error,) = (await tried(lite, attempts=2)).values()
    assert isinstance(error, Unreachable)
    assert len((await lite.newest()).events) == seen
    album.kept["/two"] = photo("PNG")
    assert await tried(lite) == {}
    assert states(await lite.newest()) == [("stored", None), ("stored", None)]


async def test_slow_files_are_taken_up_again_without_an_attempt_counted(
    lite: House, album: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    album.kept["/one"] = photo()
    await lite.report(ROAD, **links("one"))
    with monkeypatch.context() as patch:
        patch.setattr(step, "BUDGET", -1.0)
        (error,) = (await tried(lite, attempts=2)).values()
    assert isinstance(error, Later)
    assert states(await lite.newest()) == [("pending", None)]
    assert await tried(lite, attempts=2) == {}


async def test_a_file_that_always_fails_does_not_keep_the_message_coming(
    lite: House, album: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    album.kept["/bad"] = web.Response(status=503)
    await lite.report(ROAD, **links("bad"))
    await tried(lite, attempts=2)
    assert states(await lite.newest()) == [("gone", "unreachable")]
    for _ in range(2):
        (error,) = (await tried(lite, attempts=2)).values()
        assert isinstance(error, Unreachable)


async def test_while_our_own_store_is_away_nobodys_file_is_given_up(
    lite: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lite.report(ROAD, **photos(photo()))

    async def away(_: bytes) -> str:
        raise ObjectsUnavailable("no space")

    with monkeypatch.context() as patch:
        patch.setattr(lite.attachments, "put", away)
        (error,) = (await tried(lite, attempts=2)).values()
    assert isinstance(error, Later)
    assert states(await lite.newest()) == [("pending", None)]
    assert await tried(lite, attempts=2) == {}


async def test_a_message_about_nothing_fails_alone(lite: House) -> None:
    await lite.report(ROAD, **photos(photo()))
    (good,) = await lite.leased(MEDIA)
    body = event.compose(event.FILES, "x", json.dumps({"report": "no"}), at=lite.clock())
    failed = await lite.media([ReceivedMessage(QueuedMessage(MEDIA, "x", body), 0, None), good])
    assert [type(error) for error in failed.values()] == [MissingReport]
    assert states(await lite.newest()) == [("stored", None)]
    for data in ('"x"', "{}", '{"report": 1}'):
        body = event.compose(event.FILES, "x", data, at=lite.clock())
        with pytest.raises(event.BadEvent):
            await lite.media([ReceivedMessage(QueuedMessage(MEDIA, "x", body), 0, None)])


@pytest.mark.parametrize("kind", ["embedded", "rabbit"])
async def test_a_consumer_brings_files_home_on_either_broker(
    lite: House, kind: str, request: pytest.FixtureRequest
) -> None:
    """Through retry and dead letter: the first answer of the provider is 503."""
    broker: Broker = lite.broker
    if kind == "rabbit":
        broker = Rabbit(request.getfixturevalue("rabbit_url"), retry_after=[0.1], timeout=10)
    await broker.start()
    async with keeping() as keeper:
        busy = [web.Response(status=503)]

        async def once(_: web.Request) -> web.Response:
            return busy.pop() if busy else web.Response(body=photo())

        keeper.kept["/one"] = once
        lite.paper = Album()
        lite.paper.url = keeper.url
        lite.channels["paper"] = lite.paper
        await lite.report(ROAD, **links("one"))
        if kind == "rabbit":
            waiting = await lite.leased(MEDIA)
            assert await broker.publish([d.message for d in waiting]) == {}
        work = Consumer(broker, MEDIA, lite.media, prefetch=5, batch=5, retry_after=[0.1])
        task = asyncio.create_task(work.run())
        async with asyncio.timeout(40):
            while states(await lite.newest()) != [("stored", None)]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert len(keeper.asked) == 2
    if kind == "rabbit":
        await broker.close()


# Who gets to know, and to see


async def _told(house: House, agency: str) -> list[event.Event]:
    await house.work(DELIVERIES, house.deliver)
    return [event.read(message.body) for message in await house.for_agency(agency)]


async def test_the_agency_is_told_once_the_files_can_be_fetched(house: House) -> None:
    found = await house.report(ROAD, **photos(photo(), HTML))
    assert found.report.assignment
    agency = found.report.assignment.agency
    assert agency
    await house.work(MEDIA, house.media)
    events = await _told(house, agency.id)
    assert [each.type for each in events] == [event.ASSIGNED, event.FILES_READY]
    first, second = (event.report_in(each).attachments for each in events)
    assert {file.state for file in first} == {FileState.PENDING}
    assert [file.state.value for file in second] == ["stored", "quarantined"]
    assert second == files(await house.newest())
    shown = await house.files.for_agency(agency.id, found.report.tracking, str(second[0].sha256))
    assert (shown.name, shown.media_type, shown.inline) == ("foto0.jpg", "image/jpeg", True)
    with pytest.raises(NoFile):
        await house.files.for_agency(agency.id, found.report.tracking, str(second[1].sha256))


async def test_files_of_a_report_nobody_has_yet_are_told_to_nobody(lite: House) -> None:
    await lite.report("halo pak tolong", **photos(photo()))
    await lite.work(MEDIA, lite.media)
    assert states(await lite.newest()) == [("stored", None)]
    assert await lite.counted("deliveries") == 0


async def test_only_the_agencies_a_report_is_with_see_its_files(lite: House) -> None:
    found = await lite.report(ROAD, **photos(photo()))
    await lite.work(MEDIA, lite.media)
    digest = str(files(await lite.newest())[0].sha256)
    for agency, number in ((ANOTHER, found.report.tracking), (ANOTHER, "482109375514"), ("", "")):
        with pytest.raises(NotYours):
            await lite.files.for_agency(agency, number, digest)


async def test_an_operator_sees_all_and_is_noted(lite: House) -> None:
    found = await lite.report(ROAD, **photos(photo(), HTML))
    await lite.work(MEDIA, lite.media)
    good, bad = files(await lite.newest())
    with capture_logs() as logs:
        shown = await lite.files.for_operator(
            found.report.id, str(good.sha256), actor=system("ani")
        )
    assert shown.inline
    assert [(each["by"], each["report_id"]) for each in logs] == [("ani", found.report.id)]
    shown = await lite.files.for_operator(found.report.id, str(bad.sha256), actor=system("ani"))
    assert (shown.name, shown.media_type, shown.inline) == (
        "foto1.jpg.bin",
        "application/octet-stream",
        False,
    )
    for id, digest in ((found.report.id, "0" * 64), ("nope", str(good.sha256))):
        with pytest.raises(NoFile):
            await lite.files.for_operator(id, digest, actor=system("ani"))


async def test_a_lost_key_or_store_is_said_so(lite: House, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await lite.report(ROAD, **photos(photo()))
    await lite.work(MEDIA, lite.media)
    digest = str(files(await lite.newest())[0].sha256)

    async def away(_: str) -> bytes:
        raise ObjectsUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(lite.attachments, "get", away)
        with pytest.raises(NotYet):
            await lite.files.for_operator(found.report.id, digest, actor=system("ani"))
    monkeypatch.setattr(lite.attachments, "_seal", Seal([b"x" * 32]))
    with pytest.raises(NoFile):
        await lite.files.for_operator(found.report.id, digest, actor=system("ani"))

"""``kanal explain`` as a stream: answers come in order, each as soon as it can be given."""

import asyncio
import codecs
import io
import json
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.operations import explain
from tests.gateway.processes import surroundings

LAMP = "Lampu jalan mati di depan Pasar Palagan Pangkalan Bun Kotawaringin Barat"
ROAD = "Jalan rusak parah dan berlubang, Kecamatan Wonocolo, Kota Surabaya"


@given(st.lists(st.binary(max_size=20)), st.integers(1, 30), st.integers(1, 5))
def test_lines_come_whole_and_in_order_however_they_are_cut(
    pieces: list[bytes], chunk: int, batch: int
) -> None:
    sent = b"\n".join(pieces)
    assume(not sent.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explain, "_CHUNK", chunk)
        patch.setattr(explain, "_BATCH", batch)
        batches = [*explain._batches(io.BytesIO(sent))]
    assert all(1 <= len(lines) <= batch for lines in batches)
    assert b"\n".join(line for lines in batches for line in lines) == sent.removesuffix(b"\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
def test_a_byte_order_mark_is_no_part_of_the_first_line(encoding: str, chunk: int) -> None:
    said = '{"text": "Jalan é 😀"}'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explain, "_CHUNK", chunk)
        batches = [*explain._batches(io.BytesIO(f"{said}\n{said}\n".encode(encoding)))]
    assert [line.decode() for lines in batches for line in lines] == [said, said]


async def test_an_answer_comes_before_the_next_line_is_sent(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "explain", "-"),
        cwd=tmp_path, env=surroundings(None), stdin=PIPE, stdout=PIPE,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    async with asyncio.timeout(120):
        for text, agency in (
            (LAMP, "6201-dinas-perhubungan"),
            (ROAD, "3578-dinas-pu"),
        ):
            process.stdin.write(json.dumps({"text": text}).encode() + b"\n")
            answer = json.loads(await process.stdout.readline())
            assert answer["agency"]["id"] == agency
        process.stdin.close()
        assert await process.wait() == 0

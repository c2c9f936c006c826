"""Frames: four bytes of length, big-endian, and never more than the venue's longest."""

import asyncio

import pytest

from fxgpt_core.brokers.ctrader.framing import LONGEST, framed, read_frame
from fxgpt_core.errors import SourceAnswerError


def _read(data: bytes, frames: int = 1) -> list[bytes]:
    async def play() -> list[bytes]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return [await read_frame(reader) for _ in range(frames)]

    return asyncio.run(play())


def test_the_length_is_big_endian():
    assert framed(b"abc") == b"\x00\x00\x00\x03abc"
    assert framed(b"x" * 258)[:4] == b"\x00\x00\x01\x02"


def test_frames_follow_each_other_an_empty_one_too():
    assert _read(framed(b"one") + framed(b"") + framed(b"two"), 3) == [b"one", b"", b"two"]


def test_the_longest_frame_passes_and_one_byte_more_does_not():
    assert len(_read(framed(bytes(LONGEST)))[0]) == 15_000_000
    with pytest.raises(SourceAnswerError, match="15000001 bytes; at most 15000000"):
        framed(bytes(LONGEST + 1))
    with pytest.raises(SourceAnswerError, match="4294967295 bytes"):
        _read(b"\xff\xff\xff\xff" + b"x" * 10)


@pytest.mark.parametrize("cut", [1, 3, 4, 6])
def test_a_frame_that_ends_early_is_not_taken(cut):
    with pytest.raises(asyncio.IncompleteReadError, match="bytes read on a total of"):
        _read(framed(b"abc")[:cut])

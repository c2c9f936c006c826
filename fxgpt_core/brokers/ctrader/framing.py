"""Frames on the wire: four bytes of length, big-endian, then that many bytes. The same for both sides."""

import asyncio
import contextlib

from fxgpt_core.errors import SourceAnswerError

LENGTH_BYTES = 4
LONGEST = 15_000_000
"""What the venue's own client accepts as the longest frame, in bytes."""


def framed(payload: bytes) -> bytes:
    """A payload with its length before it. Raises `SourceAnswerError` for one longer than `LONGEST`."""
    return _checked(len(payload)).to_bytes(LENGTH_BYTES, "big") + payload


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """The next payload.

    Raises `SourceAnswerError` for a length beyond `LONGEST` (nothing of the frame is read then) and
    `asyncio.IncompleteReadError` where the stream ends, also in the middle of a frame.
    """
    length = _checked(int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big"))
    return await reader.readexactly(length)


def _checked(length: int) -> int:
    if length > LONGEST:
        raise SourceAnswerError(
            f"a frame of {length} bytes; at most {LONGEST} are allowed; the other side speaks another protocol"
        )
    return length


def abort(writer: asyncio.StreamWriter) -> None:
    """End a connection at once, without waiting for what was not sent; one that is over stays over."""
    # The TLS transport of an ended connection has let go of its protocol; not every patch release of 3.11 minds that itself.
    with contextlib.suppress(AttributeError):
        writer.transport.abort()

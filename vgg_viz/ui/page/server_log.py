"""Bounds of the server's log, which no viewer can fill: bytes of a message and of a minute."""

import logging
import sys
import threading
from collections.abc import Callable
from functools import wraps
from time import monotonic
from typing import Any

MESSAGE_BYTES = 4_000
MINUTE_BYTES = 40_000  # 58 MB a day
FULL = "Too much for the log: further messages of this minute are left out."

_log = logging.getLogger(__name__)
_emit = logging.StreamHandler.emit


class Budget:
    """Bytes that may still be written in this minute; thread-safe."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._end = clock()
        self._left = 0

    def admitted(self, text: str) -> str:
        """Return a message, shortened; `FULL` for the first one without room, "" for the others."""
        text = shortened(text)
        with self._lock:
            if self._clock() >= self._end:
                self._end, self._left = self._clock() + 60, MINUTE_BYTES
            if self._left <= 0:
                return ""
            self._left -= len(text.encode(errors="replace"))
            return text if self._left > 0 else FULL


def shortened(text: str) -> str:
    """Return a text of at most `MESSAGE_BYTES`, of a longer one the begin and the end.

    >>> shortened("a" * 3000 + "b" * 3000) == "a" * 1980 + " … 2,040 bytes … " + "b" * 1980
    True
    """
    data, half = text.encode(errors="backslashreplace"), MESSAGE_BYTES // 2 - 20
    if len(data) <= MESSAGE_BYTES:
        return text
    begin, end = (part.decode(errors="ignore") for part in (data[:half], data[-half:]))
    return f"{begin} … {len(data) - 2 * half:,} bytes … {end}"


_budget = Budget()


def prepare() -> None:
    """Bound what all handlers together write to the standard error, and threads that fail."""
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _log_failure
    logging.StreamHandler.emit = _emit_bounded  # type: ignore[assignment, method-assign]


def _log_failure(failure: threading.ExceptHookArgs) -> None:
    """Log the error that ended a thread, which Python would write as it is."""
    if failure.exc_type is not SystemExit and failure.exc_value:
        _log.error("A thread failed.", exc_info=failure.exc_value)


@wraps(_emit)
def _emit_bounded(handler: logging.StreamHandler[Any], record: logging.LogRecord) -> None:
    # Streamlit has a handler for each logger, and makes new ones at any time.
    if handler.stream is not sys.stderr:
        _emit(handler, record)
        return
    try:
        if text := _budget.admitted(handler.format(record)):
            handler.stream.write(f"{text}{handler.terminator}")
            handler.flush()
    except Exception:
        handler.handleError(record)

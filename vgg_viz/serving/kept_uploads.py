"""Viewers' uploads, kept for a while after their tab was left: a reload begins a new session.

A viewer's uploads are found by a secret token, which their tab alone has. While the session lives,
it holds the same objects, so that keeping them takes no memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import RLock
from time import monotonic

MOST_BYTES = 32 * 10**6  # of all viewers together; one viewer's take 8 MB at most
BYTES_EACH = 1_000  # of a viewer's token and names, beside the uploads
HOURS = 2  # after a viewer's last action


@dataclass(frozen=True)
class Uploads:
    """One viewer's uploads by name, and the time of the viewer's last action."""

    used_at: float
    by_name: Mapping[str, object]
    size: int


class KeptUploads:
    """Uploads by token, bounded in bytes and time; thread-safe. The least recent ones go first."""

    def __init__(self, max_bytes: int = MOST_BYTES, clock: Callable[[], float] = monotonic) -> None:
        """Keep nothing yet; the clock returns seconds."""
        self.max_bytes = max_bytes
        self._clock = clock
        self._by_token: dict[str, Uploads] = {}  # least recently used first
        self._lock = RLock()

    @property
    def used_bytes(self) -> int:
        """Size of all kept uploads."""
        with self._lock:
            return sum(one.size for one in self._by_token.values())

    def keep(self, token: str, name: str, upload: object) -> None:
        """Keep an upload, in place of the token's earlier one of this name."""
        # Not at the top: it imports NumPy, for which the first page would wait.
        from vgg_viz.serving.cache import byte_count

        with self._lock:
            before = self._by_token.pop(token, None)
            by_name = {**(before.by_name if before else {}), name: upload}
            size = byte_count(by_name) + BYTES_EACH
            self._by_token[token] = Uploads(self._clock(), by_name, size)
            self.shrink_to(self.max_bytes)

    def find(self, token: str) -> Mapping[str, object]:
        """Return the uploads of a token by name, and note that its viewer is there."""
        with self._lock:
            if token not in self._by_token:
                return {}
            found = self._by_token.pop(token)
            self._by_token[token] = Uploads(self._clock(), found.by_name, found.size)
            return found.by_name

    def expire(self) -> None:
        """Drop the uploads of viewers whose last action was too long ago."""
        with self._lock:
            earliest = self._clock() - 3600 * HOURS
            while self._by_token and next(iter(self._by_token.values())).used_at < earliest:
                self._drop_first()

    def shrink_to(self, max_bytes: int) -> None:
        """Drop uploads, least recently used first, until the others take at most ``max_bytes``."""
        with self._lock:
            while self._by_token and self.used_bytes > max_bytes:
                self._drop_first()

    def _drop_first(self) -> None:
        del self._by_token[next(iter(self._by_token))]

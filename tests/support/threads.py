"""Threads that wait for each other, one step at a time."""

from threading import Event, Semaphore, local

PATIENCE_SECONDS = 20  # how long a broken cache may keep a test waiting


class SupersededError(Exception):
    """What Streamlit's own calls raise in a run that a newer one has superseded."""


class Queue:
    """A ``pause`` that reports each thread that waits, once, and ends waits without end."""

    def __init__(self):
        self.joined = Semaphore(0)
        self._thread = local()

    def __call__(self):
        pauses = self._thread.__dict__.setdefault("pauses", 0)
        if pauses == 0:
            self.joined.release()
        if pauses > 400:
            raise AssertionError("waited without end")
        self._thread.pauses = pauses + 1

    def wait_for(self, count):
        for _ in range(count):
            assert self.joined.acquire(timeout=PATIENCE_SECONDS), "nobody waits"


class Computation:
    """A value whose making starts, and ends when it is told to."""

    def __init__(self, outcome):
        self.started, self.allowed = Event(), Event()
        self.runs = 0
        self._outcome = outcome

    def __call__(self):
        self.runs += 1
        self.started.set()
        if not self.allowed.wait(PATIENCE_SECONDS):
            self.allowed.set()  # a test that has failed already need not wait again and again
            raise AssertionError("never allowed to end")
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


def never_pause():
    raise AssertionError("nobody else computes: expected no wait")


def leave():
    raise SupersededError

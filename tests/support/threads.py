"""Helpers for tests with threads that wait for each other."""

from threading import Event, Semaphore, local

PATIENCE_SECONDS = 20  # after which a waiting test fails


class SupersededError(Exception):
    """Raised in place of Streamlit's own exception, which ends a superseded run."""


class Queue:
    """A ``pause`` that reports each waiting thread once, and fails after too long a wait."""

    def __init__(self):
        self.joined = Semaphore(0)
        self._thread = local()

    def __call__(self):
        pauses = self._thread.__dict__.setdefault("pauses", 0)
        if pauses == 0:
            self.joined.release()
        if pauses > 1000:
            raise AssertionError("expected a shorter wait")
        self._thread.pauses = pauses + 1

    def wait_for(self, count):
        for _ in range(count):
            assert self.joined.acquire(timeout=PATIENCE_SECONDS), "expected a waiting thread"


class Computation:
    """A computation that reports its start and ends when allowed."""

    def __init__(self, outcome):
        self.started, self.allowed = Event(), Event()
        self.runs = 0
        self._outcome = outcome

    def __call__(self):
        self.runs += 1
        self.started.set()
        if not self.allowed.wait(PATIENCE_SECONDS):
            self.allowed.set()  # the test has failed; do not wait again
            raise AssertionError("expected to be allowed to end")
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


def wait_for(condition):
    for _ in range(600 * PATIENCE_SECONDS):
        if condition():
            return
        Event().wait(0.005)
    raise AssertionError("expected the condition within a minute")


def never_pause():
    raise AssertionError("expected no wait")


def leave():
    raise SupersededError

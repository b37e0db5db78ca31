"""Uploads kept for a reload: by token, and bounded in bytes and time."""

import pytest

from vgg_viz.serving.kept_uploads import BYTES_EACH, HOURS, KeptUploads


class Clock:
    """A clock that stands still until it is set."""

    hours = 0.0

    def __call__(self):
        return 3600 * self.hours


@pytest.fixture
def clock():
    return Clock()


def kept_with(clock, room=10):
    """Return what keeps uploads of ``room`` viewers, each of 500 bytes."""
    return KeptUploads(room * (BYTES_EACH + 500), clock)


def test_uploads_are_found_by_their_own_token_alone(clock):
    kept = kept_with(clock)
    kept.keep("a", "picture", b"red")
    kept.keep("b", "picture", b"blue")
    kept.keep("a", "tour", b"steps")
    assert kept.find("a") == {"picture": b"red", "tour": b"steps"}
    assert kept.find("b") == {"picture": b"blue"}
    assert kept.find("") == kept.find("c") == {}
    kept.keep("a", "picture", None)
    assert kept.find("a") == {"picture": None, "tour": b"steps"}


def test_uploads_end_some_hours_after_the_last_action(clock):
    kept = kept_with(clock)
    kept.keep("left", "picture", b"red")
    kept.keep("there", "picture", b"blue")
    clock.hours = HOURS - 0.1
    kept.find("there")
    clock.hours = HOURS + 0.1
    kept.expire()
    assert kept.find("left") == {}
    assert kept.find("there") == {"picture": b"blue"}


def test_the_least_recent_go_first_when_there_is_no_room(clock):
    kept = kept_with(clock, room=3)
    for token in "abc":
        kept.keep(token, "picture", bytes(500))
    kept.find("a")
    kept.keep("d", "picture", bytes(500))
    assert [bool(kept.find(token)) for token in "abcd"] == [True, False, True, True]
    assert kept.used_bytes == kept.max_bytes
    kept.shrink_to(kept.used_bytes // 2)
    assert [bool(kept.find(token)) for token in "acd"] == [False, False, True]
    kept.keep("large", "picture", bytes(5_000))
    assert kept.used_bytes == 0


def test_viewers_without_uploads_count_too(clock):
    kept = kept_with(clock)
    for number in range(1_000):
        kept.keep(f"{number}", "picture", None)
    assert kept.used_bytes <= kept.max_bytes

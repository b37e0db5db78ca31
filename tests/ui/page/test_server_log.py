"""Bounds of what the server's log takes."""

import io
import logging
import threading

import pytest
from streamlit.logger import get_logger

from vgg_viz.ui.page import process, server_log
from vgg_viz.ui.page.server_log import FULL, MESSAGE_BYTES, MINUTE_BYTES, Budget, shortened


@pytest.fixture(autouse=True)
def whole_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    process.prepare()
    monkeypatch.setattr(server_log, "_budget", Budget())


def logger_of_app():
    """Return a logger that only Python's last resort handles, as the app's and asyncio's."""
    logger = logging.Logger("vgg_viz.anything")
    logger.parent = None
    return logger


@pytest.mark.parametrize("logger", [logger_of_app, lambda: get_logger("streamlit.new_module")])
def test_a_message_and_its_traceback_are_bounded(capsys, logger):
    try:
        raise KeyError("é" * 100_000)
    except KeyError:
        logger().exception("Could not show %s", "x" * 100_000)
    text = capsys.readouterr().err
    assert MESSAGE_BYTES - 100 < len(text.encode()) <= MESSAGE_BYTES + 1
    assert "Could not show xxx" in text
    assert text.endswith("éé'\n")


def test_a_minute_is_bounded_and_the_next_has_room(monkeypatch):
    seconds = [0.0]
    budget = Budget(lambda: seconds[0])
    messages = [budget.admitted(f"{number} " + "x" * 3000) for number in range(100)]
    said = [message for message in messages if message]
    assert 0.9 * MINUTE_BYTES < sum(map(len, said)) <= MINUTE_BYTES + len(FULL)
    assert said == [*messages[: len(said) - 1], FULL]
    seconds[0] = 59.9
    assert budget.admitted("late") == ""
    seconds[0] = 60.0
    assert budget.admitted("later") == "later"


def test_a_flood_from_several_loggers_has_one_bound(capsys):
    for number in range(100):
        get_logger(f"streamlit.flood_{number % 3}").warning("x" * 3000)
        logger_of_app().error("y" * 3000)
    text = capsys.readouterr().err
    assert len(text) <= MINUTE_BYTES + len(FULL) + 100
    assert text.endswith(f"{FULL}\n")


def test_the_error_that_ends_a_thread_is_bounded(capsys, monkeypatch):
    def fail():
        raise KeyError("x" * 100_000)

    monkeypatch.setattr(server_log, "_log", logger_of_app())
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    server_log.prepare()
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    text = capsys.readouterr().err
    assert text.startswith("A thread failed.\nTraceback")
    assert len(text) <= MESSAGE_BYTES + 1


def test_other_streams_get_everything():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.handle(logging.makeLogRecord({"msg": "x" * 100_000}))
    assert stream.getvalue() == "x" * 100_000 + "\n"


@pytest.mark.parametrize("length", [MESSAGE_BYTES, MESSAGE_BYTES + 1, 100_000])
@pytest.mark.parametrize("letter", ["a", "é", "\U0001f431", "\udcff"])
def test_texts_in_any_letters_are_shortened_to_the_bound(letter, length):
    text = letter * (length // len(letter.encode(errors="backslashreplace")))
    assert len(shortened(text).encode(errors="backslashreplace")) <= MESSAGE_BYTES

"""Values that none of the page's widgets has, as anyone can send them over the WebSocket."""

import re
from collections.abc import Iterable, Iterator

from google.protobuf.message import Message
from streamlit.proto.WidgetStates_pb2 import WidgetState

from tests.load.widgets import TRIGGER_PREFIX, TRIGGER_SUFFIX

NAN, INFINITE = float("nan"), float("inf")
FILE = {"file_id": "unknown", "name": "../../etc/passwd.png", "size": 2**62}
CLICKS = (
    *("NaN", "-1e999", "null", "true", "[]", "{}", '"x"', "-1", "1.5", "9" * 40),
    *('{"row": NaN, "column": 1}', '{"row": 1e999, "column": "x"}', '{"row": -1, "column": 0}'),
    *('{"step": NaN}', '{"step": {}}', '{"step": -1}', '{"clear": []}', '{"row": [[]]}'),
)
JSON = ("", "{", "null", '"x"', "[" * 5_000, "9" * 5_000, '{"picked": NaN, "unknown": [1e999]}')
EVENTS = '[{"event": [], "value": 1}, 5, null, {"value": 1}, {"event": "unknown"}, {"event": NaN}]'
# By what is wrong.
FORGED: dict[str, list[dict]] = {
    "no value": [{}],
    "a Boolean": [{"bool_value": False}, {"trigger_value": False}],
    "all buttons at once": [{"trigger_value": True}, {"bool_value": True}],
    "unknown options": [
        *({"string_value": text} for text in ("no such option", "\0\u202e🐱", "1" * 10_000)),
        *({"string_array_value": {"data": data}} for data in (["no such option"], [""] * 1_000)),
    ],
    "no options": [{"string_value": ""}, {"string_array_value": {}}],
    "numbers out of range": [
        *({"double_array_value": {"data": data}} for data in ([], [1, 2, 3], [2.5], [-5], [1e300])),
        *({"int_value": number} for number in (-(2**62), 0, 2**62)),
        *({"double_value": number} for number in (1.5, -1e300)),
        {"int_array_value": {"data": [1]}},
    ],
    "no numbers": [
        *({"double_value": number} for number in (NAN, INFINITE)),
        *({"double_array_value": {"data": [number]}} for number in (NAN, INFINITE)),
    ],
    "malformed JSON": [{"json_value": text} for text in JSON],
    "malformed events": [{"json_trigger_value": text} for text in (*JSON, EVENTS)],
    "clicks beside everything": [
        {"json_trigger_value": f'[{{"event": "picked", "value": {value}}}]'} for value in CLICKS
    ],
    "unknown files": [{"file_uploader_state_value": {"uploaded_file_info": [FILE]}}],
    "other kinds": [
        {"bytes_value": b"\xff\0"},
        {"arrow_value": {}},
        {"chat_input_value": {"data": "x"}},
        {"string_trigger_value": {"data": "x"}},
    ],
}
# Some widgets have these values: a switch that is off, an empty field.
POSSIBLE = {"no value", "a Boolean", "all buttons at once", "no options"}


def ids_in(message: Message) -> Iterator[str]:
    """Yield the ids of all widgets that a message of the server puts on the page."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE and not field.message_type.GetOptions().map_entry:
            for one in value if field.is_repeated else [value]:
                yield from ids_in(one)
        elif isinstance(value, str) and value.startswith("$$ID-"):
            yield value


def key_of(widget_id: str) -> str:
    """Return the key that the app gave a widget, without the number of its edition."""
    return re.sub(r"^\$\$ID-[0-9a-f]+-|@[0-9]+$", "", widget_id)


def states(ids: Iterable[str], fields: dict) -> list[WidgetState]:
    """Return a state with these fields for each widget; for components, also as their event."""
    plain = [WidgetState(id=name, **fields) for name in ids]
    if "json_trigger_value" not in fields:
        return plain
    events = [f"{TRIGGER_PREFIX}{name}{TRIGGER_SUFFIX}" for name in ids]
    return [*plain, *(WidgetState(id=name, **fields) for name in events)]

"""Widgets as a browser keeps them: found by their key, with the value that they have.

Streamlit sends a widget as an element with an id that ends with the user's key; a browser sends
the values of all widgets on the page with every change.
"""

import json
import re
from random import Random
from typing import NamedTuple

from streamlit.proto.Element_pb2 import Element
from streamlit.proto.WidgetStates_pb2 import WidgetState

# What Streamlit puts before the key of a component's trigger, and behind it.
TRIGGER_PREFIX, TRIGGER_SUFFIX = "$$STREAMLIT_INTERNAL_KEY_", "__events"

POSITION = {"row": "height", "column": "width"}


class Widget(NamedTuple):
    """A widget on the page; ``fragment`` is the part of the script that it belongs to, if any."""

    element: Element
    fragment: str

    @property
    def kind(self) -> str:
        return self.element.WhichOneof("type")

    @property
    def proto(self):
        return getattr(self.element, self.kind)


def user_key(element: Element) -> str | None:
    """The key that the app gave the widget; None if the element is no widget with a key.

    Behind an "@" the page counts how often it has put a new widget in a widget's place.
    """
    proto = getattr(element, element.WhichOneof("type") or "empty")
    match = re.fullmatch(r"\$\$ID-[0-9a-f]+-(.+)", getattr(proto, "id", ""))
    return match[1].split("@")[0] if match and match[1] != "None" else None


def first_state(widget: Widget) -> WidgetState | None:
    """The value that a widget comes with; None for those that a browser says nothing of."""
    state, proto = WidgetState(id=getattr(widget.proto, "id", "")), widget.proto
    if widget.kind == "button_group":
        labels = [option.content for option in proto.options]
        given = proto.raw_values if proto.set_value else [labels[at] for at in proto.default]
        state.string_array_value.data.extend(given)
    elif widget.kind == "selectbox":
        given = proto.default if proto.HasField("default") else None
        chosen = proto.options[given] if given is not None and proto.options else ""
        state.string_value = proto.raw_value if proto.set_value else chosen
    elif widget.kind == "slider":
        state.double_array_value.data.extend(proto.value if proto.set_value else proto.default)
    elif widget.kind == "number_input":
        _set_number(state, proto, proto.value if proto.set_value else proto.default)
    elif widget.kind == "checkbox":
        state.bool_value = proto.value if proto.set_value else proto.default
    elif widget.kind == "pagination":
        state.int_value = proto.value if proto.set_value else proto.default
    else:
        return None
    return state


def _set_number(state: WidgetState, proto, value: float) -> None:
    if not proto.HasField("value" if proto.set_value else "default"):
        return  # an empty field
    if proto.data_type == proto.INT:
        state.int_value = int(value)
    else:
        state.double_value = value


def sets_value(widget: Widget) -> bool:
    """Whether the server says what value the widget has from now on."""
    return bool(getattr(widget.proto, "set_value", False))


def chosen(widget: Widget, value: object) -> WidgetState:
    """The state of a widget that has been set to that value: a label, a number, a truth value."""
    state = WidgetState(id=widget.proto.id)
    if widget.kind == "button_group":
        state.string_array_value.data.append(str(value))
    elif widget.kind == "selectbox":
        state.string_value = str(value)
    elif widget.kind == "slider":
        state.double_array_value.data.append(float(value))
    elif widget.kind == "number_input":
        _set_given_number(state, widget.proto, value)
    elif widget.kind == "checkbox":
        state.bool_value = bool(value)
    elif widget.kind == "pagination":
        state.int_value = int(value)
    elif widget.kind == "bidi_component":
        return triggered(widget, "picked", value)
    else:
        raise ValueError(f"expected a widget with a value, got {widget.kind}")
    return state


def _set_given_number(state: WidgetState, proto, value: float) -> None:
    if proto.data_type == proto.INT:
        state.int_value = int(value)
    else:
        state.double_value = float(value)


def triggered(widget: Widget, event: str, value: object) -> WidgetState:
    """A component's event, as its ``setTriggerValue`` sends it."""
    name = f"{TRIGGER_PREFIX}{widget.proto.id}{TRIGGER_SUFFIX}"
    return WidgetState(id=name, json_trigger_value=json.dumps([{"event": event, "value": value}]))


def another_value(widget: Widget, state: WidgetState | None, random: Random) -> object:
    """What a visitor might set the widget to, other than what it has."""
    proto = widget.proto
    if widget.kind == "button_group":
        now = set(state.string_array_value.data) if state else set()
        labels = [option.content for option in proto.options]
        return random.choice([label for label in labels if label not in now] or labels)
    if widget.kind == "selectbox":
        now = state.string_value if state else ""
        return random.choice([option for option in proto.options if option != now])
    if widget.kind == "slider":
        now = state.double_array_value.data[0] if state else proto.min
        return another_number(int(proto.min), int(proto.max), int(now), random)
    if widget.kind == "number_input":
        return random.randint(int(proto.min), int(proto.max))
    if widget.kind == "checkbox":
        return not (state and state.bool_value)
    if widget.kind == "pagination":
        return random.randint(1, proto.num_pages)
    if widget.kind == "bidi_component":
        return pick(proto.bytes, random)
    raise ValueError(f"expected a widget that can be changed, got {widget.kind}")


def another_number(smallest: int, largest: int, now: int, random: Random) -> int:
    """Where a visitor might drag a slider: one step on, or somewhere else."""
    near = [now + step for step in (-1, 1) if smallest <= now + step <= largest]
    far = [number for number in range(smallest, largest + 1) if number % 16 == 0 and number != now]
    return random.choice(near if not far or random.random() < 0.5 else far)


def pick(payload: bytes, random: Random) -> object:
    """What a click in a component with that payload picks: a tile's number, or a map's position."""
    length = int.from_bytes(payload[:4], "little")
    header = json.loads(payload[4 : 4 + length])
    if "numbers" in header:
        return random.choice(header["numbers"])
    return {side: random.randrange(header[size]) for side, size in POSITION.items()}

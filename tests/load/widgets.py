"""Widgets and their states, as a browser keeps them.

Streamlit sends a widget as an element whose id ends with the app's key. With every change, a
browser sends the states of all widgets on the page.
"""

import json
import re
from random import Random
from typing import NamedTuple

from streamlit.proto.Element_pb2 import Element
from streamlit.proto.WidgetStates_pb2 import WidgetState

# Streamlit's prefix and suffix of the id of a component's trigger.
TRIGGER_PREFIX, TRIGGER_SUFFIX = "$$STREAMLIT_INTERNAL_KEY_", "__events"

POSITION = {"row": "height", "column": "width"}


class Widget(NamedTuple):
    """A widget on the page, and the id of its fragment of the script, if any."""

    element: Element
    fragment: str

    @property
    def kind(self) -> str:
        """Name of the widget's field in ``Element``, such as ``slider``."""
        return self.element.WhichOneof("type")

    @property
    def proto(self):
        """The widget's message."""
        return getattr(self.element, self.kind)


def user_key(element: Element) -> str | None:
    """Return the key that the app gave the widget; None for an element without a key.

    The page appends "@" and a number to a key when it replaces a widget by a new one.
    """
    proto = getattr(element, element.WhichOneof("type") or "empty")
    match = re.fullmatch(r"\$\$ID-[0-9a-f]+-(.+)", getattr(proto, "id", ""))
    return match[1].split("@")[0] if match and match[1] != "None" else None


def first_state(widget: Widget) -> WidgetState | None:
    """Return a widget's initial state; None for widgets without one."""
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
    """Return whether the server sets the widget's value."""
    return bool(getattr(widget.proto, "set_value", False))


def chosen(widget: Widget, value: object) -> WidgetState:
    """Return a widget's state with a value: a label, a number or a Boolean."""
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
    """Return a component's event, as its ``setTriggerValue`` sends it."""
    name = f"{TRIGGER_PREFIX}{widget.proto.id}{TRIGGER_SUFFIX}"
    return WidgetState(id=name, json_trigger_value=json.dumps([{"event": event, "value": value}]))


def another_value(widget: Widget, state: WidgetState | None, random: Random) -> object:
    """Choose a new value for a widget, other than its current one."""
    proto = widget.proto
    if widget.kind == "button_group":
        current = set(state.string_array_value.data) if state else set()
        labels = [option.content for option in proto.options]
        return random.choice([label for label in labels if label not in current] or labels)
    if widget.kind == "selectbox":
        current = state.string_value if state else ""
        return random.choice([option for option in proto.options if option != current])
    if widget.kind == "slider":
        current = state.double_array_value.data[0] if state else proto.min
        return another_number(int(proto.min), int(proto.max), int(current), random)
    if widget.kind == "number_input":
        return random.randint(int(proto.min), int(proto.max))
    if widget.kind == "checkbox":
        return not (state and state.bool_value)
    if widget.kind == "pagination":
        return random.randint(1, proto.num_pages)
    if widget.kind == "bidi_component":
        return click(proto.bytes, random)
    raise ValueError(f"expected a widget that can be changed, got {widget.kind}")


def can_change(widget: Widget) -> bool:
    """Return whether a viewer can change the widget; an empty component cannot be clicked."""
    if widget.kind != "bidi_component":
        return True
    header = header_of(widget.proto.bytes)
    return bool(header["numbers"] if "numbers" in header else header[POSITION["row"]])


def another_number(smallest: int, largest: int, current: int, random: Random) -> int:
    """Choose a slider's next value: one step from the current one, or far from it."""
    near = [current + step for step in (-1, 1) if smallest <= current + step <= largest]
    far = [one for one in range(smallest, largest + 1) if one % 16 == 0 and one != current]
    return random.choice(near if not far or random.random() < 0.5 else far)


def click(data: bytes, random: Random) -> object:
    """Choose the tile's number or the map's position that a click in a component selects."""
    header = header_of(data)
    if "numbers" in header:
        return random.choice(header["numbers"])
    return {side: random.randrange(header[size]) for side, size in POSITION.items()}


def header_of(data: bytes) -> dict:
    """Return the JSON header of a component's data."""
    length = int.from_bytes(data[:4], "little")
    return json.loads(data[4 : 4 + length])

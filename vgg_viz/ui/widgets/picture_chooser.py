"""Choice of the picture to show: a sample, the walkthrough's robin or the viewer's own picture."""

import base64
from collections.abc import Callable
from functools import lru_cache, partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from vgg_viz.downloads.fetching import FileUnavailable
from vgg_viz.fields import FIELDS, OWN, PICTURES, ROBIN
from vgg_viz.image_io.input_image import FITS, InputImage, PictureOptions
from vgg_viz.image_io.limits import ImageFileError
from vgg_viz.samples import ASSETS, SAMPLES, sample
from vgg_viz.ui import state
from vgg_viz.ui.state import mode
from vgg_viz.ui.widgets import controls, image_change, own_pictures, picture_files
from vgg_viz.ui.widgets.own_pictures import own_picture
from vgg_viz.ui.widgets.picture_files import ROBIN_FAILURE, open_file, open_robin
from vgg_viz.ui.widgets.text_blocks import escape
from vgg_viz.views import View

FIT_HELP = (
    "VGG19 takes 224 × 224 pixels. **Stretched** is Keras' `load_img`, as in the walkthrough: "
    "nearest neighbor, aspect ratio not kept. **Cropped** keeps the aspect ratio, cuts off the "
    "sides and resizes smoothly."
)
STORED_HELP = (
    "This file uses a small part of its value range, so its contrast is stretched: the smallest "
    "value is black, the largest white. **As stored** leaves the values unchanged."
)
SAMPLE_FILES = {one.name: one for one in SAMPLES}
PICTURE_BUTTONS = '[data-variant="pills"]'  # the page has no other pills


def choose_other(beside: InputImage) -> InputImage:
    """Show the choice of a second picture, to compare with the page's picture, and return it."""
    st.selectbox("The other picture", **state.bind_options("other", titles("other")))
    if state.value("other") == OWN:
        own_pictures.show("other", "Your other picture", camera=False)
    other = load("other")
    if other.stretchable and not beside.stretchable:  # else the switch is there already
        choose_as_stored()
    return other


def is_needed(view: View) -> bool:
    """Return whether the view shows what depends on the choice of a picture."""
    needs = view.picture_if.items()
    return view.takes_picture and all(state.value(field) == value for field, value in needs)


def choose_fit() -> None:
    """Show the choice of how pictures are resized for the network."""
    controls.one_of("Resizing", "fit", FITS, help_text=FIT_HELP)


def place_above() -> DeltaGenerator:
    """Return the place above the view for the picture, which CSS shows on narrow screens."""
    return st.container(key="maps-photo", horizontal=True, vertical_alignment="center")


def show(view: View, above: DeltaGenerator) -> None:
    """Show the choice of a picture if the view needs it; on a phone, also the picture ``above``."""
    if not is_needed(view):
        return
    picture = choose()
    if view.shows_picture and view.shows_layer:
        # CSS shows it on screens too narrow for the sidebar beside the view, and shrinks it:
        # Streamlit would decode, resize and encode it in every run.
        above.image(picture.png, output_format="PNG", width="content", alt=picture.alt)
        above.markdown(f"{escape(picture.title)}, as VGG19 sees it")


def choose() -> InputImage:
    """Show the sidebar's picture controls and return the chosen picture."""
    named = {name: escape(title) for name, title in titles("picture").items()}
    st.pills("Picture", required=True, **state.bind_options("picture", named))
    picture = load("picture")
    if state.value("picture") == OWN:
        own_pictures.show("picture", "Your picture")
    choose_fit()
    if picture.stretchable:
        choose_as_stored()
    picture = image_change.choose(picture)
    image_change.show(picture)
    caption = f"{picture.title}, as VGG19 sees it: 224 × 224 pixels"
    st.caption(escape("; ".join((caption, *picture.notes))))
    return picture


def options() -> PictureOptions:
    """Return the chosen resizing and contrast option, which apply to all pictures of the page."""
    return PictureOptions(state.choice("fit", FITS), state.is_on("stored"))


def choose_as_stored() -> None:
    """Show the switch *As stored*, which turns contrast stretching off."""
    st.toggle("As stored", help=STORED_HELP, **state.bind("stored"))


def current() -> InputImage:
    """Return the picture that the sidebar's picture controls showed last, with its change."""
    return image_change.apply(unchanged())


def unchanged() -> InputImage:
    """Return the picture that the sidebar's picture controls showed last, without its change."""
    return last_good("picture")


def unchanged_of(picture: InputImage) -> InputImage:
    """Return the picture before its change; the second picture of a comparison has none."""
    return unchanged() if picture.digest == current().digest else picture


def load(key: str) -> InputImage:
    """Open the picture chosen for a picture field; if that fails, the one shown before."""
    if state.value(key) != ROBIN:
        st.session_state.pop(ROBIN_FAILURE + key, None)
    chosen = opener(key)
    if chosen is None:
        st.caption(replacement(key))
        return last_good(key)
    try:
        picture = chosen(options())
    except (ImageFileError, FileUnavailable) as error:
        st.error(escape(str(error)), icon=":material/broken_image:")
        return last_good(key)
    st.session_state[f"last_good_{key}"] = chosen
    return picture


def opener(key: str) -> Callable[[PictureOptions], InputImage] | None:
    """Return a function that opens the chosen picture; None if the page does not have it.

    It lacks an own picture that was not added yet, and one that a link names and no file has.
    """
    choice = str(state.value(key))
    if choice == ROBIN:
        return partial(open_robin, key)
    if choice == OWN:
        own = own_picture(key)
        return own.open if own else None
    if choice in SAMPLE_FILES:
        return partial(open_file, SAMPLE_FILES[choice])
    if choice in picture_files.gallery().titles():
        return lambda wanted: picture_files.gallery().picture(choice).open(wanted)
    return None


def titles(key: str) -> dict[str, str]:
    """Return the titles of all pictures that a picture field can have or has, by name."""
    host, chosen = picture_files.gallery().titles(), str(state.value(key))
    named = {name: file.title for name, file in SAMPLE_FILES.items()} | host
    if chosen not in {*named, ROBIN, OWN}:
        named[chosen] = "Not here"
    return named | {name: PICTURES[name].label for name in (ROBIN, OWN)}


def title_of(name: str) -> str:
    """Return the title of a picture, given its name in links."""
    known = PICTURES.get(name)
    return known.label if known else picture_files.gallery().titles().get(name, name)


def show_missing(view: View, notice: DeltaGenerator) -> None:
    """Show which picture the opened link names that is not here, and what is shown in its place."""
    keys = ["picture"] * is_needed(view) + ["other"] * (state.value("compare") == "picture")
    for key in keys:
        reason = missing(key)
        if not reason:
            continue
        sentence, icon = f"{reason} {replacement(key)}", ":material/hide_image:"
        with notice.container(key=f"missing-{key}-picture"):
            if mode.in_lecture():  # one line, beside the tools
                st.markdown(f"{icon} {sentence}")
            else:
                st.warning(sentence, icon=icon)


def missing(key: str) -> str:
    """Return why the page does not have a picture that a link names; empty if there is no need."""
    choice = str(state.value(key))
    if choice == ROBIN:
        failed = ROBIN_FAILURE + key in st.session_state
        return "**Could not get the robin.**" if failed else ""
    if opener(key):
        return ""
    if choice != OWN:
        return f"**There is no picture named {escape(choice)} here.**"
    if state.was_chosen(key):  # on the page, which shows the upload
        return ""
    return "**This link was made with an uploaded picture, which links do not include.**"


def replacement(key: str) -> str:
    """Return a sentence on the picture that a field shows in place of one that is not here."""
    until = " until you add a picture" * (state.value(key) == OWN)
    return f"Showing *{escape(last_good(key).title)}*{until}."


def last_good(key: str) -> InputImage:
    """Open the picture that a picture field showed before, or its default sample if that fails."""
    default = partial(open_file, sample(str(FIELDS[key].default)))
    previous: Callable[[PictureOptions], InputImage]
    previous = st.session_state.get(f"last_good_{key}", default)
    try:
        return previous(options())
    except (ImageFileError, FileUnavailable):
        return default(options())


def thumbnail_styles() -> str:
    """Return CSS that shows the buttons in the picture control as thumbnails."""
    own, names = own_picture("picture"), list(titles("picture"))
    thumbnails = {name: one.thumbnail for name, one in picture_files.gallery().decoded().items()}
    thumbnails |= {OWN: own.thumbnail} if own else {}
    styles = [
        thumbnail_style(names.index(name), thumbnail) for name, thumbnail in thumbnails.items()
    ]
    return "".join([sample_styles(), *styles])


@lru_cache(maxsize=1)
def sample_styles() -> str:
    """Return CSS that shows the samples' buttons as thumbnails."""
    files = {one.name: ASSETS / "thumbnails" / f"{one.name}.jpg" for one in SAMPLES}
    return "".join(
        thumbnail_style(index, file.read_bytes()) for index, file in enumerate(files.values())
    )


def thumbnail_style(index: int, data: bytes) -> str:
    """Return CSS that shows a thumbnail on a button of the picture control, instead of its name.

    Screen readers still read the name. In an SVG, since a browser that darkens pages would take a
    small gray photograph for an icon and invert it.
    """
    button = f"{PICTURE_BUTTONS}:nth-of-type({index + 1})"
    photograph = data_url("jpeg", data)
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 224 224">'
        f'<image href="{photograph}" width="224" height="224"/></svg>'
    )
    url = data_url("svg+xml", drawing.encode())
    return f"{button}{{background-image:url({url})}}{button} p{{opacity:0}}"


def data_url(kind: str, data: bytes) -> str:
    """Return the URL that holds an image of that kind, such as "png"."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"

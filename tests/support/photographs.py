"""Image files decoded for tests: as the page prepares them, and at full size."""

from PIL import Image

from vgg_viz.image_io.color_conversion import upright_rgb
from vgg_viz.image_io.decoding import load
from vgg_viz.image_io.images import read_image
from vgg_viz.image_io.input_image import PictureOptions
from vgg_viz.samples import sample


def load_image(data, fit="stretch"):
    """Return the page's pixels for an image file, RGB uint8 (224, 224, 3)."""
    return read_image(data).open(PictureOptions(fit)).pixels.copy()


def notes_of(data, *, as_stored=False):
    """Return the page's notes on an image file."""
    return read_image(data).open(PictureOptions(as_stored=as_stored)).notes


def decode(data, *, as_stored=False) -> Image.Image:
    """Decode an image file at its full size."""
    return upright_rgb(load(data), as_stored=as_stored)


def sample_bytes(name):
    return sample(name).path.read_bytes()

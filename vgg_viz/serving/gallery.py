"""The host's own pictures, decoded once for all viewers.

Importing this module imports no decoder.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock, Thread
from typing import TYPE_CHECKING

from vgg_viz.host_pictures import VARIABLE, read
from vgg_viz.image_io.limits import ImageFileError
from vgg_viz.samples import PictureFile

if TYPE_CHECKING:
    from vgg_viz.image_io.images import DecodedImage

log = logging.getLogger(__name__)


class Gallery:
    """The host's pictures: those that cannot be read are left out; thread-safe."""

    def __init__(self, files: Mapping[str, PictureFile]) -> None:
        """Decode these files, given by name, in the background."""
        self._files = dict(files)
        self._refused: dict[str, str] = {}  # reasons, by name
        self._decoded: dict[str, DecodedImage] = {}
        self._lock = Lock()
        if files:
            Thread(target=self._decode_all, name="gallery", daemon=True).start()

    def titles(self) -> dict[str, str]:
        """Return the pictures' titles by name, without those that could not be read."""
        refused = dict(self._refused)
        return {name: file.title for name, file in self._files.items() if name not in refused}

    def decoded(self) -> dict[str, DecodedImage]:
        """Return the pictures that have been decoded so far, by name."""
        done = dict(self._decoded)
        return {name: done[name] for name in self._files if name in done}

    def picture(self, name: str) -> DecodedImage:
        """Return a picture, decoded now if need be; an ImageFileError says why there is none."""
        with self._lock:
            if name not in self._decoded:
                self._decode(self._files[name])
        return self._decoded[name]

    def _decode(self, file: PictureFile) -> None:
        from vgg_viz.image_io.images import read_image

        if file.name in self._refused:
            raise ImageFileError(self._refused[file.name])
        try:
            picture = read_image(read(file), file.title, file.alt)
        except (OSError, ImageFileError) as error:
            log.warning("%s: left out %r: %s", VARIABLE, file.path.name, error)
            # An OSError names the folder, which viewers are not to see.
            reason = "Could not read the file" if isinstance(error, OSError) else str(error)
            self._refused[file.name] = f"{file.title}: {reason}"
            raise ImageFileError(self._refused[file.name]) from error
        assert picture.thumbnail  # made here, so that no script run waits for it
        self._decoded[file.name] = picture

    def _decode_all(self) -> None:
        for name in self._files:
            with suppress(ImageFileError):
                self.picture(name)

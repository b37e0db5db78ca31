"""Bounds of what Streamlit holds for a page: the bytes of its files, and its time once it was left.

Streamlit takes any number of files of up to `server.maxUploadSize`, under any ids. It drops the
files of a page that was left when another page is left, and holds forever what arrives after that.
"""

import asyncio
from functools import wraps
from typing import cast

from starlette.exceptions import HTTPException
from streamlit import runtime
from streamlit.runtime.caching.ttl_cache import TTLCache
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.session_manager import SessionInfo
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from vgg_viz.serving.kept_uploads import HOURS
from vgg_viz.ui.state.shared_instance import shared_if_created
from vgg_viz.ui.widgets.uploads import NO_ROOM, megabytes_together

MOST_FILES = 1_000  # of a page; Streamlit's own ids have 36 letters
LONGEST_ID = 100
SECONDS_MORE = 1.0  # after which a page that was left is certainly one to drop

_add_file = MemoryUploadedFileManager.add_file
_save = MemorySessionStorage.save


def prepare() -> None:
    """Let Streamlit hold no more files, and none longer, than these bounds say."""
    MemoryUploadedFileManager.add_file = _add_bounded  # type: ignore[assignment, method-assign]
    MemorySessionStorage.save = _save_for_a_while  # type: ignore[assignment, method-assign]


@wraps(_add_file)
def _add_bounded(
    manager: MemoryUploadedFileManager, session_id: str, file: UploadedFileRec
) -> None:
    if not runtime.get_instance().is_active_session(session_id):
        raise HTTPException(400, "The page was left before its upload ended.")
    others = manager.file_storage.get(session_id, {})
    if len(others) >= MOST_FILES or len(file.file_id) > LONGEST_ID:
        raise HTTPException(413, "The page holds too many files, or one under too long an id.")
    together = sum(len(other.data) for other in others.values()) + len(file.data)
    has_room = together <= megabytes_together() * 2**20
    _add_file(manager, session_id, file if has_room else file._replace(data=NO_ROOM))


@wraps(_save)
def _save_for_a_while(storage: MemorySessionStorage, page: SessionInfo) -> None:
    """Save a page that was left without its files, and end it in time.

    Streamlit would end it when the next page is left, and one viewer could leave many with files.
    """
    page.session._uploaded_file_mgr.remove_session_files(page.session.id)
    cache = cast("TTLCache[str, SessionInfo]", storage._cache)
    cache._on_remove = end
    _save(storage, page)
    loop = asyncio.get_running_loop()
    loop.call_later(cache.ttl + SECONDS_MORE, cache.expire)
    if created := shared_if_created():
        loop.call_later(3600 * HOURS + SECONDS_MORE, created.kept_uploads.expire)


def end(name: str, page: SessionInfo) -> None:
    """Free the descriptors of a page that is no longer saved, unless it is open again."""
    if not runtime.get_instance().is_active_session(name):
        page.session.shutdown()  # which Python would call at its next search for cycles

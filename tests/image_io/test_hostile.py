"""Hostile image files and random mutations: each is decoded or rejected with advice."""

import multiprocessing
import os
import re
import resource
import sys
import tempfile
import warnings
import zlib
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support import hostile
from tests.support import image_files as build
from tests.support.image_files import encode, noise, plain
from tests.support.photographs import load_image
from vgg_viz.image_io import decoding, file_formats, images, limits
from vgg_viz.image_io.images import ImageFileError, read_image
from vgg_viz.image_io.input_image import PictureOptions

SHAPE = (224, 224, 3)
# Decoders that may be imported. Pillow always imports PPM's, but it is never used.
PLUGINS = {
    f"PIL.{name}ImagePlugin"
    for name in ("Avif", "Bmp", "Gif", "Jpeg", "Mpo", "Png", "Ppm", "Tiff", "WebP")
}
# Audit events that decoding must not cause, apart from reading files.
WATCHED = ("open", "os.", "subprocess.", "shutil.", "tempfile.", "socket.", "ctypes.", "pickle.")


def fault_of(message):
    """Return the faults of an error message; empty if there are none."""
    faults = {
        "no problem and advice": not re.fullmatch(
            r"[A-Z][^\n]*[^.\n]\. (Choose|Upload|Save|Export) [^\n]*[^.\n]\.", message
        ),
        "too long": max(len(sentence.split()) for sentence in message.split(". ")) > 25,
        "a path or an object": re.search(r"/|\\|0x|<|>|\bPIL\b|Error|\bio\.", message),
        "not plain text": not message.isascii() or not message.isprintable(),
    }
    return ", ".join(name for name, found in faults.items() if found)


def fault(file):
    """Decode a file and return the fault of the result; empty if it is as expected."""
    try:
        found = read_image(file.data)
    except ImageFileError as error:
        unexpected = file.outcome == "image" or file.reason not in str(error)
        return f"rejected: {error}" if unexpected else fault_of(str(error))
    except Exception as error:
        return f"raised {error!r}"
    if file.outcome == "rejected":
        return "was decoded"
    for fit in ("stretch", "crop"):
        pixels = found.open(PictureOptions(fit)).pixels
        if (pixels.shape, pixels.dtype, pixels.flags.c_contiguous) != (SHAPE, np.uint8, True):
            return f"is {pixels.dtype} {pixels.shape}"
        if file.color and np.abs(pixels.astype(int) - file.color).max() > 6:
            return f"is of another color, {pixels[112, 112]} in the center"
    return ""


def test_every_small_file_is_decoded_correctly_or_rejected_with_advice():
    files = hostile.corpus()
    assert len({file.name for file in files}) == len(files)
    faults = {file.name: fault(file) for file in files}
    assert not {name: words for name, words in faults.items() if words}


def test_no_message_quotes_a_file():
    for content in (b"Visit evil example", b"MM evil example", b"GIF89a evil example"):
        with pytest.raises(ImageFileError) as caught:
            load_image(content)
        assert "evil" not in str(caught.value)


# --- effects of decoding on the machine -------------------------------------------------------

# One file for each way to need memory, to write a line, or to import something.
WATCHED_FILES = (
    *("plain-HEIF", "plain-TIFF", "png-sixty-text-bombs", "profile-bomb", "kind-pickle"),
    *("jpeg-says-65535-by-65535", "webp-lossy-header-lies", "gif-frame-outside-the-screen"),
    *("tiff-fax-of-65000-errors", "tiff-damaged-jpeg"),
)


def watched_files():
    files = [file for file in hostile.corpus() if file.name in WATCHED_FILES]
    pixels = build.solid_png(8_000, 5_000, bytes(hostile.GRAY))
    files += hostile.accepted(hostile.GRAY, {"png-at-the-limit": pixels})
    return [hostile.bomb_in_a_row(zlib.compress(bytes(2**28), 1)), *files]


def watched_decoding(file):
    """Decode a file in this process; report memory, audit events, output, plugins and the fault."""
    warnings.simplefilter("error")
    for file_format in ("JPEG", "TIFF"):  # what all files need is allocated here
        load_image(encode(plain(), file_format))
    events, watching = [], []

    def note(event, arguments):
        if watching and event.startswith(WATCHED):
            events.append((event, repr(arguments)[:200]))

    sys.addaudithook(note)
    with tempfile.TemporaryFile() as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        watching.append(True)
        line = {"fault": fault(file), "events": events}
        watching.clear()
        line["peak"] = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        output.seek(0)
        line["output"] = output.read()
    line["plugins"] = [name for name in sys.modules if re.fullmatch(r"PIL\.\w+Plugin", name)]
    return line


@pytest.fixture(scope="module", params=["some", pytest.param("all", marks=pytest.mark.slow)])
def watched(request):
    """Reports of `watched_decoding` on some files, or on the whole corpus, by name.

    Each file has a process of its own, forked from one that holds nothing else, to measure the
    memory of decoding alone. An error here says that decoding has ended the process.
    """
    if not hasattr(os, "fork") or sys.platform == "darwin":
        pytest.skip("needs fork, and memory in kilobytes as Linux counts it")
    corpus = hostile.corpus(large=True) if request.param == "all" else watched_files()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        reports = pool.map(watched_decoding, corpus)
        return dict(zip((file.name for file in corpus), reports, strict=True))


def test_decoding_neither_ends_the_process_nor_prints_writes_starts_or_sends(watched):
    def suspicious(event, arguments):
        reads = event == "open" and re.search(r", '(r|rb)', \d+\)$", arguments)
        return not reads and event not in ("os.listdir", "os.scandir")

    for name, line in watched.items():
        assert not line["fault"], (name, line["fault"])
        assert not line["output"], (name, line["output"])
        assert not [event for event in line["events"] if suspicious(*event)], name
    imported = {name for line in watched.values() for name in line["plugins"]}
    assert "PIL.TiffImagePlugin" in imported
    assert imported <= PLUGINS


def test_memory_stays_below_its_limit(watched):
    peaks = {name: line["peak"] for name, line in watched.items()}
    assert not {name: peak for name, peak in peaks.items() if peak > limits.MAX_MEMORY}
    # The measurement works: this image has 40 million pixels of four bytes.
    assert peaks["png-at-the-limit"] > 160e6


def test_imported_decoders_of_other_formats_are_not_tried(monkeypatch):
    Image.init()
    tried = []
    for name in set(Image.OPEN) - set(decoding.FORMATS):
        monkeypatch.setitem(Image.OPEN, name, (lambda *_, name=name: tried.append(name),) * 2)
    for file in hostile.other_kinds():
        with pytest.raises(ImageFileError):
            load_image(file.data)
    assert not tried


def test_images_are_decoded_one_at_a_time(monkeypatch, threads):
    active, counts, data = [], [], encode(noise(), "PNG")
    load = images.load

    def counted(content):
        active.append(1)
        counts.append(len(active))
        image = load(content)
        active.pop()
        return image

    monkeypatch.setattr(images, "load", counted)
    list(threads.map(load_image, [data] * 8))
    assert counts == [1] * 8


# --- the limits -------------------------------------------------------------------------------


def test_ordinary_large_photographs_are_within_the_limits():
    assert all(limit >= 4_032 * 3_024 for limit in limits.PIXEL_LIMITS.values())
    assert limits.PIXEL_LIMITS["JPEG"] >= 12_000 * 9_000  # phones with 108 megapixels
    assert limits.PIXEL_LIMITS["HEIF"] >= 5_712 * 4_284
    assert limits.PIXEL_LIMITS["progressive JPEG"] >= 6_000 * 4_000


@pytest.mark.parametrize("kind", limits.PIXEL_LIMITS)
def test_errors_for_too_many_pixels_state_the_limit(kind):
    limit = limits.PIXEL_LIMITS[kind]
    message = str(limits.too_many_pixels(limit + 1, kind))
    assert re.search(rf"an? {limits.NAMES[kind]} file may have {limit / 10**6:g}\.", message)
    assert not fault_of(message)


def test_files_of_too_many_pieces_are_rejected(monkeypatch):
    for name in ("MAX_READS", "MAX_SCANS", "MAX_TAG_VALUES"):
        monkeypatch.setattr(limits, name, 25)
    frames = [(b"ANMF", bytes(16))] * 30
    for data in (
        build.solid_png(4, 4, bytes(3), build.png_chunk(b"tEXt", b"") * 30),
        build.riff((b"VP8X", b"\2\0\0\0" + bytes(6)), (b"ANIM", bytes(6)), *frames),
        build.gif(4, 4, b"!\xfe" + b"\x02ab" * 50 + b"\0"),
        build.bmp(40, 30, b"\1\0" * 1_200, bits=8, compression=1, palette=bytes(1_024)),
        build.tiff(16, 500, bytes(16), {273: [8] * 500, 279: [8] * 500, 278: 1}),
        build.scans_jpeg(8, 8, 50),
    ):
        with pytest.raises(ImageFileError, match=r"in too many pieces|too many scans"):
            load_image(data)


# --- fuzzing ----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def seeds():
    """Small valid files of each format, with everything that decoders read."""
    from tests.image_io.test_image_formats import KINDS  # not in the processes that are watched

    image, exif = build.turned(6)
    files = [kind.data for kind in KINDS if len(kind.data) < 20_000]
    files += [encode(image, name, exif=exif) for name in ("JPEG", "PNG", "WEBP", "TIFF")]
    formats = {name: [] for name in decoding.FORMATS}
    for data in files:
        formats[file_formats.format_of(data)].append(data)
    return formats


INSERTED = (
    st.binary(min_size=1, max_size=40)
    | st.builds(
        build.png_chunk,
        st.sampled_from([b"tRNS", b"PLTE", b"iCCP", b"zTXt", b"acTL", b"fcTL", b"IHDR", b"eXIf"]),
        st.binary(max_size=40),
    )
    | st.builds(build.jpeg_segment, st.integers(0xC0, 0xFE), st.binary(max_size=40))
    | st.sampled_from([b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80"])
)
OFFSETS = st.integers(0, 60) | st.integers(0, 4_000)
KINDS = st.sampled_from(["flip", "write", "insert", "cut", "remove", "splice"])
MUTATIONS = st.lists(st.tuples(KINDS, OFFSETS, INSERTED), min_size=1, max_size=6)


def mutated(data, mutations, other):
    for kind, offset, content in mutations:
        offset %= len(data) + 1
        before, after = data[:offset], data[offset:]
        data = {
            "flip": before + bytes(value ^ content[0] for value in after[:1]) + after[1:],
            "write": before + content + after[len(content) :],
            "insert": before + content + after,
            "cut": before,
            "remove": before + after[len(content) :],
            "splice": before + other[offset:],
        }[kind]
    return data


def with_right_checksums(data):
    """Correct the checksums of a PNG's chunks, so that decoders read them."""
    out, offset = bytearray(data[:8]), 8
    while offset + 12 <= len(data):
        end = offset + 8 + int.from_bytes(data[offset : offset + 4])
        if end + 4 > len(data):
            break
        out += data[offset:end] + zlib.crc32(data[offset + 4 : end]).to_bytes(4)
        offset = end + 4
    return bytes(out) + data[offset:]


HEADS = (b"", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"%!PS")
HEADS += (b"RIFF\x40\0\0\0WEBPVP8 ", b"\x89PNG\r\n\x1a\n", b"\x8a")


@pytest.mark.parametrize("examples", [10, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("file_format", [*decoding.FORMATS, "nonsense"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # Pillow warns when it writes the seeds
def test_mutations_are_decoded_or_rejected_with_advice(file_format, examples):
    @settings(
        derandomize=True,
        deadline=None,
        max_examples=examples if file_format != "nonsense" else 3 * examples,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(data=st.data())
    def check(data):
        if file_format == "nonsense":
            content = data.draw(st.sampled_from(HEADS)) + data.draw(st.binary(max_size=300))
        else:
            seed, other = (data.draw(st.sampled_from(seeds()[file_format])) for _ in range(2))
            content = mutated(seed, data.draw(MUTATIONS), other)
        if file_format == "PNG":
            content = with_right_checksums(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert not fault(hostile.Hostile("mutated", content, "either"))

    check()

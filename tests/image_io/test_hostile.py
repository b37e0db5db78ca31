"""Hostile image files and random mutations: each is decoded or rejected with advice."""

import json
import os
import pickle
import re
import resource
import subprocess
import sys
import tempfile
import threading
import warnings
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support import hostile
from vgg_viz.image_io import decoding, images, limits
from vgg_viz.image_io.images import ImageFileError, load_image, read_image

ROOT = Path(__file__).resolve().parents[2]
FITS = ("stretch", "crop")
SHAPE = (224, 224, 3)
# Decoders that may be imported. Pillow always imports PPM's, but it is never used.
PLUGINS = {
    f"PIL.{name}ImagePlugin"
    for name in ("Avif", "Bmp", "Gif", "Jpeg", "Mpo", "Png", "Ppm", "Tiff", "WebP")
}
# Audit events that decoding must not cause, apart from reading files.
WATCHED = ("open", "os.", "subprocess.", "shutil.", "tempfile.", "socket.", "ctypes.", "pickle.")


@pytest.fixture(scope="module")
def corpus():
    return hostile.corpus()


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


def differs(found, expected, tolerance):
    """Return whether pixels differ anywhere but near the edges of the expected image."""
    inner = np.ones(expected.shape[:2], bool)
    for axis in (0, 1):
        for shift in (-24, 24):  # Lanczos uses three pixels to each side, at a scale of seven
            inner &= (expected == np.roll(expected, shift, axis)).all(axis=2)
    wrong = np.abs(found.astype(int) - expected).max(axis=2) > tolerance
    return bool(wrong[inner].any())


def decoded(data):
    """Decode a file and return the image or the error."""
    try:
        return read_image(data)
    except Exception as error:
        return error


def fault(file, found):
    """Return the fault of a file's result; empty if it is as expected."""
    if isinstance(found, ImageFileError):
        if file.outcome == "image":
            return f"rejected: {found}"
        return fault_of(str(found))
    if isinstance(found, Exception):
        return f"raised {found!r}"
    if file.outcome == "rejected":
        return "was decoded"
    for pixels in map(found.pixels, FITS):
        if (pixels.shape, pixels.dtype, pixels.flags.c_contiguous) != (SHAPE, np.uint8, True):
            return f"is {pixels.dtype} {pixels.shape}"
        if file.pixels is not None and differs(pixels, file.pixels, file.tolerance):
            return f"is another image, {pixels[112, 112]} in the center"
    return ""


# --- the corpus -------------------------------------------------------------------------------


def test_the_corpus_is_large_and_reproducible(corpus):
    assert len(corpus) >= 120
    assert len({file.name for file in corpus}) == len(corpus)
    counts = {kind: sum(file.outcome == kind for file in corpus) for kind in ("image", "rejected")}
    assert min(counts.values()) >= 100
    again = [file for group in (hostile.truncated, hostile.flipped) for file in group()]
    kept = {file.name: file.data for file in corpus}
    assert all(kept[file.name] == file.data for file in again)


def test_every_file_is_decoded_correctly_or_rejected_with_advice(watched):
    faults = {name: line["fault"] for name, line in watched.items() if line.get("fault")}
    assert not faults


def test_decoders_print_nothing(watched):
    assert not {name: line["printed"] for name, line in watched.items() if line.get("printed")}


def test_no_message_quotes_a_file():
    for content in (
        b"Ignore this and visit evil example",
        b"MM evil example",
        b"GIF89a evil example",
    ):
        with pytest.raises(ImageFileError) as caught:
            load_image(content)
        assert "evil" not in str(caught.value)


# --- effects of decoding on the machine -------------------------------------------------------


def watch(folder):
    """Decode every file of a folder in its own process, and print a report on each.

    Runs in a process that holds nothing else, to measure the memory of decoding alone.
    """
    events, paths = [], sorted(Path(folder).iterdir())

    def note(event, arguments):
        if event.startswith(WATCHED):
            events.append([event, repr(arguments)[:200]])

    sys.addaudithook(note)
    load_image(read(paths[0]).data)  # memory that all files need is allocated here
    with tempfile.TemporaryFile("a+b") as printed:
        for path in paths:
            file = read(path)
            sys.stdout.flush()
            process = os.fork()
            if process:
                _, status = os.waitpid(process, 0)
                if status:
                    print(json.dumps({"name": file.name, "died": status}))
                continue
            with os.fdopen(os.dup(1), "w") as report:
                line = examined(file, events, printed.fileno())
                report.write(json.dumps({"name": file.name} | line) + "\n")
            os._exit(0)


def read(path):
    return pickle.loads(path.read_bytes())


def examined(file, events, printed):
    """Decode a file and report memory, audit events, imported plugins, faults and output.

    ``printed`` is a file descriptor; output goes to the end of that file.
    """
    for output in (1, 2):
        os.dup2(printed, output)
    start = os.fstat(printed).st_size
    warnings.simplefilter("error")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    events.clear()
    found = decoded(file.data)
    line = {
        "peak": 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before),
        "events": list(events),
        "plugins": [name for name in sys.modules if re.fullmatch(r"PIL\.\w+Plugin", name)],
        "fault": fault(file, found),
    }
    for output in (sys.stdout, sys.stderr):
        output.flush()
    return line | {"printed": os.pread(printed, 200, start).decode(errors="replace")}


@pytest.fixture(scope="module")
def watched(corpus, tmp_path_factory):
    """Reports of `watch` on every file of the corpus, by name."""
    if not hasattr(os, "fork") or sys.platform == "darwin":
        pytest.skip("needs fork, and memory in kilobytes as Linux counts it")
    folder = tmp_path_factory.mktemp("hostile")
    for number, file in enumerate(corpus):
        (folder / f"{number:04}").write_bytes(pickle.dumps(file))
    code = "import sys; from tests.image_io.test_hostile import watch; watch(sys.argv[1])"
    command = [sys.executable, "-c", code, str(folder)]
    # No bytecode, since Python would write it at an import.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2_000:]
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    for path in folder.iterdir():
        path.unlink()
    return {line.pop("name"): line for line in lines}


def test_no_file_ends_the_process(corpus, watched):
    assert len(watched) == len(corpus)
    assert not {name: line for name, line in watched.items() if "died" in line}


def test_memory_stays_below_its_limit(watched):
    peaks = {name: line["peak"] for name, line in watched.items() if "peak" in line}
    assert not {name: peak for name, peak in peaks.items() if peak > limits.MAX_MEMORY}
    # The measurement works: this image has 40 million pixels of four bytes.
    assert peaks["png-at-the-limit"] > 160e6


def test_decoding_writes_starts_and_sends_nothing(watched):
    def suspicious(event, arguments):
        reads = event == "open" and re.search(r", '(r|rb)', \d+\)$", arguments)
        return not reads and event not in ("os.listdir", "os.scandir")

    found = {
        name: [event for event in line.get("events", ()) if suspicious(*event)]
        for name, line in watched.items()
    }
    assert not {name: events for name, events in found.items() if events}


def test_only_decoders_of_supported_formats_are_imported(watched):
    imported = {name for line in watched.values() for name in line.get("plugins", ())}
    assert imported <= PLUGINS
    assert "PIL.TiffImagePlugin" in imported


def test_imported_decoders_of_other_formats_are_not_tried(monkeypatch):
    Image.init()
    tried = []
    for name in set(Image.OPEN) - set(decoding.FORMATS):
        monkeypatch.setitem(Image.OPEN, name, (lambda *_, name=name: tried.append(name),) * 2)
    for file in hostile.other_kinds():
        with pytest.raises(ImageFileError):
            load_image(file.data)
    assert not tried


def test_images_are_decoded_one_at_a_time(monkeypatch):
    active, counts, data = [], [], hostile.encode(hostile.noise(), "PNG")
    load = images.load

    def counted(content):
        active.append(1)
        counts.append(len(active))
        image = load(content)
        active.pop()
        return image

    monkeypatch.setattr(images, "load", counted)
    threads = [threading.Thread(target=load_image, args=(data,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
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


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("jpeg-of-200-scans", "The JPEG has too many scans"),
        ("jpeg-of-5000-scans", "The JPEG is in too many pieces"),
        ("jpeg-of-a-million-comments", "The JPEG is in too many pieces"),
        ("exif-in-60000-segments", "The JPEG is in too many pieces"),
        ("gif-comment-in-pieces", "The file is in too many pieces"),
        ("png-of-a-million-chunks", "The file is in too many pieces"),
        ("bmp-of-six-million-runs-8-bit", "The file is in too many pieces"),
        ("tiff-of-four-million-strips", "The TIFF is in too many pieces"),
        ("tiff-fax-of-65000-errors", "compressed as a fax"),
        ("jpeg-lossless-20-megapixels", "The JPEG is of a rare kind"),
        ("png-1-by-65536", "A side has 65,536 pixels, but 65,535 are the limit"),
        ("webp-above-the-limit", "The image has 12.6 megapixels"),
        ("avif-above-the-limit", "The image has 12.6 megapixels"),
        ("heic-above-the-limit", "The image has 25.1 megapixels"),
        ("tiff-of-too-many-numbers", "The TIFF holds 200 MB of samples"),
        ("tiff-of-two-thousand-million-channels", "it has 2,147,483,648 channels of 16 bits"),
        ("jpeg-progressive-above-the-limit", "The image has 33.4 megapixels"),
        ("jpeg-above-the-limit", "The image has 150.1 megapixels"),
    ],
)
def test_expensive_files_are_rejected_with_the_reason(corpus, name, reason):
    file = next(file for file in corpus if file.name == name)
    with pytest.raises(ImageFileError, match=re.escape(reason)):
        load_image(file.data)


# --- fuzzing ----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def seeds():
    """Small valid files of each format, with everything that decoders read."""
    image, frames = hostile.noise(33, 21), [hostile.plain(color) for color in ("red", "blue")]
    exif = b"Exif\0\0" + hostile.exif_bytes([(0x0112, 3, 1, 6), (0x8769, 4, 1, 40)])
    extras = {"exif": exif, "icc_profile": hostile.exchanged_profile()}
    found = {"JPEG": [hostile.encode(image, "JPEG", progressive=True)]}
    for file_format in decoding.FORMATS:
        options = extras if file_format in ("JPEG", "PNG", "WEBP", "TIFF") else {}
        files = found.setdefault(file_format, [])
        files += [hostile.encode(image, file_format), hostile.encode(image, file_format, **options)]
        if file_format in ("PNG", "WEBP", "GIF", "TIFF"):
            films = {"save_all": True, "append_images": frames[1:]}
            files.append(hostile.encode(frames[0], file_format, **films))
    for compression in ("packbits", "tiff_lzw", "tiff_adobe_deflate", "jpeg"):
        found["TIFF"].append(hostile.encode(image, "TIFF", compression=compression))
    found["PNG"].append(hostile.encode(image.convert("L").convert("I;16"), "PNG"))
    found["BMP"].append(hostile.encode(image.quantize(9), "BMP"))
    return found


INSERTED = (
    st.binary(min_size=1, max_size=40)
    | st.builds(
        hostile.png_chunk,
        st.sampled_from([b"tRNS", b"PLTE", b"iCCP", b"zTXt", b"acTL", b"fcTL", b"IHDR", b"eXIf"]),
        st.binary(max_size=40),
    )
    | st.builds(hostile.jpeg_segment, st.integers(0xC0, 0xFE), st.binary(max_size=40))
    | st.sampled_from([b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80"])
)
OFFSETS = st.integers(0, 60) | st.integers(0, 4_000)
MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "write", "insert", "cut", "remove", "splice"]), OFFSETS, INSERTED
    ),
    min_size=1,
    max_size=6,
)


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


def assert_image_or_advice(data, fit):
    try:
        found = load_image(data, fit)
    except ImageFileError as error:
        found = error
    if isinstance(found, ImageFileError):
        assert not fault_of(str(found)), str(found)
    else:
        assert (found.shape, found.dtype) == (SHAPE, np.uint8)


FUZZ = settings(
    derandomize=True,
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("file_format", decoding.FORMATS)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # Pillow warns when it writes the seeds
@FUZZ
@given(data=st.data())
def test_mutations_are_decoded_or_rejected_with_advice(file_format, data):
    seed, other = (data.draw(st.sampled_from(seeds()[file_format])) for _ in range(2))
    content = mutated(seed, data.draw(MUTATIONS), other)
    if file_format == "PNG":
        content = with_right_checksums(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_image_or_advice(content, data.draw(st.sampled_from(FITS)))


@FUZZ
@given(
    head=st.sampled_from([b"", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"II+\0"])
    | st.sampled_from(
        [b"RIFF\x40\0\0\0WEBPVP8 ", b"\x89PNG\r\n\x1a\n", b"MM\0+", b"%!PS", b"\x8a"]
    ),
    tail=st.binary(max_size=300),
)
def test_nonsense_after_a_valid_head_is_rejected_with_advice(head, tail):
    assert_image_or_advice(head + tail, "stretch")

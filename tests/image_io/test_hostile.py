"""Every file of the hostile corpus, and mutations: a picture or one clear sentence."""

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
# Their decoders may be imported; PPM's is by Pillow itself, whatever is asked for, but never tried.
PLUGINS = {
    f"PIL.{name}ImagePlugin"
    for name in ("Avif", "Bmp", "Gif", "Jpeg", "Mpo", "Png", "Ppm", "Tiff", "WebP")
}
# What a decoder has no business with, apart from reading.
WATCHED = ("open", "os.", "subprocess.", "shutil.", "tempfile.", "socket.", "ctypes.", "pickle.")


@pytest.fixture(scope="module")
def corpus():
    return hostile.corpus()


def fault_of(message):
    """What is wrong with a refusal as a sentence for a visitor; nothing if it is right."""
    faults = {
        "more than one sentence or line": not re.fullmatch(r"[A-Z][^\n]*[^.\n]\.", message)
        or ". " in message,
        "too long": len(message) >= 300,
        "a path or an object": re.search(r"/|\\|0x|<|>|\bPIL\b|Error|\bio\.", message),
        "not plain text": not message.isascii() or not message.isprintable(),
        "does not say what to do": ": please " not in message,
    }
    return ", ".join(name for name, found in faults.items() if found)


def differs(found, expected, tolerance):
    """Whether pixels are wrong anywhere but near the edges of what is expected."""
    inner = np.ones(expected.shape[:2], bool)
    for axis in (0, 1):
        for shift in (-24, 24):  # Lanczos reaches three pixels far, of seven each.
            inner &= (expected == np.roll(expected, shift, axis)).all(axis=2)
    wrong = np.abs(found.astype(int) - expected).max(axis=2) > tolerance
    return bool(wrong[inner].any())


def decoded(data):
    """What becomes of a file: the photograph, or the error."""
    try:
        return read_image(data)
    except Exception as error:
        return error


def fault(file, found):
    """What is wrong with what has become of a file; nothing if it is as it should be."""
    if isinstance(found, ImageFileError):
        if file.outcome == "picture":
            return f"refused: {found}"
        return fault_of(str(found))
    if isinstance(found, Exception):
        return f"raised {found!r}"
    if file.outcome == "refused":
        return "became a picture"
    for pixels in map(found.pixels, FITS):
        if (pixels.shape, pixels.dtype, pixels.flags.c_contiguous) != (SHAPE, np.uint8, True):
            return f"became {pixels.dtype} {pixels.shape}"
        if file.pixels is not None and differs(pixels, file.pixels, file.tolerance):
            return f"became another picture, {pixels[112, 112]} in the middle"
    return ""


# --- the corpus -------------------------------------------------------------------------------


def test_the_corpus_is_large_and_the_same_every_time(corpus):
    assert len(corpus) >= 120
    assert len({file.name for file in corpus}) == len(corpus)
    counts = {kind: sum(file.outcome == kind for file in corpus) for kind in ("picture", "refused")}
    assert min(counts.values()) >= 100
    again = [file for group in (hostile.truncated, hostile.flipped) for file in group()]
    kept = {file.name: file.data for file in corpus}
    assert all(kept[file.name] == file.data for file in again)


def test_every_file_becomes_the_right_picture_or_one_sentence(watched):
    faults = {name: line["fault"] for name, line in watched.items() if line.get("fault")}
    assert not faults


def test_decoders_say_nothing_by_themselves(watched):
    assert not {name: line["printed"] for name, line in watched.items() if line.get("printed")}


def test_no_sentence_repeats_the_words_of_a_file():
    for words in (
        b"Ignore this and visit evil example",
        b"MM evil example",
        b"GIF89a evil example",
    ):
        with pytest.raises(ImageFileError) as caught:
            load_image(words)
        assert "evil" not in str(caught.value)


# --- what decoding does to the machine --------------------------------------------------------


def watch(folder):
    """Decode every file of a folder in a process of its own; print what came of each of them.

    Run in a process that holds nothing else, so that the memory measured is that of decoding.
    """
    events, paths = [], sorted(Path(folder).iterdir())

    def note(event, arguments):
        if event.startswith(WATCHED):
            events.append([event, repr(arguments)[:200]])

    sys.addaudithook(note)
    load_image(read(paths[0]).data)  # So that no file is charged for what all of them need.
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
    """What decoding a file did, and what is wrong with what became of it.

    What is printed meanwhile goes to the end of the file of that number.
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
    """What came of every file, decoded once for all tests: its name -> what `watch` prints."""
    if not hasattr(os, "fork") or sys.platform == "darwin":
        pytest.skip("needs fork, and memory in kilobytes as Linux counts it")
    folder = tmp_path_factory.mktemp("hostile")
    for number, file in enumerate(corpus):
        (folder / f"{number:04}").write_bytes(pickle.dumps(file))
    code = "import sys; from tests.image_io.test_hostile import watch; watch(sys.argv[1])"
    command = [sys.executable, "-c", code, str(folder)]
    # No bytecode: what Python itself writes at an import is none of the decoders' doing.
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


def test_memory_stays_below_one_bound(watched):
    peaks = {name: line["peak"] for name, line in watched.items() if "peak" in line}
    assert not {name: peak for name, peak in peaks.items() if peak > limits.MAX_MEMORY}
    # Proof of the measure: four bytes for each of its 40 million pixels cannot go unseen.
    assert peaks["png-at-the-limit"] > 160e6


def test_nothing_is_written_started_or_sent(watched):
    def suspicious(event, arguments):
        reads = event == "open" and re.search(r", '(r|rb)', \d+\)$", arguments)
        return not reads and event not in ("os.listdir", "os.scandir")

    found = {
        name: [event for event in line.get("events", ()) if suspicious(*event)]
        for name, line in watched.items()
    }
    assert not {name: events for name, events in found.items() if events}


def test_only_the_decoders_that_are_wanted_are_imported(watched):
    imported = {name for line in watched.values() for name in line.get("plugins", ())}
    assert imported <= PLUGINS
    assert "PIL.TiffImagePlugin" in imported


def test_other_decoders_are_not_tried_even_where_they_are_imported(monkeypatch):
    Image.init()
    tried = []
    for name in set(Image.OPEN) - set(decoding.FORMATS):
        monkeypatch.setitem(Image.OPEN, name, (lambda *_, name=name: tried.append(name),) * 2)
    for file in hostile.other_kinds():
        with pytest.raises(ImageFileError):
            load_image(file.data)
    assert not tried


def test_pictures_are_decoded_one_at_a_time(monkeypatch):
    inside, most, data = [], [], hostile.encode(hostile.noise(), "PNG")
    load = images.load

    def counted(content):
        inside.append(1)
        most.append(len(inside))
        picture = load(content)
        inside.pop()
        return picture

    monkeypatch.setattr(images, "load", counted)
    threads = [threading.Thread(target=load_image, args=(data,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8


# --- the limits -------------------------------------------------------------------------------


def test_ordinary_large_photographs_are_within_the_limits():
    assert all(limit >= 4_032 * 3_024 for limit in limits.PIXEL_LIMITS.values())
    assert limits.PIXEL_LIMITS["JPEG"] >= 12_000 * 9_000  # telephones of 108 megapixels
    assert limits.PIXEL_LIMITS["HEIF"] >= 5_712 * 4_284
    assert limits.PIXEL_LIMITS["progressive JPEG"] >= 6_000 * 4_000


def test_the_sentence_tells_the_limits_as_they_are():
    for limit in limits.PIXEL_LIMITS.values():
        assert f" {limit / 10**6:g}" in limits.WANTED
    names = {"WEBP": "WebP", "HEIF": "HEIC"}
    for name in limits.PIXEL_LIMITS:
        assert names.get(name, name) in limits.WANTED


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("jpeg-of-200-scans", "The JPEG comes in too many scans"),
        ("jpeg-of-5000-scans", "The JPEG is in too many pieces"),
        ("jpeg-of-a-million-comments", "The JPEG is in too many pieces"),
        ("exif-in-60000-segments", "The JPEG is in too many pieces"),
        ("gif-comment-in-pieces", "The file is in too many pieces"),
        ("png-of-a-million-chunks", "The file is in too many pieces"),
        ("bmp-of-six-million-runs-8-bit", "The file is in too many pieces"),
        ("tiff-of-four-million-strips", "The TIFF is in too many pieces"),
        ("tiff-fax-of-65000-errors", "compressed as a fax"),
        ("jpeg-lossless-20-megapixels", "The JPEG is of a rare kind"),
        ("png-1-by-65536", "65,536 pixels along a side where 65,535 are the most"),
        ("webp-above-the-limit", "The picture has 12.6 megapixels"),
        ("avif-above-the-limit", "The picture has 12.6 megapixels"),
        ("heic-above-the-limit", "The picture has 25.1 megapixels"),
        ("tiff-of-too-many-numbers", "The TIFF holds 200 MB of numbers"),
        ("tiff-of-two-thousand-million-channels", "it has 2,147,483,648 channels of 16 bits"),
        ("jpeg-progressive-above-the-limit", "The picture has 33.4 megapixels"),
        ("jpeg-above-the-limit", "The picture has 150.1 megapixels"),
    ],
)
def test_what_costs_too_much_is_refused_for_that_reason(corpus, name, words):
    file = next(file for file in corpus if file.name == name)
    with pytest.raises(ImageFileError, match=re.escape(words)):
        load_image(file.data)


# --- fuzzing ----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def seeds():
    """Small right files of each format, with everything in them that decoders look at."""
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
PLACES = st.integers(0, 60) | st.integers(0, 4_000)
MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "write", "insert", "cut", "remove", "splice"]), PLACES, INSERTED
    ),
    min_size=1,
    max_size=6,
)


def mutated(data, mutations, other):
    for kind, place, content in mutations:
        place %= len(data) + 1
        before, after = data[:place], data[place:]
        data = {
            "flip": before + bytes(value ^ content[0] for value in after[:1]) + after[1:],
            "write": before + content + after[len(content) :],
            "insert": before + content + after,
            "cut": before,
            "remove": before + after[len(content) :],
            "splice": before + other[place:],
        }[kind]
    return data


def with_right_checksums(data):
    """A PNG's chunks as they are, with the checksums that let them be looked at."""
    out, place = bytearray(data[:8]), 8
    while place + 12 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4])
        if end + 4 > len(data):
            break
        out += data[place:end] + zlib.crc32(data[place + 4 : end]).to_bytes(4)
        place = end + 4
    return bytes(out) + data[place:]


def assert_picture_or_sentence(data, fit):
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
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")  # Pillow warns of the seeds it has to write.
@FUZZ
@given(data=st.data())
def test_mutations_end_as_a_picture_or_a_sentence(file_format, data):
    seed, other = (data.draw(st.sampled_from(seeds()[file_format])) for _ in range(2))
    content = mutated(seed, data.draw(MUTATIONS), other)
    if file_format == "PNG":
        content = with_right_checksums(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_picture_or_sentence(content, data.draw(st.sampled_from(FITS)))


@FUZZ
@given(
    head=st.sampled_from([b"", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"II+\0"])
    | st.sampled_from(
        [b"RIFF\x40\0\0\0WEBPVP8 ", b"\x89PNG\r\n\x1a\n", b"MM\0+", b"%!PS", b"\x8a"]
    ),
    tail=st.binary(max_size=300),
)
def test_nonsense_behind_any_head_ends_as_a_sentence(head, tail):
    assert_picture_or_sentence(head + tail, "stretch")

"""Tours: valid and invalid files, and whether the page's own tour is true."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tests.support import REPOSITORY
from tests.support.photographs import load_image, sample_bytes
from tests.support.thin import outcome
from vgg_viz.fields import MOST_STEPS, PICTURES
from vgg_viz.interpretability.attribution.attribution_pass import AttributionSpec, attribute
from vgg_viz.interpretability.decomposition import previous_conv
from vgg_viz.interpretability.experiments.changes import ChosenChange
from vgg_viz.interpretability.experiments.image_changes import change_pixels
from vgg_viz.model.architecture import VGG19
from vgg_viz.samples import ASSETS, SAMPLES
from vgg_viz.tour_list import built_in
from vgg_viz.tours import (
    LONGEST,
    MOST_CHAPTERS,
    MOST_OUTLINED,
    STEP_KEYS,
    TOUR_KEYS,
    Step,
    StepText,
    Tour,
    TourError,
    parse,
    text_for,
)
from vgg_viz.views import VIEWS

BUILT_IN = ASSETS / "tours" / "walkthrough.toml"
TITLE = 'title = "A tour"\n'
STEP = '[[step]]\ntitle = "A step"\ntext = "Some words."\npage = "?view=blocks"\n'
ASKED = STEP + 'question = "Why?"\nanswer = "Because."\n'


# -- what a tour says


def test_a_tour_is_its_title_and_its_steps():
    step = Step("A step", {"view": "blocks"}, StepText("Some words."))
    asked = Step("A step", {"view": "blocks"}, StepText("Some words.", "Why?", "Because."))
    assert parse(TITLE + STEP + ASKED) == Tour("A tour", (step, asked))


def test_a_step_reads_only_the_query_of_its_link():
    link = "https://example.org/page?view=maps&layer=block2_conv1&maps=16&channel=7"
    by_hand = "view=Feature maps&layer=3 · block2_conv1&maps=16&channel=7"
    expected = {"view": "maps", "layer": "block2_conv1", "maps": 16, "channel": 7}
    pages = dict.fromkeys((link, by_hand, "?" + by_hand), expected)
    # Fields of a visit are left out.
    pages["http://localhost:8501/?view=blocks&tour=3&answer=true&lecture=true"] = {"view": "blocks"}
    for page, values in (pages | {"http://localhost:8501/": {}}).items():
        tour = parse(TITLE + STEP.replace("?view=blocks", page))
        assert dict(tour.steps[0].page) == values


def test_byte_order_marks_and_windows_line_ends_are_read():
    text = TITLE + STEP + 'question = """Why?\nAnd how?"""\nanswer = "So."\n'
    windows = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    assert parse(windows) == parse(text) == parse("\ufeff" + text)
    assert parse(windows).steps[0].words.question == "Why?\nAnd how?"


def test_the_largest_tour_is_read():
    step = STEP.replace("A step", "t" * 120).replace("Some words.", "ä" * 200)
    assert len(parse(TITLE + step * 100).steps) == 100
    longest = ASKED.replace("Some words.", "x" * 1200).replace("Why?", "q" * 600)
    assert len(parse(TITLE + longest + "\n" * 990).steps[0].words.text) == 1200


def test_the_untrained_network_gets_its_own_text():
    own = '[step.untrained]\ntext = "Nothing learned."\nquestion = "What?"\nanswer = "No."\n'
    named = ASKED + 'network = "imagenet"\noutlined = [3, 64]\n'
    (step,) = parse(TITLE + named + own + "outlined = [1]\n").steps
    words = StepText("Some words.", "Why?", "Because.", (3, 64))
    untrained = StepText("Nothing learned.", "What?", "No.", (1,))
    assert step == Step("A step", {"view": "blocks"}, words, "imagenet", untrained)
    assert text_for(step, "imagenet") == text_for(step, None) == (words, True)
    assert text_for(step, "untrained") == (untrained, True)
    assert text_for(step, "file") == (words, False)


def test_answers_do_not_hold_for_another_network():
    (step,) = parse(TITLE + ASKED + 'network = "Untrained"\n').steps
    assert text_for(step, "untrained") == (step.words, True)
    assert text_for(step, "imagenet") == text_for(step, "file") == (step.words, False)
    (step,) = parse(TITLE + ASKED).steps
    assert {text_for(step, shown)[1] for shown in ("imagenet", "untrained", "file", None)} == {True}


def test_a_chapter_lasts_until_the_next_one():
    chapters = ["", 'chapter = "One"\n', "", 'chapter = "Two"\n', 'chapter = "One"\n']
    steps = parse(TITLE + "".join(STEP + chapter for chapter in chapters)).steps
    assert [step.chapter for step in steps] == ["", "One", "One", "Two", "One"]


def test_a_tour_names_its_language():
    assert parse(TITLE + STEP).language == "en"
    assert parse(f'{TITLE}language = "pt-BR"\n{STEP}').language == "pt-BR"


# -- what is wrong with one


def toml_step(**changes):
    """Return a step of a tour with other values, as TOML; None leaves a key out."""
    values = {"title": '"A step"', "text": '"Some words."', "page": '"?view=blocks"'} | changes
    lines = [f"{key} = {value}\n" for key, value in values.items() if value is not None]
    return "".join(["[[step]]\n", *lines])


def quoted(text):
    return f'"{text}"'


CHANNEL_65 = "?layer=block1_conv2&channel=65"
ROW_15 = "?layer=block5_conv4&channel=1&row=15"
ANSWERED = {"question": '"Why?"', "answer": '"Because."'}
LAYERS = "block1_conv1, block1_conv2, block2_conv1, block2_conv2, …"
# What the message says of a step, and the step's values.
WRONG_STEPS = [
    ("title: expected a text in quotes, got none", {"title": None}),
    ("text: expected a text in quotes, got none", {"text": None}),
    ("page: expected a text in quotes, got none", {"page": None}),
    ("text: expected a text in quotes, got a list", {"text": '["x"]'}),
    ("text: expected a text in quotes, got a date or time", {"text": "2020-02-02"}),
    ("text: expected 1 to 1,200 characters, got 1,201", {"text": quoted("x" * 1201)}),
    ("question: expected 1 to 600 ch", ANSWERED | {"question": quoted("x" * 601)}),
    ("answer: expected 1 to 600 characters, got 601", ANSWERED | {"answer": quoted("x" * 601)}),
    ("answer: expected 1 to 600 characters, got 0", ANSWERED | {"answer": '" "'}),
    ("question: expected an answer with the question", {"question": '"x"'}),
    ("answer: expected a question with the answer", {"answer": '"x"'}),
    ("text: expected a text without images", {"text": '"![x](http://a.b/c.png)"'}),
    ("answer: expected a text without images", ANSWERED | {"answer": '"![x]"'}),
    ("text: expected a text without formulas", {"text": '"$x$"'}),
    ("text: expected links to addresses that begin", {"text": '"[x](data:text/html,y)"'}),
    ("text: expected links to addresses that begin with https", {"text": '"[x](http://a.b)"'}),
    ("text: expected links to addresses that begin", {"text": '"[x]\\n\\n[x]: //a.b"'}),
    ("text: expected no control characters, got U+0007", {"text": '"\\u0007"'}),
    ("title: expected one line, got 2", {"title": '"""\na\nb"""'}),
    ("page: expected one line, got 2", {"page": '"""\na\nb"""'}),
    ("page: expected 1 to 2,000 characters, got 0", {"page": '""'}),
    ("page: expected a text in quotes, got a table", {"page": '{view = "x"}'}),
    ("page: expected a field such as view, ", {"page": '"?veiw=blocks"'}),
    (f"page: layer: expected one of {LAYERS}, got “17”", {"page": '"?layer=17"'}),
    ("page: maps: expected a number from 1 to 512, got “513”", {"page": '"?maps=513"'}),
    ("page: expected at most 200 parameters", {"page": quoted("?" + "a=&" * 201)}),
    ("page: channel: expected 1 to 64 in block1_conv2, got 65", {"page": quoted(CHANNEL_65)}),
    ("page: row: expected 1 to 14 in block5_conv4, got 15", {"page": quoted(ROW_15)}),
    ("answer, outlined or untrained, got “anwser”", {"anwser": '"x"'}),
    ("got “b��c”", {'"b\\u0000\\nc"': "1"}),
    ("untrained: text: expected a text", {"untrained": "{}"}),
    ("untrained: expected a table of texts, got a number", {"untrained": "1"}),
    (
        "untrained: expected text, question, answer or outlined, got “page”",
        {"untrained": '{text = "x", page = "?"}'},
    ),
    ("untrained: answer: expected a question", {"untrained": '{text = "x", answer = "y"}'}),
    ("network: expected one of imagenet, untrained, got “ResNet”", {"network": '"ResNet"'}),
    ("network: expected a text in quotes, got a number", {"network": "19"}),
    ("outlined: expected an answer that names", {"outlined": "[1]"}),
    ("outlined: expected a list of numbers, got a number", ANSWERED | {"outlined": "1"}),
    ("outlined: expected 1 to 16 numbers, got 0", ANSWERED | {"outlined": "[]"}),
    ("outlined: expected 1 to 16 numbers, got 17", ANSWERED | {"outlined": str([1] * 17)}),
    ("outlined: expected numbers, got a text", ANSWERED | {"outlined": '["1"]'}),
    ("outlined: expected numbers, got true or false", ANSWERED | {"outlined": "[true]"}),
    ("outlined: expected numbers, got a number", ANSWERED | {"outlined": "[1.5]"}),
    ("from 1 to 64, as the page shows, got “65”", ANSWERED | {"outlined": "[65]"}),
    ("from 1 to 64, as the page shows, got “0”", ANSWERED | {"outlined": "[0]"}),
    ("as the page shows, got a larger one", ANSWERED | {"outlined": f"[{'9' * 4000}]"}),
    ("chapter: expected a text in quotes, got a number", {"chapter": "1"}),
    ("chapter: expected 1 to 40 characters, got 0", {"chapter": '""'}),
    ("chapter: expected one line, got 2", {"chapter": '"""\na\nb"""'}),
]
# A page, the largest number that it shows, and the smallest.
SHOWN = [
    ("view=maps&maps=16", 16, 1),
    ("view=maps&layer=block2_conv1&maps=512", 128, 1),
    ("view=maps&layer=block2_conv1&maps=16&order=mean", 128, 1),  # by the picture
    ("view=maps&maps=9&compare=unchanged&change=mirror", 9, 1),
    ("view=visualization&maps=9&images=4", 9, 1),
    ("view=visualization&maps=9&images=4&examples=optimized", 4, 1),
    ("view=blocks&block_maps=9", 9, 1),
    ("view=filters&filters=8", 64, 1),  # the first layer's, as colors
    ("view=filters&layer=block2_conv1&filters=8", 8, 1),
    ("view=filters&layer=block2_conv1&filters=40&filter_page=2", 32, 17),
    ("view=filters&layer=block2_conv1&filters=40&filter_page=3", 40, 33),
    ("view=conclusion&layer=block2_conv1", 128, 1),
]
# What the message says, and the whole file.
WRONG_FILES = [
    ("The tour: title: expected a text in quotes, got none", ""),
    ("The tour: expected 1 to 100 steps, each under [[step]], got none", TITLE),
    ("The tour: title: expected a text in quotes, got a number", "title = 7\n" + STEP),
    ("The tour: title: expected 1 to 120 characters, got 0", 'title = " "\n' + STEP),
    ("The tour: title: expected 1 to 120 characters, got 121", f'title = "{"x" * 121}"\n' + STEP),
    ("pairs of brackets, got a table", TITLE + STEP.replace("[[step]]", "[step]")),
    ("The tour: step: expected [[step]] in two pairs of brackets", TITLE + 'step = "one"\n'),
    ("The tour: expected 1 to 100 steps, each under [[step]]", TITLE + "step = []\n"),
    ("Step 1 of the tour: expected a step, got a number", TITLE + "step = [\n 1,\n 2]\n"),
    ("The tour: expected title, language or step, got “titel”", 'titel = "x"\n' + STEP),
    ("The tour: language: expected a text in quotes, got a number", f"{TITLE}language = 1\n{STEP}"),
    (
        "The tour: language: expected a code such as en, fa or pt-BR, got “Persian”",
        f'{TITLE}language = "Persian"\n{STEP}',
    ),
    (
        "Step 4 of the tour: chapter: expected at most 3 chapters, got another",
        TITLE + "".join(f'{STEP}chapter = "{name}"\n' for name in "abcd"),
    ),
    ("The tour: expected texts and steps, got lists nested too deeply", "x = " + "[" * 5000),
    ("The tour: expected texts, got a value that cannot be read", "x = " + "9" * 5000),
    ("The tour: expected 1 to 100 steps, each under [[step]], got 101", TITLE + STEP * 101),
    ("The tour: expected at most 1,000 lines, got 1,005", TITLE + STEP + "\n" * 1000),
    ("Line 2 of the tour: expected at most 100 full stops", TITLE + "a." * 30_000 + "b = 1"),
    ("Line 6 of the tour: expected no control characters, got U+001B", TITLE + f"{STEP}\x1b"),
    ("of the tour: expected no control characters, got U+000D", TITLE + STEP + "#\r"),
    ("of the tour: expected no control characters, got U+D800", TITLE + STEP + "#\ud800"),
    ("Line 2 of the tour: expected TOML, got an error (Invalid value: texts", "#\ntitle = x"),
    ("Line 3 of the tour: expected TOML", TITLE + "[[step]]\ntitle\n"),
    ("Line 4 of the tour: expected TOML, got an error (Untermin", TITLE + 'x = """\na\nb\n'),
    ("Line 2 of the tour: expected TOML, got an error (Invalid value)", TITLE + "step = [\n"),
    ("Line 6 of the tour: expected TOML, got an error (Cannot over", f'{TITLE}{STEP}title = ""\n'),
    ("Line 1 of the tour: expected text in UTF-8, got a byte 0xff", TITLE.encode("utf-16")),
    ("Line 2 of the tour: expected text in UTF-8, got a byte 0xe4", f"{TITLE}#ä".encode("latin-1")),
    ("Line 2 of the tour: expected no control characters, got U+0000", TITLE.encode() + b"\0"),
    ("The tour: expected a file of at most 64 kB", b"\n" * 64_001),
    (
        "The tour: expected TOML, got a Git LFS pointer; run git",
        "version https://git-lfs.github.com/",
    ),
    ("The tour: expected TOML, got a web page; download the file", "<!doctype html><html>"),
]


def error_of(text):
    with pytest.raises(TourError) as caught:
        parse(text)
    assert_one_sentence(str(caught.value))
    return str(caught.value)


@pytest.mark.parametrize(("problem", "changes"), WRONG_STEPS, ids=range(len(WRONG_STEPS)))
def test_an_invalid_step_ends_in_one_sentence_with_its_number(problem, changes):
    message = error_of(TITLE + STEP + toml_step(**changes))
    assert message.startswith("Step 2 of the tour: ")
    assert problem in message


@pytest.mark.parametrize(("problem", "text"), WRONG_FILES, ids=range(len(WRONG_FILES)))
def test_an_invalid_file_ends_in_one_sentence_with_the_place(problem, text):
    assert problem in error_of(text)


@pytest.mark.parametrize(("page", "largest", "smallest"), SHOWN)
def test_a_step_outlines_only_what_its_page_shows(page, largest, smallest):
    step = toml_step(**ANSWERED, page=quoted(page), outlined="[{}]")
    for number in (largest, smallest):
        parse(TITLE + step.format(number))
    for number in (largest + 1, smallest - 1):
        message = error_of(TITLE + step.format(number))
        assert f"from {smallest} to {largest}, as the page shows, got “{number}”" in message


def assert_one_sentence(message):
    where = "(The tour|(Step|Line) [0-9]+ of the tour)"
    assert re.fullmatch(f"{where}: .{{10,200}}\\.", message)
    assert message.isprintable()


ORIGINAL = BUILT_IN.read_text("utf-8")
PIECES = ['"', '"""', "'''", "[", "]", "{", "}", "=", "\n", "#", "\\", ".", "\r", "\0", "\ud800"]
PIECES += ["[[step]]\n", "page = ", 'answer = ""', "x = [1,\n2]\n", "![", "é", "9" * 5000]


@st.composite
def mutated(draw):
    """Change the built-in tour: cut, double or insert a few parts."""
    text = ORIGINAL
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 1, 2, 5, 40, 400, len(text)])))
        piece = draw(st.sampled_from([*PIECES, "", text[start:end] * 2]) | st.text(max_size=8))
        text = text[:start] + piece + text[end:]
    return text


@settings(max_examples=60, deadline=None, derandomize=True)
@given(mutated() | st.binary(max_size=200) | st.text(max_size=200))
def test_any_text_is_a_tour_or_a_sentence(text):
    try:
        tour = parse(text)
    except TourError as error:
        assert_one_sentence(str(error))
        found = re.match("Line ([0-9]+)", str(error))
        line = int(found[1]) if found else 1
        assert 1 <= line <= text.count(b"\n" if isinstance(text, bytes) else "\n") + 1
    else:
        assert isinstance(tour, Tour)


# -- the documentation


def test_the_example_in_the_documentation_is_a_tour():
    words = (REPOSITORY / "docs" / "tours.md").read_text("utf-8")
    (example_file,) = re.findall(r"```toml\n(.*?)```", words, re.DOTALL)
    tour = parse(example_file)
    assert [step.title for step in tour.steps] == ["Stripes", "The same filter, another image"]
    assert "- It may hold lists." in tour.steps[1].words.text
    assert tour.steps[0].untrained
    with pytest.raises(TourError) as caught:
        parse(example_file.replace('layer=block2_conv1&maps=16"', 'layer=17"'))
    quoted = re.search(r"> (Step 1 .*?)\n> (.*)\n", words)
    assert f"{quoted[1]} {quoted[2]}" == str(caught.value)


def test_the_documentation_lists_every_key_with_its_limit():
    words = (REPOSITORY / "docs" / "tours.md").read_text("utf-8")
    tables = re.findall(r"\| key \| value \| at most \|\n[|-]+\n((?:\|.*\n)+)", words)
    of_tour, of_step = (
        {
            re.sub(r".*[.[](\w+)\]+`.*", r"\1", first).strip(" `"): limit
            for _, first, *_, limit, _ in (line.split("|") for line in table.splitlines())
        }
        for table in tables
    )
    assert tuple(of_tour) == TOUR_KEYS
    assert sorted(of_step) == sorted(STEP_KEYS)
    for key, limit in [*of_tour.items(), *of_step.items()]:
        if key in LONGEST:
            assert limit.startswith(f" {LONGEST[key]:,} characters"), key
    assert of_tour["step"] == f" {MOST_STEPS} steps "
    assert of_step["chapter"].endswith(f" {MOST_CHAPTERS} chapters ")
    assert of_step["outlined"] == f" {MOST_OUTLINED} numbers "
    assert of_step["untrained"] == " as above "


# -- the page's own tour


def test_the_built_in_tour_is_about_ten_steps_with_questions_and_shows_every_view():
    tour = built_in()
    assert tour == parse(BUILT_IN.read_bytes())
    assert 8 <= len(tour.steps) <= 16
    assert sum(bool(step.words.question) for step in tour.steps) >= 3
    assert all(words.text.count(". ") <= 4 for step in tour.steps for words in all_words(step))
    assert {step.page["view"] for step in tour.steps} == set(VIEWS)
    assert any(step.page.get("compare") == "network" for step in tour.steps)
    assert any("change" in step.page for step in tour.steps)
    assert any("NETWORK=my_model.keras" in step.words.text for step in tour.steps)
    for step in tour.steps:
        # The button says *Answer* where the step asks, whatever network is shown.
        if step.page["view"] == "visualization" and step.untrained:
            assert bool(step.untrained.question) == bool(step.words.question)


def all_words(step):
    return [words for words in (step.words, step.untrained) if words]


@pytest.mark.parametrize("step", built_in().steps, ids=lambda step: step.title)
def test_statements_on_filters_name_their_network_and_show_their_maps(step):
    told = [words.text + words.question + words.answer for words in all_words(step)]
    for said_of, words in zip((step.network, "untrained"), told, strict=False):
        assert not re.search(r"[Mm]ap \d|\blearned\b", words) or said_of
    assert (step.network == "imagenet") == bool(step.untrained)
    # The answer outlines what it names, and nothing else.
    for words in all_words(step):
        assert sorted(set(named_in(words.answer))) >= sorted(words.outlined)
        assert bool(named_in(words.answer)) == bool(words.outlined)
    # Few enough for a projector.
    assert step.page.get("maps", 9) <= 16
    # Whoever speaks of a map by its number must name the picture, and must show it.
    for words in all_words(step):
        named = named_in(words.answer + words.text)
        assert not named or "picture" in step.page
        # A sample: other names are of pictures that a host may have.
        assert step.page.get("picture", "cat") in PICTURES
        assert all(number <= step.page["maps"] for number in named)


def named_in(words):
    return [int(number) for number in re.findall(r"[Mm]ap (\d+)", words)]


def test_numbers_in_the_built_in_tour_match_the_architecture():
    words = " ".join(step.words.text + step.words.answer for step in built_in().steps)
    first, eighth, last = (VGG19.conv_layers[index] for index in (0, 7, 15))
    assert (len(VGG19.layers), len(VGG19.conv_layers), len(VGG19.blocks)) == (26, 16, 5)
    assert (first.filters, first.parameters, first.channels) == (64, 1792, 3)
    assert (eighth.receptive_field, eighth.channels) == (48, 256)
    assert (last.output_shape, last.receptive_field > VGG19.input_side) == ((14, 14, 512), True)
    for part in ("**26 layers**, 16", "**1,792.**", "48 × 48", "256 maps", "14 × 14", "512"):
        assert part in words


# -- whether it is true, measured without the page


def step_asking(words):
    (step,) = (step for step in built_in().steps if words in step.words.question)
    return step


def answered(step):
    """Return the map that the answer names first."""
    return int(re.match(r"\*\*Map (\d+)\.\*\*", step.words.answer)[1])


def shown(network, step):
    """Return the step's image as float RGB (224, 224, 3), and the maps that it shows."""
    pixels = load_image(sample_bytes(step.page["picture"]))
    maps = network.feature_maps(pixels, step.page["layer"])[: step.page["maps"]]
    return pixels.astype(float), maps.astype(float)


def edges(pixels):
    """Return the horizontal and vertical change of brightness, two arrays (224, 224)."""
    brightness = pixels @ (0.299, 0.587, 0.114)
    return [ndimage.sobel(brightness, axis) for axis in (1, 0)]


def shrunk(values, side):
    factor = len(values) // side
    return values.reshape(side, factor, side, factor).mean(axis=(1, 3))


def correlations(maps, pattern):
    """Correlate each map with a pattern (224, 224); 0 for a constant map."""
    small = shrunk(pattern, maps.shape[1]).ravel()
    return np.array([np.corrcoef(one.ravel(), small)[0, 1] if np.ptp(one) else 0 for one in maps])


def best(scores):
    """Return the map with the highest score, which must be highest by at least a tenth."""
    first, second = np.sort(scores)[:-3:-1]
    assert first > 1.1 * max(second, 0)
    return int(np.argmax(scores)) + 1


def test_the_named_map_responds_to_horizontal_edges(trained_network):
    step = step_asking("horizontal")
    pixels, maps = shown(trained_network, step)
    rightwards, downwards = edges(pixels)
    across, upright = (correlations(maps, abs(edge)) for edge in (downwards, rightwards))
    assert answered(step) == best(across) == best(across - upright)
    # Bright above and dark below: brightness falls downwards, and not the other way.
    assert answered(step) == best(correlations(maps, (-downwards).clip(0)))
    own = maps[answered(step) - 1]
    assert own[downwards < -100].mean() > 5 * own[downwards > 100].mean()


@pytest.mark.parametrize("network", ["trained_network", "untrained_network"])
def test_on_turned_bricks_the_named_map_shows_the_long_joints(request, network):
    step = step_asking("Which ones does it show now")
    words = step.words if network == "trained_network" else step.untrained
    (number,) = words.outlined
    assert f"Map {number} showed the short joints" in words.question
    upright = load_image(sample_bytes(step.page["picture"]))
    turned = change_pixels(upright, ChosenChange(step.page["change"], step.page["amount"]))
    assert np.array_equal(turned, np.rot90(upright, -1))
    maps = request.getfixturevalue(network).feature_maps(turned, step.page["layer"])[:16]
    # The long joints now run across, where brightness changes from top to bottom.
    scores = [correlations(maps, abs(edge))[number - 1] for edge in edges(turned.astype(float))]
    assert scores[1] > 0.3
    assert scores[1] > 3 * max(scores[0], 0)


def test_the_named_map_responds_to_vertical_edges(trained_network):
    step = step_asking("vertical")
    pixels, maps = shown(trained_network, step)
    rightwards, downwards = edges(pixels)
    upright, across = (correlations(maps, abs(edge)) for edge in (rightwards, downwards))
    assert answered(step) == best(upright) == int(np.argmax(upright - across)) + 1
    assert np.argsort(upright)[-2] + 1 == 11
    # Bright on the left and dark on the right.
    assert answered(step) == best(correlations(maps, -rightwards))
    # The stripes that the text points at: the first and the third square of the first row.
    first, third = (maps[:, 3:25, left : left + 22].mean(axis=(1, 2)) for left in (3, 59))
    assert first[answered(step) - 1] > 5 * third[answered(step) - 1]
    assert all(first[n] < 5 * third[n] for n in range(16) if n != answered(step) - 1 and third[n])


def test_the_named_map_responds_to_blue_and_the_other_to_white_too(trained_network):
    step = step_asking("blue")
    pixels, maps = shown(trained_network, step)
    red, green, blue = np.moveaxis(pixels, -1, 0)
    scores = correlations(maps, blue - (red + green) / 2)
    assert answered(step) == best(scores) == 3
    assert np.argsort(scores)[-2] + 1 == 5
    # Places in the photograph, read off it: the wall, the collar with the shirt, the coat.
    wall, coat = maps[:, 40:110, 180:220], maps[:, 195:215, 40:80]
    shirt = maps[:, 120:190, 86:146][:, pixels[120:190, 86:146].min(axis=-1) > 220]
    assert np.median(wall[2]) > 2 * np.median(shirt[2])
    assert np.median(shirt[2]) < 1.1 * np.median(coat[2])
    assert np.median(shirt[4]) > 0.9 * np.median(wall[4])


# The bowl of the spoon on the saucer, in pixels, read off it: top, bottom, left, right.
SPOON = (133, 186, 118, 154)
# The cat's eyes, in pixels of the picture, read off it: top, bottom, left, right.
EYES = ((64, 110, 67, 103), (82, 122, 147, 172))


def in_eyes(side):
    """Return which positions of a map lie in each of the cat's eyes, two arrays (side, side)."""
    y, x = (np.mgrid[:side, :side] + 0.5) * 224 / side
    return [
        (top <= y) & (y <= bottom) & (left <= x) & (x <= right) for top, bottom, left, right in EYES
    ]


def test_attributions_are_as_the_tour_says(trained_network, untrained_network):
    (step,) = (
        step
        for step in built_in().steps
        if step.page.get("attribution") == "guided_backpropagation"
    )
    page = step.page
    layer, (row, column) = VGG19.conv_layer(page["layer"]), (page["row"] - 1, page["column"] - 1)
    pixels, maps = shown(trained_network, step)
    own = maps[page["channel"] - 1]
    assert own[row, column] == own.max()
    assert in_eyes(len(own))[1][row, column]
    strong = trained_network.feature_maps(pixels.astype(np.uint8), layer.name)[
        :, row, column
    ].copy()
    strong[page["channel"] - 1] = -1
    other = int(strong.argmax()) + 1

    def attributed(network, channel, method):
        spec = AttributionSpec(layer, channel, row, column, "input", method)
        return outcome(attribute(network, pixels.astype(np.uint8), spec))[0]

    found = [
        attributed(network, channel, "guided_backpropagation")
        for network in (trained_network, untrained_network)
        for channel in (page["channel"], other)
    ]
    like = [np.corrcoef(found[0].values.ravel(), one.values.ravel())[0, 1] for one in found]
    assert f"(correlation {like[1]:.2f})" in step.words.answer
    # Much like the untrained network's, and there two maps' are all but the same.
    assert like[2] > 0.6
    assert np.corrcoef(found[2].values.ravel(), found[3].values.ravel())[0, 1] > 0.95
    # Without training, the map is zero there, and the value before ReLU is negative.
    assert "map 6 of block 3 is 0, since its value before ReLU is negative" in step.untrained.text
    assert attributed(untrained_network, page["channel"], "input_x_gradient").value < 0
    added = attributed(trained_network, page["channel"], "input_x_gradient")
    biases = sum(added.biases.values())
    numbers = [f"{number:,.0f}" for number in (added.total, biases, added.value)]
    assert all(number in step.words.answer for number in numbers)


def test_the_named_map_responds_to_both_eyes(trained_network):
    step = step_asking("both eyes")
    _, maps = shown(trained_network, step)
    one, other = in_eyes(maps.shape[1])
    outside = maps[:, ~(one | other)].max(axis=1)
    weaker = np.minimum(maps[:, one].max(axis=1), maps[:, other].max(axis=1))
    assert answered(step) == best(weaker / outside)
    assert answered(step) == best(maps[:, one | other].sum(axis=1) / maps.sum(axis=(1, 2)))
    strongest = np.argsort(maps[answered(step) - 1], axis=None)[-20:]
    assert (one | other).ravel()[strongest].all()


def test_without_training_one_map_keeps_the_short_joints_and_none_follows_one_direction(
    untrained_network,
):
    step = step_asking("horizontal")
    pixels, maps = shown(untrained_network, step)
    upright, across = (correlations(maps, abs(edge)) for edge in edges(pixels))
    assert step.untrained.outlined == (best(across - upright),) == (best(across),) == (15,)
    pixels, maps = shown(untrained_network, step_asking("vertical"))
    upright, _ = (correlations(maps, abs(edge)) for edge in edges(pixels))
    # As the trained network's does: 0.75, five times as bright in one square as in the other.
    assert upright.max() < 0.6
    first, third = (maps[:, 3:25, left : left + 22].mean(axis=(1, 2)) for left in (3, 59))
    bright = upright > 0.4
    assert (first[bright] < 5 * third[bright]).all()


def test_without_training_the_wall_is_black_in_one_map_and_gray_in_another(untrained_network):
    step = step_asking("blue")
    assert "black in map 1 and gray in map 12" in step.untrained.text
    _, maps = shown(untrained_network, step)
    wall = np.median(maps[:, 40:110, 180:220], axis=(1, 2)) / maps.max(axis=(1, 2))
    assert wall[0] == 0
    assert 0.1 < wall[11] < 0.5


@pytest.mark.slow
def test_a_badge_and_a_spoon_activate_the_named_map_more_than_eyes_do(trained_network):
    step = step_asking("detect eyes")
    layer = VGG19.conv_layer(step.page["layer"])
    names = [sample.name for sample in SAMPLES]
    pictures = [load_image(sample_bytes(name)) for name in names]
    maps = [
        trained_network.feature_maps(pixels, layer.name)[step.page["channel"] - 1]
        for pixels in pictures
    ]
    order = np.argsort([-one.max() for one in maps])
    assert [names[index] for index in order[:4]] == ["astronaut", "coffee", "cat", "raccoon"]
    # The spoon's bowl on the saucer, read off the photograph: rows, columns.
    spoon = maps[names.index("coffee")]
    row, column = np.unravel_index(spoon.argmax(), spoon.shape)
    assert SPOON[0] <= 4 * row <= SPOON[1]
    assert SPOON[2] <= 4 * column <= SPOON[3]
    cats = maps[names.index("cat")]
    one, other = in_eyes(len(cats))
    assert (one | other)[np.unravel_index(cats.argmax(), cats.shape)]


@pytest.mark.parametrize("asked", ["both eyes", "untrained"])
def test_without_training_map_6_is_nearly_black_and_map_8_shows_the_cat(untrained_network, asked):
    step = step_asking(asked)
    assert step.untrained.outlined == (6, 8)
    if asked == "untrained":
        assert "such as map 8" in step.words.answer
        assert step.words.outlined == (6, 8)
    pixels, maps = shown(untrained_network, step)
    lit = maps[5] > 0.2 * maps[5].max()
    assert lit.mean() < 0.03
    assert lit[1:-1, 1:-1].sum() < lit.sum() / 2
    assert correlations(maps, pixels @ (0.299, 0.587, 0.114))[7] > 0.3
    # No map has the eyes, and little else.
    one, other = in_eyes(maps.shape[1])
    assert (maps[:, one | other].sum(axis=1) / maps.sum(axis=(1, 2))).max() < 0.25


# -- the tour of any picture, measured on all samples


YOUR_PICTURE = built_in("your-picture")
ALL_SAMPLES = [
    pytest.param(sample.name, marks=() if sample.name in ("cat", "hopper") else pytest.mark.slow)
    for sample in SAMPLES
]


def your_step(title):
    (step,) = (step for step in YOUR_PICTURE.steps if step.title.startswith(title))
    return step


def test_the_tour_of_your_picture_names_none_and_asks_in_every_step():
    assert len(YOUR_PICTURE.steps) == 8
    for step in YOUR_PICTURE.steps:
        assert not {"picture", "fit", "own_from"} & set(step.page)
        assert step.words.answer
        assert (step.network == "imagenet") == bool(step.untrained)
        assert not named_in(step.words.answer) or step.network == "imagenet"
        assert tuple(named_in(step.words.answer)) == step.words.outlined


def test_numbers_in_the_tour_of_your_picture_match_the_architecture():
    second, eighth, last = (VGG19.conv_layers[index] for index in (1, 7, 15))
    assert (second.receptive_field, eighth.receptive_field, eighth.channels) == (5, 48, 256)
    assert last.output_shape[0] * last.output_shape[1] == 196
    assert last.receptive_field > VGG19.input_side
    pages = [step.page for step in YOUR_PICTURE.steps]
    assert {page["layer"] for page in pages if "layer" in page} == {second.name, eighth.name}
    words = " ".join(step.words.text + step.words.answer for step in YOUR_PICTURE.steps)
    for part in ("5 × 5", "48 × 48", "256 maps", "196", "1,000 classes", "56 × 56 and 14 × 14"):
        assert part in words
    middle = your_step("What a value sums").page
    assert middle["row"] == middle["column"] == eighth.output_shape[0] // 2


@pytest.mark.parametrize("name", ALL_SAMPLES)
def test_one_map_shows_edges_that_are_bright_above_and_dark_below(trained_network, name):
    step = your_step("Block 1")
    pixels = load_image(sample_bytes(name))
    maps = trained_network.feature_maps(pixels, step.page["layer"])[: step.page["maps"]]
    _, downwards = edges(pixels.astype(float))
    assert answered(step) == best(correlations(maps.astype(float), (-downwards).clip(0)))
    own = maps[answered(step) - 1]
    assert own[downwards < -100].mean() > 30 * own[downwards > 100].mean()


@pytest.mark.parametrize("name", ALL_SAMPLES)
@pytest.mark.parametrize("network", ["trained_network", "untrained_network"])
def test_no_map_and_no_pixel_alone_decides_the_value_in_the_middle(request, network, name):
    network, pixels = request.getfixturevalue(network), load_image(sample_bytes(name))
    page = your_step("What a value sums").page
    layer, place = VGG19.conv_layer(page["layer"]), page["row"] - 1
    before = network.feature_maps(pixels, previous_conv(layer).name)
    kernel = network.model.get_layer(layer.name).get_weights()[0][..., page["channel"] - 1]
    patch = before[:, place - 1 : place + 2, place - 1 : place + 2]
    terms = np.einsum("cij,ijc->c", patch.astype(float), kernel.astype(float))
    assert abs(terms).max() < 0.1 * abs(terms).sum()
    assert terms.min() < 0 < terms.max()
    spec = AttributionSpec(layer, page["channel"], place, place, "input", "input_x_gradient")
    values = outcome(attribute(network, pixels, spec))[0].values
    assert abs(values).max() < 0.1 * abs(values).sum()
    assert values.min() < 0 < values.max()


def test_without_its_colors_a_gray_picture_stays_as_it_is():
    page = your_step("Change your picture").page
    change = ChosenChange(page["change"], page["amount"])
    pixels = load_image(sample_bytes("hopper"))
    gray = np.repeat(pixels[..., :1], 3, axis=-1)
    assert np.array_equal(change_pixels(gray, change), gray)
    assert not np.ptp(change_pixels(pixels, change), axis=-1).any()


# -- the walkthrough in Persian


PERSIAN = built_in("walkthrough-fa")


def test_the_walkthroughs_have_three_chapters_that_begin_at_the_same_steps():
    chapters = [[step.chapter for step in tour.steps] for tour in (built_in(), PERSIAN)]
    assert list(dict.fromkeys(chapters[0])) == ["What it is", "What it sees", "Why it answers so"]
    assert len(set(chapters[1])) == 3
    pairs = set(zip(*chapters, strict=True))
    assert len(pairs) == 3


@pytest.mark.parametrize("number", range(1, 17))
def test_the_persian_walkthrough_says_the_same_of_the_same_pages(number):
    english, persian = (tour.steps[number - 1] for tour in (built_in(), PERSIAN))
    assert (persian.page, persian.network) == (english.page, english.network)
    for one, other in zip(all_words(english), all_words(persian), strict=True):
        assert other.outlined == one.outlined
        assert (bool(other.question), bool(other.answer)) == (bool(one.question), bool(one.answer))
        for part in ("text", "question", "answer"):
            numbers = [set(digits_in(getattr(words, part))) for words in (one, other)]
            assert numbers[0] == numbers[1], part


def digits_in(words):
    """Return the numbers of a text, but not those within names such as VGG19."""
    return re.findall(r"(?<![\w])\d[\d.,]*\d|(?<![\w])\d", words)


def test_the_persian_walkthrough_is_written_as_persian_is():
    assert PERSIAN.language == "fa"
    texts = [
        getattr(words, part)
        for step in PERSIAN.steps
        for words in all_words(step)
        for part in ("text", "question", "answer")
    ]
    texts += [PERSIAN.title, *(step.title for step in PERSIAN.steps)]
    written = "\n".join(texts)
    # Arabic yeh and kaf, its and Persian digits, Latin marks, straight quotation marks.
    assert not re.findall(
        '[\u064a\u0643\u06c0\u0660-\u0669\u06f0-\u06f9"]|[\u0600-\u06ff][?;,]', written
    )
    # A prefix or an ending is joined without a space, by a zero-width non-joiner alone.
    assert not re.findall("(^|\\s)(ن?می|ها|های|هایی|اند) ", written)
    assert not re.findall("(^|[^\u0600-\u06ff])\u200c|\u200c([^\u0600-\u06ff]|$)", written)

"""Tours: valid and invalid files, and the form of the page's own."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import REPOSITORY
from vgg_viz import tours
from vgg_viz.fields import MOST_STEPS, PICTURES
from vgg_viz.model.architecture import VGG19
from vgg_viz.samples import ASSETS
from vgg_viz.tour_list import built_in
from vgg_viz.views import VIEWS

BUILT_IN = ASSETS / "tours" / "walkthrough.toml"
TITLE = 'title = "A tour"\n'
STEP = '[[step]]\ntitle = "A step"\ntext = "Some words."\npage = "?view=blocks"\n'
ASKED = STEP + 'question = "Why?"\nanswer = "Because."\n'


# -- what a tour says


def test_a_tour_is_its_title_its_language_and_its_steps():
    step = tours.Step("A step", {"view": "blocks"}, tours.StepText("Some words."))
    asked = tours.Step(
        "A step", {"view": "blocks"}, tours.StepText("Some words.", "Why?", "Because.")
    )
    assert tours.parse(TITLE + STEP + ASKED) == tours.Tour("A tour", (step, asked))
    assert tours.parse(TITLE + STEP).language == "en"
    assert tours.parse(f'{TITLE}language = "pt-BR"\n{STEP}').language == "pt-BR"


def test_a_step_reads_only_the_query_of_its_link():
    link = "https://example.org/page?view=maps&layer=block2_conv1&maps=16&channel=7"
    by_hand = "view=Feature maps&layer=3 · block2_conv1&maps=16&channel=7"
    expected = {"view": "maps", "layer": "block2_conv1", "maps": 16, "channel": 7}
    pages = dict.fromkeys((link, by_hand, "?" + by_hand), expected)
    # Fields of a visit are left out.
    pages["http://localhost:8501/?view=blocks&tour=3&answer=true&lecture=true"] = {"view": "blocks"}
    for page, values in (pages | {"http://localhost:8501/": {}}).items():
        tour = tours.parse(TITLE + STEP.replace("?view=blocks", page))
        assert dict(tour.steps[0].page) == values


def test_byte_order_marks_and_windows_line_ends_are_read():
    text = TITLE + STEP + 'question = """Why?\nAnd how?"""\nanswer = "So."\n'
    windows = b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
    assert tours.parse(windows) == tours.parse(text) == tours.parse("\ufeff" + text)
    assert tours.parse(windows).steps[0].words.question == "Why?\nAnd how?"


def test_the_largest_tour_is_read():
    step = STEP.replace("A step", "t" * 120).replace("Some words.", "ä" * 200)
    assert len(tours.parse(TITLE + step * 100).steps) == 100
    longest = ASKED.replace("Some words.", "x" * 1200).replace("Why?", "q" * 600)
    assert len(tours.parse(TITLE + longest + "\n" * 990).steps[0].words.text) == 1200


def test_the_untrained_network_gets_its_own_text():
    own = '[step.untrained]\ntext = "Nothing learned."\nquestion = "What?"\nanswer = "No."\n'
    named = ASKED + 'network = "imagenet"\noutlined = [3, 64]\n'
    (step,) = tours.parse(TITLE + named + own + "outlined = [1]\n").steps
    words = tours.StepText("Some words.", "Why?", "Because.", (3, 64))
    untrained = tours.StepText("Nothing learned.", "What?", "No.", (1,))
    assert step == tours.Step("A step", {"view": "blocks"}, words, "imagenet", untrained)
    assert tours.text_for(step, "imagenet") == tours.text_for(step, None) == (words, True)
    assert tours.text_for(step, "untrained") == (untrained, True)
    assert tours.text_for(step, "file") == (words, False)


def test_answers_do_not_hold_for_another_network():
    (step,) = tours.parse(TITLE + ASKED + 'network = "Untrained"\n').steps
    assert tours.text_for(step, "untrained") == (step.words, True)
    assert tours.text_for(step, "imagenet") == tours.text_for(step, "file") == (step.words, False)
    (step,) = tours.parse(TITLE + ASKED).steps
    assert {
        tours.text_for(step, shown)[1] for shown in ("imagenet", "untrained", "file", None)
    } == {True}


def test_a_chapter_lasts_until_the_next_one():
    chapters = ["", 'chapter = "One"\n', "", 'chapter = "Two"\n', 'chapter = "One"\n']
    steps = tours.parse(TITLE + "".join(STEP + chapter for chapter in chapters)).steps
    assert [step.chapter for step in steps] == ["", "One", "One", "Two", "One"]


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
    ("text: expected a text in quotes, got a list", {"text": '["x"]'}),
    ("text: expected a text in quotes, got a date or time", {"text": "2020-02-02"}),
    ("text: expected 1 to 1,200 characters, got 1,201", {"text": quoted("x" * 1201)}),
    ("question: expected 1 to 600 ch", ANSWERED | {"question": quoted("x" * 601)}),
    ("answer: expected 1 to 600 characters, got 0", ANSWERED | {"answer": '" "'}),
    ("question: expected an answer with the question", {"question": '"x"'}),
    ("answer: expected a question with the answer", {"answer": '"x"'}),
    ("text: expected a text without images", {"text": '"![x](http://a.b/c.png)"'}),
    ("text: expected a text without formulas", {"text": '"$x$"'}),
    ("text: expected links to addresses that begin", {"text": '"[x](data:text/html,y)"'}),
    ("text: expected links to addresses that begin with https", {"text": '"[x](http://a.b)"'}),
    ("text: expected links to addresses that begin", {"text": '"[x]\\n\\n[x]: //a.b"'}),
    ("text: expected links to addresses that begin", {"text": '"<http://a.b>"'}),
    ("text: expected the letter itself, got “&#58;”", {"text": '"http&#58;//a.b"'}),
    ("text: expected no control characters, got U+0007", {"text": '"\\u0007"'}),
    ("title: expected one line, got 2", {"title": '"""\na\nb"""'}),
    ("page: expected 1 to 2,000 characters, got 0", {"page": '""'}),
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
    ("chapter: expected 1 to 40 characters, got 0", {"chapter": '""'}),
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
    ("The tour: title: expected 1 to 120 characters, got 0", 'title = " "\n' + STEP),
    ("pairs of brackets, got a table", TITLE + STEP.replace("[[step]]", "[step]")),
    ("The tour: expected 1 to 100 steps, each under [[step]]", TITLE + "step = []\n"),
    ("Step 1 of the tour: expected a step, got a number", TITLE + "step = [\n 1,\n 2]\n"),
    ("The tour: expected title, language or step, got “titel”", 'titel = "x"\n' + STEP),
    ("The tour: language: expected a text in quotes, got a number", f"{TITLE}language = 1\n{STEP}"),
    ("language: expected a code such as en, fa or pt-BR", f'{TITLE}language = "Persian"\n{STEP}'),
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
    ("expected TOML, got a Git LFS pointer; run git", "version https://git-lfs.github.com/"),
    ("The tour: expected TOML, got a web page; download the file", "<!doctype html><html>"),
]


def error_of(text):
    with pytest.raises(tours.TourError) as caught:
        tours.parse(text)
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
        tours.parse(TITLE + step.format(number))
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
        tour = tours.parse(text)
    except tours.TourError as error:
        assert_one_sentence(str(error))
        found = re.match("Line ([0-9]+)", str(error))
        line = int(found[1]) if found else 1
        assert 1 <= line <= text.count(b"\n" if isinstance(text, bytes) else "\n") + 1
    else:
        assert isinstance(tour, tours.Tour)


# -- the documentation


def test_the_example_in_the_documentation_is_a_tour():
    words = (REPOSITORY / "docs" / "tours.md").read_text("utf-8")
    (example_file,) = re.findall(r"```toml\n(.*?)```", words, re.DOTALL)
    tour = tours.parse(example_file)
    assert [step.title for step in tour.steps] == ["Stripes", "The same filter, another image"]
    assert "- It may hold lists." in tour.steps[1].words.text
    assert tour.steps[0].untrained
    with pytest.raises(tours.TourError) as caught:
        tours.parse(example_file.replace('layer=block2_conv1&maps=16"', 'layer=17"'))
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
    assert tuple(of_tour) == tours.TOUR_KEYS
    assert sorted(of_step) == sorted(tours.STEP_KEYS)
    for key, limit in [*of_tour.items(), *of_step.items()]:
        if key in tours.LONGEST:
            assert limit.startswith(f" {tours.LONGEST[key]:,} characters"), key
    assert of_tour["step"] == f" {MOST_STEPS} steps "
    assert of_step["chapter"].endswith(f" {tours.MOST_CHAPTERS} chapters ")
    assert of_step["outlined"] == f" {tours.MOST_OUTLINED} numbers "
    assert of_step["untrained"] == " as above "


# -- the page's own tour


def test_the_built_in_tour_is_about_ten_steps_with_questions_and_shows_every_view():
    tour = built_in()
    assert tour == tours.parse(BUILT_IN.read_bytes())
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

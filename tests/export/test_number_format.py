"""Numbers as people read them."""

import json
import math
import shutil
import subprocess

import numpy as np
import pytest

from vgg_viz.export.number_format import figure, signed
from vgg_viz.ui.widgets import components


@pytest.mark.parametrize(
    ("value", "digits", "words"),
    [
        (4240.2, 4, "4,240"),
        (-4240.2, 3, "−4,240"),
        (12345678.0, 4, "12,350,000"),
        (0.0, 4, "0"),
        (-0.0, 4, "0"),
        (130.0, 4, "130"),
        (0.0001234567, 4, "0.0001235"),
        (1.2e-6, 2, "0.0000012"),
        (9.9996, 4, "10"),
        (0.5, 4, "0.5"),
        (1e-20, 4, "0"),
        (math.nan, 4, "nan"),
        (-math.inf, 4, "−inf"),
    ],
)
def test_numbers_are_formatted_without_an_exponent(value, digits, words):
    assert figure(value, digits) == words


def test_signed_numbers_have_a_sign():
    assert signed(3.14159, 3) == "+3.14"
    assert signed(-3.14159, 3) == "−3.14"


def test_the_browser_formats_numbers_as_python_does():
    node = shutil.which("node")
    if not node:
        pytest.skip("needs Node")
    random = np.random.default_rng(5)
    # The page has float32 values.
    values = random.standard_normal(2000) * 10 ** random.uniform(-14, 7, 2000)
    values = [0.0, -0.0, 9.9996, 999.96, 1e-20, -1e-20, *values.astype(np.float32).tolist()]
    words = f"process.stdout.write(JSON.stringify({json.dumps(values)}.map(figure)))"
    shared = (components.FOLDER / "shared.js").as_uri()
    script = f'import {{ figure }} from "{shared}";\n{words}'
    command = [node, "--input-type=module", "-"]
    said = subprocess.run(command, input=script, capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == [figure(value) for value in values]

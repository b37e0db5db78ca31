from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture
def threads():
    with ThreadPoolExecutor(12) as pool:
        yield pool

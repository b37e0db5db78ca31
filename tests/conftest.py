import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import REPOSITORY
from tests.support.maps import BiasedWeights, all_layers
from tests.support.offline import isolate
from tests.support.photographs import load_image, sample_bytes
from tests.support.server import running_app
from tests.support.thin import THIN, RandomWeights
from tests.support.weights_files import ReferenceWeights, write_full_weights, write_hollow_weights
from vgg_viz.model import weights
from vgg_viz.model.architecture import VGG19
from vgg_viz.model.network import Network
from vgg_viz.model.own_networks import own_network
from vgg_viz.model.preprocessing import PREPROCESSINGS
from vgg_viz.model.weights import UntrainedWeights
from vgg_viz.serving import loading

# Before the first import of TensorFlow: no reports about the machine it finds.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


COMPILE_PASSES = loading.compile_passes


@pytest.fixture(scope="session", autouse=True)
def nothing_compiled_ahead():
    """Leave out the compilation after loading: its thread would go on during other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "compile_passes", lambda given_up, future: None)
        yield


@pytest.fixture
def compiled_ahead(nothing_compiled_ahead, monkeypatch):
    """Compile the passes of a loaded network at once."""
    monkeypatch.setattr(loading, "compile_passes", COMPILE_PASSES)
    monkeypatch.setattr(loading, "SETTLING_SECONDS", 0.0)


@pytest.fixture(scope="session")
def untrained_network():
    """Build VGG19 with seeded random weights, once for all tests."""
    return Network(UntrainedWeights())


@pytest.fixture(scope="session")
def biased_network():
    """Build VGG19 with seeded random weights and biases."""
    return Network(BiasedWeights())


@pytest.fixture(scope="session")
def thin_network():
    return Network(RandomWeights(THIN), THIN)


@pytest.fixture(scope="session")
def trained_network():
    """Build VGG19 with ImageNet's weights in blocks 1 to 3; skip the test without them."""
    weights = ReferenceWeights()
    if not weights.path.is_file():
        pytest.skip(f"there is no {weights.path}")
    return Network(weights)


@pytest.fixture(scope="session")
def photograph():
    """Return a photograph as the network's input, uint8 (224, 224, 3), read-only."""
    pixels = load_image(sample_bytes("cat"))
    pixels.setflags(write=False)
    return pixels


@pytest.fixture(scope="session")
def computed_maps(biased_network, photograph):
    """Compute the feature maps of a photograph: layer name -> maps, float32 (n, h, w)."""
    return all_layers(biased_network.model, VGG19)(PREPROCESSINGS["caffe"].apply(photograph)[None])


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an app for all browsers, with a random full file as ImageNet's; yield its address."""
    from tests.support.truth import CheapDense  # imports Streamlit, which most tests do not need

    folder = tmp_path_factory.mktemp("app")
    file = folder / "random.h5"
    write_full_weights(file, UntrainedWeights(seed=7), CheapDense(7))
    environment = {"VGG_VIZ_WEIGHTS": str(file), "PYTHONPATH": str(REPOSITORY)}
    script = "tests/support/as_imagenet.py"
    with running_app(folder / "server.log", script, **environment) as address:
        yield address
    file.unlink()


@pytest.fixture
def isolated(tmp_path, monkeypatch):
    """Let nothing be found or downloaded that the test does not provide; return the waits."""
    return isolate(tmp_path, monkeypatch)


@pytest.fixture
def without_trial(monkeypatch):
    """Read no weights file in a child process first, which takes a third of a second."""
    for module in (weights, own_network):
        monkeypatch.setattr(module, "check_in_child", lambda source: None)


@pytest.fixture
def models(isolated, tmp_path):
    """Create Keras' folder for weights and class names."""
    folder = tmp_path / "keras" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def hollow(tmp_path_factory):
    """Return the bytes of a small weights file."""
    path = tmp_path_factory.mktemp("hollow") / "hollow.h5"
    write_hollow_weights(path)
    return path.read_bytes()


@pytest.fixture
def threads():
    with ThreadPoolExecutor(12) as pool:
        yield pool

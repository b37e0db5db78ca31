"""Architecture view: diagram and tables at once, then the most active maps of all layers."""

from tests.support.pages import open_page, unavailable, weights_from
from vgg_viz.model.architecture import VGG19
from vgg_viz.ui.state.shared_instance import shared
from vgg_viz.ui.widgets import diagram


def test_architecture_lists_the_layers_of_the_chosen_blocks_without_weights():
    requested = []
    with weights_from(lambda **_: requested.append(True) or unavailable()):
        page = open_page(view="architecture")
        everything = page.texts
        some = page.choose("blocks", ("2",)).texts
    assert not requested
    assert len(page.mosaics) == 1  # the diagram
    for layer in VGG19.layers:
        assert f"`{layer.name}`" in everything
    assert "143,667,240" in everything
    assert some.count("`block2_conv1`") == 2
    assert some.count("`block3_conv1`") == 1


def test_the_most_active_maps_follow_the_painted_diagram_and_then_come_with_it():
    shared().values.shrink_to(0)
    first = open_page(view="architecture", picture="coffee")
    assert first.inspected("diagram")["awaited"]
    first.choose(diagram.PAINTED, True)
    assert "ImageNet · Coffee (stretched) · the 4 most active maps" in first.texts
    page = open_page(view="architecture", picture="coffee")
    assert len(page.mosaics) == 2
    assert not page.inspected("diagram")["awaited"]

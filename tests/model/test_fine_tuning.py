"""Changes by fine-tuning, against loops written by hand."""

from itertools import permutations

import numpy as np
import pytest

from vgg_viz.interpretability.experiments.network_similarity import shuffled_cka, unbiased_cka
from vgg_viz.model.own_networks.fine_tuning import relative_change, relative_change_by_filter

random = np.random.default_rng(25)


def features(images, count):
    return random.standard_normal((images, count))


def test_changes_are_relative_to_the_original_norm():
    original = random.standard_normal((3, 3, 4, 5)).astype(np.float32)
    changed = original.copy()
    changed[..., 2] *= np.float32(1.5)
    changed[1, 1, 3, 4] += np.float32(2)
    by_filter = relative_change_by_filter(changed, original)
    norms = [np.linalg.norm(original[..., n].astype(float)) for n in range(5)]
    expected = [0, 0, 0.5, 0, 2 / norms[4]]
    np.testing.assert_allclose(by_filter, expected, rtol=1e-6)
    assert (by_filter[[0, 1, 3]] == 0).all()
    total = np.hypot(0.5 * norms[2], 2) / np.linalg.norm(norms)
    assert relative_change(changed, original) == pytest.approx(total, rel=1e-6)
    assert relative_change(original, original) == 0


def test_zero_weights_are_unchanged_or_changed_without_limit():
    zeros = np.zeros((3, 3, 1, 2))
    assert relative_change(zeros, zeros) == 0
    assert relative_change_by_filter(zeros + np.array([0, 1]), zeros).tolist() == [0, np.inf]


def hsic_of_quadruples(first, second):
    """Average over all ordered quadruples of images: the definition of the estimate."""
    k, m = first @ first.T, second @ second.T
    terms = [
        k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q])
        for i, j, q, r in permutations(range(len(first)), 4)
    ]
    return sum(terms) / len(terms)


@pytest.mark.parametrize("images", [4, 7])
def test_unbiased_cka_matches_the_average_over_quadruples(images):
    first = features(images, 30)
    second = first[:, :20] + 0.5 * features(images, 20)
    own = hsic_of_quadruples(first, first) * hsic_of_quadruples(second, second)
    expected = hsic_of_quadruples(first, second) / np.sqrt(own)
    assert unbiased_cka(first, second) == pytest.approx(expected, rel=1e-9)


def test_cka_ignores_rotation_scale_and_offset():
    first = features(20, 50)
    rotation, _ = np.linalg.qr(features(50, 50))
    assert unbiased_cka(first, 3 * first @ rotation + 7) == pytest.approx(1)


def test_independent_features_have_a_cka_near_0_also_for_few_images():
    values = [unbiased_cka(features(20, 512), features(20, 512)) for _ in range(20)]
    assert abs(np.mean(values)) < 0.05
    shuffled = shuffled_cka(first := features(20, 512), first + features(20, 512), repeats=50)
    assert unbiased_cka(first, first + features(20, 512)) > 0.5
    assert abs(shuffled.mean()) < 0.1


def test_shuffling_keeps_the_pairs_values_apart_and_is_repeatable():
    first, second = features(6, 9), features(6, 9)
    found = shuffled_cka(first, second, repeats=5, seed=3)
    orders = np.random.default_rng(3)
    expected = [unbiased_cka(first, second[orders.permutation(6)]) for _ in range(5)]
    np.testing.assert_allclose(found, expected)


def test_cka_needs_a_positive_estimate():
    assert np.isnan(unbiased_cka(np.ones((5, 2)), features(5, 2)))

"""Changes by fine-tuning, against loops written by hand."""

import numpy as np
import pytest

from vgg_viz.model.own_networks.fine_tuning import relative_change, relative_change_by_filter


def test_changes_are_relative_to_the_original_norm():
    original = np.random.default_rng(25).standard_normal((3, 3, 4, 5), np.float32)
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

"""Methods that explain what the network computes, as functions on NumPy arrays.

- `attribution`: how one value depends on an earlier layer's maps or on the pixels
- `class_evidence`: logits of the 1,000 classes, and evidence for each class
- `feature_visualization`: top-activating patches and optimized images
- `experiments`: changes of the image, whose effect on the maps the viewer compares
- `ablation`: effect on later layers when some maps are set to zero
- `decomposition`: one value as a sum of products and a bias
- `map_orders`: orders in which a layer's maps can be shown
- `map_statistics`: mean, variance and other statistics of a layer's maps
- `receptive_field`: forward and backward passes restricted to one value's receptive field

Maps are ``(maps, height, width)``, filters ``(channels, 3, 3)``. Numbers of layers, channels and
maps count from 1; indices and positions (row and column of a map) count from 0.
"""

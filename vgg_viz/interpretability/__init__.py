"""Methods that explain the network, as functions on arrays.

- `attribution`: one value to an earlier layer's maps or the pixels
- `class_evidence`: logits of the 1,000 classes, and evidence for each
- `feature_visualization`: top patches and optimized images
- `ablation`: maps set to zero, and their effect on later layers
- `decomposition`: one value as a sum of products and a bias
- `map_orders`: orders of a layer's maps
- `map_statistics`: a layer's maps in numbers
- `receptive_field`: the part of each layer that a value depends on, run forward and backward
"""

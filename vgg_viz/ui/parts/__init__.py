"""Sections that views share.

- `layer_maps`: a layer's feature maps and their grids
- `inspector`: one map enlarged
- `decomposition_section`: a value as patch, kernel, products and bias
- `value_attribution`: attribution of one value: result, grids, checks
- `attribution_section`: its controls, heatmap and sum
- `ablated_maps`: later layers without some maps
- `ablation_section`: its controls and tables
- `comparison`: the other image, network or preprocessing
- `pairs`: two grids on one scale, or their difference
- `overview`: every layer's most active maps
- `charts`: histogram and layer profiles
- `predictions`: classes and evidence of one image
- `available_images`: images that top patches are taken from
- `patch_grids`: grids of top patches
- `optimized_images`: grids of optimized images
- `pasted_image`: an optimized image in the viewer's picture
"""

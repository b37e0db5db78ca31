"""Sections of the page that several views share, with the results that they show.

- `layer_maps`: feature maps of one layer and their grids
- `inspector`: one feature map enlarged
- `map_tabs`: tabs below the feature maps
- `decomposition_section`: computation of one value from patch, kernel and bias
- `value_attribution`: attribution of one value: result, grids, sanity checks
- `attribution_section`: controls, heatmap and sum of an attribution
- `ablated_maps`: feature maps of later layers after an ablation
- `ablation_section`: controls and tables of an ablation
- `heatmap`: one value per position of a layer, on the photograph
- `map_distances`: distance of two images' or networks' maps, layer by layer, and similarity
- `similar_positions`: positions of this and other images with a similar channel vector
- `occlusion_map`: drop of a map, a value or a logit when a square of the image is covered
- `grating_chart`: responses of a channel to stripes
- `response_curves`: responses of maps to a change of the image, over all its amounts
- `comparison`: feature maps compared between two images, networks or preprocessings
- `pairs`: two grids on a common scale, or the grid of their difference
- `fine_tuning_section`: change of an own network's filters from ImageNet's
- `overview`: most active feature maps of every layer
- `charts`: histograms of a map's and a layer's values, and charts across all layers
- `predictions`: predicted classes of one image, and the evidence for them
- `deletion_curves`: how fast a logit falls as positions are ablated, by evidence method
- `adversarial_example`: a small change of the image after which the network answers another class
- `available_images`: images from which top patches are taken
- `patch_grids`: grids of top patches
- `optimized_images`: grids of optimized images
- `pasted_image`: an optimized image pasted into the viewer's picture
"""

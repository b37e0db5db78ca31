"""Experiments on the input image: how a change of it changes what the network computes.

- `changes`: records of the changes, such as rotation, and the change that a viewer chose
- `image_changes`: the changes as functions on pixels
- `occlusion`: drops of a layer's maps when a square of the image is covered
- `adversarial`: a small change of all pixels toward another class
- `gratings`: responses of a layer's channels to stripes of many orientations and widths
- `responses`: responses of feature maps to all amounts of a change
- `map_distance`: distance of two images' or networks' maps, and cosines, at each position
- `network_similarity`: similarity of two networks' layers over several images

Generators yield the fraction done, 0 to 1, so that other computations can run in between.
"""

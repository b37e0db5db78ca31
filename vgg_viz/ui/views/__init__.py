"""The page's views: one module for each view, named in its record in `vgg_viz.views`."""

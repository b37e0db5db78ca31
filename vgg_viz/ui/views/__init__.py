"""The page's views: one module for each view, by its name in `vgg_viz.views`."""

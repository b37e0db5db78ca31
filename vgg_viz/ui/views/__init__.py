"""One module for each view, named by its record in `vgg_viz.views`."""

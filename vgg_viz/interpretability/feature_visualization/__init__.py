"""Feature visualization: top-activating patches and optimized images."""

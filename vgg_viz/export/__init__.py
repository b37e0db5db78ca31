"""Exports: the page's grids of tiles as PNG, PDF, SVG, CSV and NPZ files and as Keras scripts.

- `appearance`: color scales and color maps of tiles
- `mosaic`: tiles drawn as one image
- `formats`: one record for each export format
- `tiles`: base class of all grids of tiles, shown or exported
- `sheets`: PNG, PDF and SVG files with a caption
- `tables`: CSV and NPZ files
- `scripts`: Keras scripts that compute the exported arrays again
- `number_format`: numbers as text for readers
- `plain_text`: text from outside as one line, a file name, or lines of an image
"""

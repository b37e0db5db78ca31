"""Grids as pictures, files and Keras scripts.

- `appearance`: scales and color maps
- `mosaic`: tiles to one picture
- `formats`: one record for each export format
- `panels`: grids as exports show them
- `sheets`: PNG and PDF with a caption
- `tables`: CSV and NPZ
- `scripts`: Keras scripts that compute the same arrays
- `number_format`: numbers for readers
- `plain_text`: outside text as one line or a file name
"""

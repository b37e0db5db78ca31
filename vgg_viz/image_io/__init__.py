"""Image files of any kind, decoded to 224 × 224 RGB pixels.

- `images`: the whole way: bytes to the network's input
- `input_image`: an image as the page shows it and the network takes it
- `file_formats`: format and image data of a file
- `decoding`: bytes to stored pixels, within bounded memory
- `tiff`: layouts of TIFF
- `contrast_stretching`: numbers of any type to 8 bits
- `color_conversion`: profile, alpha and orientation to upright sRGB
- `limits`: bounds of a file, and messages for larger ones
"""

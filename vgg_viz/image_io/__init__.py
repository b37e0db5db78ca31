"""Image files of many formats, decoded to 224 × 224 RGB pixels.

- `images`: conversion of an image file to the network's input (the entry point)
- `input_image`: record of an image at the network's input size, with its caption
- `file_formats`: recognition of file formats; removal of parts that decoders do not need
- `decoding`: decoding of a file's first frame within bounded memory
- `tiff`: layouts of TIFF
- `contrast_stretching`: samples of any type to 8 bits
- `color_conversion`: conversion to upright sRGB, from alpha, color profile and orientation
- `limits`: limits on files, and the error for a file that is rejected
"""

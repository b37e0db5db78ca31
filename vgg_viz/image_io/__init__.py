"""Image files of many formats, decoded to 224 × 224 RGB pixels.

- `images`: an image file to the network's input (the entry point)
- `input_image`: an image at the network's input size, with its caption
- `file_formats`: recognition of formats; removal of parts that decoders do not need
- `decoding`: a file's first frame, within bounded memory
- `tiff`: layouts of TIFF
- `contrast_stretching`: samples of any type to 8 bits
- `color_conversion`: alpha, color profile and orientation to upright sRGB
- `limits`: limits on files, and the error for a file that is rejected
"""

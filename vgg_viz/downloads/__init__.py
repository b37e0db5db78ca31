"""Files downloaded from listed addresses: complete, checked by MD5, resumed after a failure.

- `fetching`: download of one file from the first address that sends it
- `keras_files`: search for Keras' own files on the disk, or their download
- `temporary_directories`: locked temporary directories next to the target file
"""

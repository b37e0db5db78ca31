"""Files downloaded from listed addresses: complete, checked by MD5, resumed after a failure.

- `fetching`: download of one file from the first address that sends it, and locks
- `file_kinds`: kinds of files that take the place of weights or class names
- `keras_files`: search for Keras' own files on the disk, or their download
"""

"""Files from listed addresses: complete, checked by MD5, resumed after a failure.

- `fetching`: one file, from the first address that has it
- `keras_files`: Keras' own files: find them on the disk or download them
- `temporary_directories`: locked temporary directories next to the target file
"""

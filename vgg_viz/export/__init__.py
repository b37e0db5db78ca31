"""Grids as pictures, files and scripts: mosaic, sheets, tables and Keras code."""

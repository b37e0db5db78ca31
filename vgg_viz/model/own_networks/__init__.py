"""VGG19 in any file that Keras has saved, and the head after it.

Nothing in a file is executed: arrays are read from HDF5, layers by allow-lists from the
configuration.

- `own_network`: a saved network's weights, found and checked; the record that the page shows
- `trial`: a file read in a child process first, which may crash
- `saved_file`: the formats, their configuration and the places of their arrays
- `configuration`: Keras' configuration as a graph of layers, nested models flattened
- `convolutions`: VGG19's 16 conv layers, found in a file or a configuration
- `head`: the layers after VGG19 up to the logits
- `fine_tuning`: what fine-tuning changed, as functions on arrays
- `recorded_preprocessing`: the layers before VGG19 as one of the known preprocessings
"""

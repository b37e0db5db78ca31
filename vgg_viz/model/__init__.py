"""VGG19: its architecture, the Keras network, its weights and its class names.

- `architecture`: layers, shapes and receptive fields as data, without TensorFlow
- `network`: the Keras model and its forward passes block by block
- `preprocessing`: how an image's pixels become a network's input, one record each
- `weights`: the conv layers' weights, found on the disk or downloaded, and read
- `dense_layers`: the dense layers' weights, read in slabs of kernel rows
- `class_names`: names and WordNet ids of the 1,000 ImageNet classes
- `file_guards`: HDF5 files from strangers, read without leaving the file
- `own_networks`: VGG19 in any file that Keras has saved, and the head after it
- `networks`: names and labels of the networks that the page can show
"""

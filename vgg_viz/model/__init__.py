"""VGG19: its architecture, the Keras network, its weights and its class names.

`architecture` describes the layers as data, without TensorFlow. `network` builds the Keras model
and runs it block by block. `weights` finds and reads the convolutions, `dense_layers` the dense
layers. `class_names` loads the names of the 1,000 classes, `networks` lists the page's networks.
"""

"""VGG19 itself: its architecture as data, the Keras network, its weights and class names."""

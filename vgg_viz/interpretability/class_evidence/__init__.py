"""Logits of the 1,000 classes, and evidence for or against each.

- `evidence`: logits, their gradients, and their drop when maps or positions are ablated
- `class_activation_maps`: Grad-CAM, HiResCAM, LayerCAM
- `evidence_methods`: names, labels and functions of the evidence methods
"""

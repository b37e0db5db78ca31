"""Logits of the 1,000 classes, and evidence for or against each.

- `evidence`: logits, their gradients, and their drop when maps or positions are ablated
- `own_head`: the same for the head of an own network
- `pixel_gradient`: the gradient of logits with respect to the pixels
- `class_activation_maps`: Grad-CAM, HiResCAM, LayerCAM
- `deletion`: how fast a logit falls as positions are ablated one after the other
- `evidence_methods`: names, labels and functions of the evidence methods
"""

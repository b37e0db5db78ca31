"""Evidence for classes in VGG19, by position of block5_conv4: ablation and class activation maps.

The array NAME_logits has the logits of all classes.
"""

from vgg19 import *

# Arrays by name. Classes count from 0; an image is an index of IMAGES, below.
ARRAYS = {
    "gradcam": {
        "weights": "imagenet",
        "image": 0,
        "preprocessing": "caffe",
        "method": "gradcam",
        "classes": [281, 282],  # of two, the array also has the difference of the evidence
    }
}
# Class activation maps: Grad-CAM (Selvaraju et al., 2017) without its final ReLU, HiResCAM (Draelos
# and Carin, 2020) and LayerCAM (Jiang et al., 2021).
CAMS = {
    "gradcam": lambda maps, gradient: (maps * gradient.mean(axis=(0, 1))).sum(axis=-1),
    "hirescam": lambda maps, gradient: (maps * gradient).sum(axis=-1),
    "layercam": lambda maps, gradient: (maps * np.maximum(gradient, 0)).sum(axis=-1),
}


def evidence(images, weights, image, preprocessing, method, classes):
    """Compute evidence, (classes, 14, 14), and the logits."""
    own = FILES.get(weights, {})
    model = network(weights, top=not own)
    to_maps = submodel(model, "input", "block5_conv4")
    to_logits = own_head(weights) if own else submodel(model, "block5_conv4", "predictions")
    maps = tf.constant(to_maps.predict_on_batch(preprocess(images[image][None], preprocessing)))
    if method == "ablation":
        found = ablation(to_logits, maps)[np.array(classes)]
    else:
        found = np.stack([activation_map(to_logits, maps, CAMS[method], one) for one in classes])
    if len(classes) > 1:
        found = np.concatenate([found, found[:1] - found[1:]])
    logits = to_logits.predict_on_batch(maps)[0]
    output = tf.nn.sigmoid if own.get("output") == "sigmoid" else tf.nn.softmax
    shares = output(logits.astype("float64")).numpy()
    for number in np.argsort(-logits, kind="stable")[:5]:
        print(f"class {number}: {shares[number]:.2%}")
    return found, logits


def own_head(file):
    """Build the head of your own network, from block5_conv4's maps to logits."""
    head, model = FILES[file]["head"], keras.Sequential([keras.Input((14, 14, 512))])
    arrays = read_arrays(file, {index: places for index, (*_, places) in enumerate(head)})
    for index, (kind, settings, _) in enumerate(head):
        model.add(getattr(keras.layers, kind)(**settings))
        model.layers[-1].set_weights(arrays[index])
    return model


def activation_map(to_logits, maps, cam, number):
    """Compute the class activation map of a class, (14, 14)."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(maps)
        logit = to_logits(maps)[0, number]
    return cam(maps[0].numpy(), tape.gradient(logit, maps)[0].numpy())


def ablation(to_logits, maps):
    """Compute how much logits drop when all maps are zero at a position, (classes, 14, 14)."""
    logits, drops = to_logits.predict_on_batch(maps), []
    for row in range(14):
        ablated = np.repeat(maps, 14, axis=0)
        ablated[range(14), row, range(14)] = 0
        drops.append(logits - to_logits.predict_on_batch(ablated))
    return np.moveaxis(drops, -1, 0)


IMAGES = ["photo.jpg"]  # names of files, or PNG in base64

if __name__ == "__main__":
    images, arrays = read_images(IMAGES), {}
    for name, array in ARRAYS.items():
        arrays[name], arrays[f"{name}_logits"] = evidence(images, **array)
    save(arrays)

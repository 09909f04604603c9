"""Small files in both forms in which ImageNet32 is published (Chrabaszcz et al. 2017), written by NumPy and pickle: a batch of three training
images with their mean and one of two validation images, labels from 1 to 1000. Pixels come from a formula that the test knows."""

import os
import pickle

import numpy as np

os.makedirs("imagenet32", exist_ok=True)
for name, labels in (("train_data_batch_1", [1, 1000, 500]), ("val_data", [7, 1000])):
    image, plane, row, column = np.ogrid[:len(labels), :3, :32, :32]
    data = ((31 * image + 50 * plane + 2 * row + 3 * column) % 256).astype(np.uint8).reshape(len(labels), -1)
    content = {"data": data, "labels": labels}
    if name != "val_data":
        content["mean"] = data.mean(axis=0)
    with open(f"imagenet32/{name}", "wb") as file:
        pickle.dump(content, file, protocol=4)
    np.savez(f"imagenet32/{name}.npz", **content)
    np.savez_compressed(f"imagenet32/{name}.compressed.npz", **content)

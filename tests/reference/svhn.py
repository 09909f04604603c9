"""Two small files as SVHN publishes them (Netzer et al. 2011), written by scipy: compressed, `X` [row, column, channel,
image], `y` with 10 for the digit 0. Pixels come from a formula that the test knows, labels go round."""

import numpy as np
from scipy.io import savemat

for part, count in (("train", 12), ("test", 11)):
    row, column, channel, image = np.ogrid[:32, :32, :3, :count]
    x = ((2 * row + 3 * column + 50 * channel + 7 * image) % 256).astype(np.uint8)
    y = (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]
    savemat(f"svhn_{part}.mat", {"X": x, "y": y}, do_compression=True)

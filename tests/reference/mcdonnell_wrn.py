#!/usr/bin/env python3
"""Reference for the recipe of McDonnell 2018 (arXiv 1802.08530): PyTorch on the CPU, written from the recipe and sharing no code with the Rust program.

  mcdonnell_wrn.py --name c10-1bit --bits 1 --set cifar10 --width 0.25 --epochs 6 --seeds 1 --data DIR --json OUT
  mcdonnell_wrn.py --speed 4 --bits 1 --width 0.25          images per second of the training step, the median of so many

WRN-20-4 times --width. A step: replace every convolution's weights W by sqrt(2 / fan_in) sign(W) (--bits 32: by W itself), forward and backward in batches of 125 images, then
v = 0.9 v - lr (g + 5e-4 W), W += v. The learning rate falls along a cosine from 0.1 to 1e-4 in cycles of 2, 4, 8, ... epochs; v is zeroed at the start of each. Images are raw bytes, flipped
with probability 0.5, and cropped from the image padded by 4 pixels of random bytes. Batch norm has gamma and beta at the input only. A test at the end of a cycle takes the means and the
deviations sqrt(variance + 1e-5) of all augmented training batches, averaged.

DIR of --data holds the official binary layouts. --init FILE begins with the weights that --save FILE kept. --json keeps one entry per --name in OUT. Needs numpy and torch.
"""
import argparse, json, math, os, re, statistics, sys, time
import numpy as np
import torch
import torch.nn.functional as F

BATCH, EPS = 125, 1e-5


def read(folder, name):
    """Training and test images as bytes [n, 3, 32, 32], labels as int64."""
    inner, files, head = {
        "cifar10": ("cifar-10-batches-bin", ([f"data_batch_{i}.bin" for i in range(1, 6)], ["test_batch.bin"]), 1),
        "cifar100": ("cifar-100-binary", (["train.bin"], ["test.bin"]), 2),
    }[name]
    path = os.path.join(folder, inner)
    out = []
    for part in files:
        rows = np.concatenate([np.fromfile(os.path.join(path, f), np.uint8).reshape(-1, 3072 + head) for f in part])
        out += [torch.from_numpy(rows[:, head:].reshape(-1, 3, 32, 32).copy()), torch.from_numpy(rows[:, head - 1].astype(np.int64))]
    return out


def augment(x, g):
    """Flip and crop of bytes."""
    n = len(x)
    flip = torch.rand(n, generator=g) < 0.5
    x = torch.where(flip[:, None, None, None], x.flip(3), x)
    wide = torch.randint(0, 256, (n, 3, 40, 40), generator=g, dtype=torch.uint8)
    wide[:, :, 4:36, 4:36] = x
    top, left = torch.randint(0, 9, (2, n), generator=g)
    rows, columns = top[:, None] + torch.arange(32), left[:, None] + torch.arange(32)
    return wide[torch.arange(n)[:, None, None, None], torch.arange(3)[None, :, None, None], rows[:, None, :, None], columns[:, None, None, :]]


class HeSign(torch.autograd.Function):
    """sqrt(2 / fan_in) sign(W), with the gradient straight through."""

    @staticmethod
    def forward(ctx, w):
        scale = math.sqrt(2 / w[0].numel())
        return torch.where(w >= 0, scale, -scale).contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx, g):
        return g


class Net:
    def __init__(self, width, classes, bits, g, depth=20, widen=4):
        self.project = HeSign.apply if bits == 1 else lambda w: w
        c = [round(s * widen * width) for s in (16, 32, 64)]
        self.blocks = [(s, b == 0 and s > 0) for s in range(3) for b in range((depth - 2) // 6)]
        shapes, last = [(c[0], 3, 3, 3)], c[0]
        for s, _ in self.blocks:
            shapes += [(c[s], last, 3, 3), (c[s], c[s], 3, 3)]
            last = c[s]
        shapes.append((classes, last, 1, 1))
        self.weights = [(torch.randn(s, generator=g) * math.sqrt(2 / math.prod(s[1:]))).contiguous(memory_format=torch.channels_last).requires_grad_() for s in shapes]
        self.gamma, self.beta = torch.ones(3, requires_grad=True), torch.zeros(3, requires_grad=True)

    def parameters(self):
        return self.weights + [self.gamma, self.beta]

    def __call__(self, x, moments=None, record=None):
        """Logits. Batch norm takes the batch's own mean and biased variance, which `record` receives; or (mean, deviation) from `moments`."""
        at = iter(moments or [])
        weights = iter(self.weights)

        def norm(x, gamma=None, beta=None):
            if moments:
                mean, deviation = next(at)
                return F.batch_norm(x, mean, deviation.square(), gamma, beta, training=False, eps=0.0)
            if record is not None:
                dims = (0, 2, 3)
                record.append((x.mean(dims), (x.var(dims, unbiased=False) + EPS).sqrt()))
            return F.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)

        def conv(x, **how):
            return F.conv2d(x, self.project(next(weights)), **how)

        x = conv(norm(x, self.gamma, self.beta), padding=1)
        for _, narrows in self.blocks:
            y = conv(F.relu(norm(x)), padding=1, stride=1 + narrows)
            y = conv(F.relu(norm(y)), padding=1)
            if narrows:
                x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
                x = F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
            x = x + y
        return norm(conv(F.relu(norm(x)))).mean((2, 3))


def images(x):
    return x.float().contiguous(memory_format=torch.channels_last)


def rate(epoch):
    """The learning rate at `epoch`, with its fraction, and the epoch at which its cycle began and ends."""
    start, length = 0, 2
    while epoch >= start + length:
        start, length = start + length, 2 * length
    return 1e-4 + (0.1 - 1e-4) / 2 * (1 + math.cos(math.pi * (epoch - start) / length)), start, start + length


def step(net, velocity, x, y, lr):
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    with torch.no_grad():
        for k, (w, v) in enumerate(zip(net.parameters(), velocity)):
            decay = 5e-4 if k < len(net.weights) else 0.0
            v.mul_(0.9).sub_(w.grad + decay * w, alpha=lr)
            w.add_(v)
            w.grad = None
    return loss.item()


@torch.no_grad()
def test_error(net, x, xte, yte, g):
    total = None
    batches = torch.arange(len(x)).split(BATCH)
    for idx in batches:
        record = []
        net(images(augment(x[idx], g)), record=record)
        total = record if total is None else [(a + b, c + d) for (a, c), (b, d) in zip(total, record)]
    moments = [(m / len(batches), s / len(batches)) for m, s in total]
    wrong = sum((net(images(b), moments).argmax(1) != t).sum().item() for b, t in zip(xte.split(250), yte.split(250)))
    return 100 * wrong / len(xte)


def train(net, x, y, xte, yte, epochs, seed):
    order, draws, tests = (torch.Generator().manual_seed(k * 1000 + seed) for k in (1, 2, 3))
    velocity = [torch.zeros_like(w) for w in net.parameters()]
    losses, errors, per_epoch = [], {}, len(x) // BATCH
    for e in range(epochs):
        t0, total = time.time(), 0.0
        if rate(e)[1] == e:
            velocity = [v.zero_() for v in velocity]
        for i, idx in enumerate(torch.randperm(len(x), generator=order)[: per_epoch * BATCH].split(BATCH)):
            total += step(net, velocity, images(augment(x[idx], draws)), y[idx], rate(e + i / per_epoch)[0])
        losses.append(round(total / per_epoch, 6))
        if e + 1 in (rate(e)[2], epochs):
            errors[e + 1] = round(test_error(net, x, xte, yte, tests), 4)
        print(f"  epoch {e + 1}/{epochs}: loss {losses[-1]:.4f}, {errors.get(e + 1, '')} {time.time() - t0:.0f} s", file=sys.stderr, flush=True)
    return losses, errors


def speed(net, steps, classes):
    """Median images per second of a training step, augmentation included."""
    g = torch.Generator().manual_seed(0)
    x, y = torch.randint(0, 256, (BATCH, 3, 32, 32), dtype=torch.uint8), torch.randint(0, classes, (BATCH,))
    velocity = [torch.zeros_like(w) for w in net.parameters()]
    seconds = []
    for _ in range(steps + 2):
        t0 = time.perf_counter()
        step(net, velocity, images(augment(x, g)), y, 0.1)
        seconds.append(time.perf_counter() - t0)
    return BATCH / statistics.median(seconds[2:])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--name")
    ap.add_argument("--bits", type=int, choices=(1, 32), default=1)
    ap.add_argument("--set", choices=("cifar10", "cifar100"), default="cifar10")
    ap.add_argument("--width", type=float, default=0.25)
    ap.add_argument("--epochs", type=int, default=2)
    ap.add_argument("--train", type=int, default=50000, help="the first N training images")
    ap.add_argument("--seeds", default="1")
    ap.add_argument("--init")
    ap.add_argument("--save")
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--speed", type=int)
    ap.add_argument("--data")
    ap.add_argument("--json")
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    classes = {"cifar10": 10, "cifar100": 100}[a.set]
    make = lambda seed: Net(a.width, classes, a.bits, torch.Generator().manual_seed(seed))
    if a.speed:
        print(f"{speed(make(1), a.speed, classes):.1f} images/s, torch {torch.__version__}, {a.threads} threads")
        return
    x, y, xte, yte = read(a.data, a.set)
    x, y, seeds = x[: a.train], y[: a.train], []
    for seed in map(int, a.seeds.split(",")):
        net = make(seed)
        if a.init:
            for w, saved in zip(net.parameters(), torch.load(a.init)):
                w.data.copy_(saved)
        losses, errors = train(net, x, y, xte, yte, a.epochs, seed)
        if a.save:
            torch.save([w.detach() for w in net.parameters()], a.save)
        seeds.append({"seed": seed, "test_error": errors, "train_loss": losses})
        print(f"seed {seed}: {errors}", file=sys.stderr, flush=True)
    name = a.name or f"{a.set}-{a.bits}bit"
    command = f"mcdonnell_wrn.py --name {name} --bits {a.bits} --set {a.set} --width {a.width:g} --epochs {a.epochs} --train {a.train} --seeds {a.seeds}"
    command += (" --init FILE" if a.init else "") + (" --save FILE" if a.save else "") + " --data DIR --json OUT"
    book = {}
    if os.path.exists(a.json):
        with open(a.json) as f:
            book = json.load(f)
    weights = sum(w.numel() for w in net.weights)
    book[name] = {"command": command, "torch": torch.__version__, "threads": a.threads, "weights": weights, "seeds": seeds}
    text = re.sub(r"([\[{])\s+([^\[\]{}]*?)\s+([\]}])", lambda m: m[1] + " ".join(m[2].split()) + m[3], json.dumps(book, indent=1))
    with open(a.json, "w") as f:
        f.write(text + "\n")


if __name__ == "__main__":
    main()

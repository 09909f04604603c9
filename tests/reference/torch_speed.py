#!/usr/bin/env python3
"""The speed of PyTorch on the training step of merolla2016/cifar10/tr-stochm-c, for `weightproof adapter-report --python`, which runs it by turns with its own.

  python torch_speed.py --width 0.25 --batch 50 --threads 2 --seconds 10

One step: every weight tensor is projected by StochM (|w| U(G, 1/G), positive with probability (w/alpha + 1)/2, gradients straight through), forward, squared hinge loss, backward, ADAM, clip.
Random images. Modes: f32 without TF32; on CUDA also tf32; on every GPU also f16 (autocast). On CUDA a step is captured in a graph where that works. Prints one JSON object for each mode.
"""
import argparse
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

GAMMA = 0.5


def accelerator():
    """The kind of device that PyTorch should compute on, and its name."""
    if torch.cuda.is_available():
        return "cuda", torch.cuda.get_device_name()
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return "xpu", torch.xpu.get_device_name()
    if torch.backends.mps.is_available():
        return "mps", "Apple GPU (mps)"
    return "cpu", f"CPU, {torch.get_num_threads()} threads"


def stochm(weight):
    """The weights as the step sees them; the gradient goes straight to the real-valued ones."""
    with torch.no_grad():
        alpha = weight.abs().amax().clamp_min(torch.finfo(weight.dtype).tiny)
        magnitude = weight.abs() * torch.empty_like(weight).uniform_(GAMMA, 1 / GAMMA)
        positive = torch.rand_like(weight) < (weight / alpha + 1) / 2
        change = torch.where(positive, magnitude, -magnitude) - weight
    return weight + change


class ProjectedConv(nn.Conv2d):
    def forward(self, x):
        return F.conv2d(x, stochm(self.weight), None, self.stride, self.padding)


class ProjectedLinear(nn.Linear):
    def forward(self, x):
        return F.linear(x, stochm(self.weight))


def network(width):
    """Six convolutions of 3x3, pooled after every second, and two linear layers; batch norm behind each."""
    blocks, channels = [], 3
    for number, full in enumerate([128, 128, 256, 256, 512, 512], start=1):
        out = max(1, round(full * width))
        blocks.append(ProjectedConv(channels, out, 3, padding=1, bias=False))
        if number % 2 == 0:
            blocks.append(nn.MaxPool2d(2))
        blocks += [nn.BatchNorm2d(out, eps=1e-4), nn.ReLU()]
        channels = out
    hidden = max(1, round(1024 * width))
    blocks += [nn.Flatten(), ProjectedLinear(channels * 4 * 4, hidden, bias=False), nn.BatchNorm1d(hidden, eps=1e-4), nn.ReLU()]
    blocks += [ProjectedLinear(hidden, 10, bias=False), nn.BatchNorm1d(10, eps=1e-4)]
    return nn.Sequential(*blocks)


def flop_per_image(net):
    """Two operations per product: forward, gradient of the weights, and gradient of the input but for the first layer."""
    products, size = [], 32
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            products.append(layer.weight.numel() * size * size)
        elif isinstance(layer, nn.MaxPool2d):
            size //= 2
        elif isinstance(layer, nn.Linear):
            products.append(layer.weight.numel())
    return 2 * (3 * sum(products) - products[0])


class Training:
    """A network with what a step needs."""

    def __init__(self, kind, mode, width, batch):
        torch.manual_seed(1)
        self.kind, self.half = kind, mode == "f16"
        if kind == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = mode == "tf32"
            torch.backends.cudnn.allow_tf32 = mode == "tf32"
            torch.backends.cudnn.benchmark = True
        self.net = network(width).to(kind, memory_format=torch.channels_last)
        self.images = torch.rand(batch, 3, 32, 32, device=kind).to(memory_format=torch.channels_last)
        labels = torch.arange(batch, device=kind) % 10
        self.targets = 2.0 * F.one_hot(labels, 10).float() - 1.0
        self.weights = [m.weight for m in self.net if isinstance(m, (nn.Conv2d, nn.Linear))]
        self.bounds = [0.5 * w.detach().std() for w in self.weights]
        options = {"capturable": True, "fused": True} if kind == "cuda" else {}
        self.adam = torch.optim.Adam(self.net.parameters(), lr=3e-3, **options)

    def step(self):
        self.adam.zero_grad(set_to_none=True)
        with torch.autocast(self.kind, dtype=torch.float16, enabled=self.half):
            logits = self.net(self.images)
        loss = (1.0 - self.targets * logits.float()).clamp_min(0.0).square().mean()
        loss.backward()
        self.adam.step()
        with torch.no_grad():
            for weight, bound in zip(self.weights, self.bounds):
                weight.clamp_(-bound, bound)

    def wait(self):
        if self.kind != "cpu":
            getattr(torch, self.kind).synchronize()

    def captured(self):
        """A step as a CUDA graph. What is captured has to run on a stream of its own before."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step()
        return graph.replay


def measure(kind, mode, width, batch, seconds):
    """The median of the steps that fit the time, at least three; each is waited for in runs of about 20 ms."""
    training = Training(kind, mode, width, batch)
    run, how = training.step, "eager"
    run()
    training.wait()
    if kind == "cuda":
        try:
            run, how = training.captured(), "CUDA graph"
        except RuntimeError as error:
            print(f"{mode}: no graph: {error}", file=sys.stderr)
            training = Training(kind, mode, width, batch)
            run = training.step

    def timed(steps):
        begin = time.perf_counter()
        for _ in range(steps):
            run()
        training.wait()
        return (time.perf_counter() - begin) / steps

    timed(2)
    once = timed(1)
    steps = max(1, round(0.02 / once))
    end, times = time.perf_counter() + seconds, []
    while len(times) < 3 or (time.perf_counter() < end and len(times) < 30):
        times.append(timed(steps))
    median = statistics.median(times)
    return {"mode": mode, "how": how, "images_per_s": batch / median, "ms_per_step": 1e3 * median, "gflop_per_image": flop_per_image(training.net) / 1e9}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; all if not given")
    parser.add_argument("--seconds", type=float, default=10.0, help="for all modes together")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    kind, name = accelerator()
    modes = {"cpu": ["f32"], "cuda": ["f32", "tf32", "f16"]}.get(kind, ["f32", "f16"])
    for mode in modes:
        try:
            result = measure(kind, mode, args.width, args.batch, args.seconds / len(modes))
        except Exception as error:  # one mode that this machine lacks must not cost the others
            print(f"{mode}: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        print(json.dumps({"version": torch.__version__, "device": name, **result}), flush=True)


if __name__ == "__main__":
    main()

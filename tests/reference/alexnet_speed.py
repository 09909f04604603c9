#!/usr/bin/env python3
"""The speed of PyTorch on the training step of merolla2016/imagenet/tr-none-nc: AlexNet with batch norm, SGD without momentum, weight decay 5e-4, random images of 227x227.

  python alexnet_speed.py --batch 32 --threads 2 --steps 5

Beside it: weightproof bench --preset merolla2016/imagenet/tr-none-nc --set batch=32. Prints images per second, of the median step after two that do not count. On CUDA --mode tf32 and f16
(autocast) besides f32.
"""
import argparse
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F


def network():
    def conv(i, o, k, **more):
        return [nn.Conv2d(i, o, k, bias=False, **more), nn.BatchNorm2d(o, eps=1e-4), nn.ReLU()]

    def linear(i, o):
        return [nn.Linear(i, o, bias=False), nn.BatchNorm1d(o, eps=1e-4), nn.ReLU()]

    pool = lambda: [nn.MaxPool2d(3, 2)]
    layers = conv(3, 96, 11, stride=4) + pool() + conv(96, 256, 5, padding=2, groups=2) + pool()
    layers += conv(256, 384, 3, padding=1) + conv(384, 384, 3, padding=1, groups=2) + conv(384, 256, 3, padding=1, groups=2) + pool()
    layers += [nn.Flatten()] + linear(9216, 4096) + linear(4096, 4096) + [nn.Linear(4096, 1000)]
    net = nn.Sequential(*layers)
    weights = sum(m.weight.numel() for m in net if isinstance(m, (nn.Conv2d, nn.Linear)))
    assert weights == 60_954_656, weights
    for m in net:
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(m.weight, std=0.01)
    return net


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=0, help="of the CPU; all if not given")
    parser.add_argument("--mode", choices=["f32", "tf32", "f16"], default="f32")
    a = parser.parse_args()
    if a.threads:
        torch.set_num_threads(a.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = a.mode != "f32"
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(1)
    net = network().to(device, memory_format=torch.channels_last)
    decayed = [p for p in net.parameters() if p.ndim > 1]
    other = [p for p in net.parameters() if p.ndim == 1]
    optimizer = torch.optim.SGD([{"params": decayed, "weight_decay": 5e-4}, {"params": other}], lr=0.1)
    x = torch.randn(a.batch, 3, 227, 227, device=device).contiguous(memory_format=torch.channels_last)
    y = torch.randint(1000, (a.batch,), device=device)
    times = []
    for step in range(a.steps + 2):
        begin = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.float16, enabled=a.mode == "f16"):
            loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        loss.item()
        if step >= 2:
            times.append(time.perf_counter() - begin)
    print(f"{a.batch / statistics.median(times):.1f} images/s, batch {a.batch}, {a.mode}, torch {torch.__version__}, {device}, {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()

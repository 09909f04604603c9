#!/usr/bin/env python3
"""How many pictures a second PIL and numpy make images of, in one thread: read, decode, short side 256, crop 227, flip every second one,
normalise to f32. `weightproof bench --preset P --pictures DIR` does the same with the second of its lines.

    taskset -c 1 python picture_speed.py DIR [--crop 227] [--short-side 256] [--count 300] [--box]
    python picture_speed.py SOURCE --enlarge DIR      writes the pictures of SOURCE at 500x375, quality 90, to measure with

--box resamples only the part that is cropped, which is the quicker way and not torchvision's."""
import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

MEAN = np.array([123.675, 116.28, 103.53], np.float32)
PER_DEVIATION = (1 / np.array([58.395, 57.12, 57.375])).astype(np.float32)


def image(path, i, crop, short, box):
    picture = Image.open(path)
    if picture.mode != "RGB":
        picture = picture.convert("RGB")
    w, h = picture.size
    width, height = (short, round(h * short / w)) if w < h else (round(w * short / h), short)
    left, top = (width - crop) // 2, (height - crop) // 2
    if box:
        part = [left * w / width, top * h / height, (left + crop) * w / width, (top + crop) * h / height]
        picture = picture.resize((crop, crop), Image.BILINEAR, box=part)
    else:
        picture = picture.resize((width, height), Image.BILINEAR).crop((left, top, left + crop, top + crop))
    if i % 2:
        picture = picture.transpose(Image.FLIP_LEFT_RIGHT)
    values = np.asarray(picture).astype(np.float32)
    values -= MEAN
    values *= PER_DEVIATION
    return values


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--crop", type=int, default=227)
    parser.add_argument("--short-side", type=int, default=256)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--box", action="store_true")
    parser.add_argument("--enlarge", type=Path)
    args = parser.parse_args()
    paths = sorted(p for p in args.folder.rglob("*") if p.suffix.lower() in (".jpeg", ".jpg", ".png"))
    if args.enlarge:
        for path in paths[: args.count]:
            to = args.enlarge / "train" / path.parent.name / path.name
            to.parent.mkdir(parents=True, exist_ok=True)
            Image.open(path).convert("RGB").resize((500, 375), Image.BICUBIC).save(to, "JPEG", quality=90)
        return
    for i in range(16):
        image(paths[i % len(paths)], i, args.crop, args.short_side, args.box)
    start = time.perf_counter()
    for i in range(args.count):
        image(paths[i % len(paths)], i, args.crop, args.short_side, args.box)
    print(f"{args.count / (time.perf_counter() - start):.1f} images/s, {args.count} pictures, PIL {Image.__version__}")


if __name__ == "__main__":
    main()

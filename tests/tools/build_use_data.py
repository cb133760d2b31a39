"""Write the small data sets of one's own that the way to a model in use is tried on: tests/data/use/.

All are generated from a seed but the text, which is the beginning of the King James Bible (public domain).

    python tests/tools/build_use_data.py
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from minigrad import data

OUT = Path(__file__).parent.parent / "data" / "use"
SIZE = 12


def passengers(rng: np.random.Generator) -> list[list[object]]:
    """Who was saved: mostly women, children and the first class; ages and cabins have gaps."""
    head = ["number", "survived", "class", "name", "sex", "age", "fare", "port", "boarded", "cabin"]
    rows: list[list[object]] = [[*head]]
    for k in range(400):
        level = int(rng.choice([1, 2, 3], p=[0.25, 0.2, 0.55]))
        sex = str(rng.choice(["male", "female"], p=[0.64, 0.36]))
        age = max(0.5, rng.normal(40 - 5 * level, 13))
        fare = float(rng.lognormal(4.6 - 0.8 * level, 0.5))
        chance = -1.2 + 2.6 * (sex == "female") + 0.9 * (2 - level) - 0.03 * (age - 30)
        saved = rng.random() < 1.0 / (1.0 + math.exp(-chance))
        day = f"1912-04-{10 + int(rng.integers(3)):02d}"
        cabin = f"{'ABCDE'[level]}{int(rng.integers(1, 99))}" if rng.random() < 0.6 - 0.18 * level else ""
        rows.append([k + 1, "yes" if saved else "no", level, f"Passenger {k}, of {day}", sex,
                     "" if rng.random() < 0.2 else f"{age:.1f}", f"{fare:.2f}", str(rng.choice(["Southampton",
                     "Cherbourg", "Queenstown"], p=[0.7, 0.2, 0.1])), day, cabin])  # fmt: skip
    return rows


def houses(rng: np.random.Generator) -> list[list[object]]:
    """Prices in whole euros from area, rooms, year, district and garden."""
    worth = {"Altstadt": 1.5, "Bahnhof": 0.85, "Galgenberg": 1.15, "Hafen": 1.0}
    rows: list[list[object]] = [["id", "area", "rooms", "built", "district", "garden", "sold", "price"]]
    for k in range(400):
        area = float(rng.gamma(9.0, 13.0))
        rooms = max(1, round(area / 28 + rng.normal(0, 0.8)))
        built = int(rng.integers(1890, 2021))
        district = str(rng.choice(list(worth)))
        garden = bool(rng.random() < 0.4)
        value = (25_000 + 2_600 * area * worth[district]) * (1.0 + 0.25 * (built - 1955) / 65) + 30_000 * garden
        sold = f"20{int(rng.integers(15, 24))}-{int(rng.integers(1, 13)):02d}-{int(rng.integers(1, 28)):02d}"
        rows.append([k + 1000, "" if rng.random() < 0.04 else f"{area:.1f}", rooms, built, district,
                     "yes" if garden else "no", sold, round(value * float(rng.lognormal(0.0, 0.08)))])  # fmt: skip
    return rows


def shape(name: str, rng: np.random.Generator) -> Image.Image:
    """A cross, a disc or a ring somewhere on noise."""
    noise = rng.integers(0, 70, size=(SIZE, SIZE), dtype=np.uint8)
    picture = Image.fromarray(noise)
    draw = ImageDraw.Draw(picture)
    radius = int(rng.integers(2, 5))
    x, y = (int(rng.integers(radius, SIZE - radius)) for _ in range(2))
    box = (x - radius, y - radius, x + radius, y + radius)
    light = int(rng.integers(150, 255))
    if name == "cross":
        draw.line(box, fill=light)
        draw.line((box[0], box[3], box[2], box[1]), fill=light)
    else:
        draw.ellipse(box, fill=light if name == "disc" else None, outline=light)
    return picture


def write(path: Path, rows: list[list[object]]) -> None:
    """A CSV file."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def main() -> None:
    """Write everything anew."""
    OUT.mkdir(exist_ok=True)
    rng = np.random.default_rng(18)
    write(OUT / "passengers.csv", passengers(rng))
    write(OUT / "houses.csv", houses(rng))
    for name in ("cross", "disc", "ring"):
        (OUT / "shapes" / name).mkdir(parents=True, exist_ok=True)
        for k in range(40):
            shape(name, rng).save(OUT / "shapes" / name / f"{k:02d}.png", optimize=True)
    (OUT / "genesis.txt").write_text(data.load_text("kjv").text[:20_000], encoding="utf-8")


if __name__ == "__main__":
    main()

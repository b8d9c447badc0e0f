#!/usr/bin/env bash
# Albumentations: without a seed, all forked workers of a data loader draw the same numbers, and the same ones again in
# each epoch.
#
# Versions: Albumentations 2.0.8, NumPy 2.2.6, OpenCV 4.12.0.88, Python 3.11; as with torch 2.14's DataLoader,
#           num_workers=2, which forks its workers anew for each epoch.
# Expected: "A.Compose([...])  # random results", as the docstring has it of seed=None: augmentations that differ between
#           samples and between epochs, as with num_workers=0.
# Seen:     the state is made with the pipeline, before the fork, and each worker has a copy: two workers that augment
#           the same picture four times each make the same four pictures, in the first epoch and in the second.
#
# Fails when that changes. Needs python3 with venv, and fork.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q albumentations==2.0.8 numpy==2.2.6 opencv-python-headless==4.12.0.88
NO_ALBUMENTATIONS_UPDATE=1 "$folder/venv/bin/python" - <<'PYTHON'
import multiprocessing

import albumentations as A
import numpy as np

pipeline = A.Compose([A.RandomBrightnessContrast(p=1.0)])
picture = np.full((2, 2, 3), 100, np.uint8)


def augmented():
    return [int(pipeline(image=picture)["image"][0, 0, 0]) for _ in range(4)]


def work(results):
    results.put(augmented())


def epoch(workers):
    """What each worker makes, which begins with the epoch and ends with it."""
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=work, args=(results,)) for _ in range(workers)]
    for process in processes:
        process.start()
    made = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    return made


print(f"Albumentations {A.__version__}")
first, second = epoch(2), epoch(2)
print("two workers, first epoch: ", *first)
print("two workers, second epoch:", *second)
alone, again = augmented(), augmented()
print("no worker, twice:         ", alone, again)
if not (first[0] == first[1] == second[0] == second[1] and alone != again):
    raise SystemExit("this has changed")
print("as found: all workers draw alike, in each epoch")
PYTHON

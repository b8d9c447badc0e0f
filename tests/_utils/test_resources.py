from __future__ import annotations

from pathlib import Path

import pytest

from adain._utils.resources import missing, resolve, sample_folder, samples


def test_every_sample_is_described_and_has_a_name_of_its_own() -> None:
    described = {sample.path for sample in samples()}
    assert described == {path for kind in ("content", "style") for path in sample_folder(kind).glob("*.jpg")}
    assert all(all(sample) for sample in samples())
    assert all(sample.path.parent == sample_folder(sample.kind) for sample in samples())
    # A name, and the stem of a file, mean one picture, whichever kind is looked at first.
    names = [name for s in samples() for name in {s.name, s.path.stem.lower().replace("_", "-")}]
    assert len(set(names)) == len(names)
    assert {sample.kind for sample in samples("style")} == {"style"}
    assert len(samples("style")) + len(samples("content")) == len(samples())


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("great-wave", "style/hokusai_great_wave.jpg"),
        ("hokusai_great_wave", "style/hokusai_great_wave.jpg"),
        ("Great_Wave", "style/hokusai_great_wave.jpg"),
        ("astronaut", "content/astronaut.jpg"),
        ("montStMichel", "content/montStMichel.jpg"),
        ("mont-st-michel", "content/montStMichel.jpg"),
    ],
)
def test_samples_by_name(name: str, file: str) -> None:
    for kind in ("content", "style", None):
        assert resolve(name, kind) == sample_folder("content").parent / file


def test_what_exists_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "astronaut").mkdir()
    (tmp_path / "great-wave").write_bytes(b"")
    (tmp_path / "chelsea").symlink_to("nowhere")
    for name in ("astronaut", "great-wave", "chelsea"):
        assert resolve(name) == Path(name)


@pytest.mark.parametrize("name", ["great-wave.jpg", "art/great-wave", "./great-wave", "grate-wave", "", "photos"])
def test_paths_stay_as_they_are(name: str) -> None:
    assert resolve(name, "style") == Path(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("great-wave.jpg", "the sample of that name is given as great-wave, without folder or suffix"),
        ("samples/style/hokusai_great_wave.jpg", "the sample of that name is given as great-wave, without"),
        ("grate-wave", "did you mean great-wave? adain styles lists the samples"),
        ("photos", "check the path; adain styles lists the samples"),
        ("photos/grate-wave", "check the path"),
        ("photo.jpg", "check the path"),
    ],
)
def test_what_is_said_of_a_missing_file(name: str, told: str) -> None:
    assert missing(name).startswith(told)
    assert missing(Path(name)) == missing(name)

"""The runtime of browsers: fetched, checked, and refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from adain import InputError, MissingFileError
from adain.app.offline import runtime
from adain.app.offline.runtime import notices, runtime_files
from tests.app.runtimes import FILES, expect, packed


@pytest.fixture(autouse=True)
def expected(monkeypatch: pytest.MonkeyPatch) -> None:
    expect(monkeypatch)


def refused(source: Path | None, *words: str, error: type[Exception] = InputError) -> None:
    with pytest.raises(error) as raised:
        runtime_files(source)
    line = str(raised.value)
    assert "\n" not in line
    assert all(word in line for word in (*words, "npm pack onnxruntime-web@", "--runtime")), line


def test_packed_and_unpacked_are_the_same(tmp_path: Path) -> None:
    for folder in ("dist", "package/dist", "."):
        for name, data in FILES.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        assert runtime_files(tmp_path / folder) == FILES
    assert runtime_files(tmp_path) == FILES
    assert runtime_files(packed(tmp_path / "a.tgz")) == FILES


def test_a_damaged_package_is_refused(tmp_path: Path) -> None:
    whole = packed(tmp_path / "whole.tgz").read_bytes()
    for name, data in {
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "text": b"no package",
        "head": whole[:20],
    }.items():
        path = tmp_path / f"{name}.tgz"
        path.write_bytes(data)
        refused(path, str(path))


def test_another_version_is_refused(tmp_path: Path) -> None:
    first = next(iter(FILES))
    other = packed(tmp_path / "other.tgz", FILES | {first: b"another"})
    refused(other, first, "is not that of onnxruntime-web 1.30.0")
    refused(packed(tmp_path / "less.tgz", {first: FILES[first]}), "is not the package", "it has no ")
    refused(packed(tmp_path / "elsewhere.tgz", folder="package/lib"), "it has no ")
    refused(tmp_path / "gone", "no such file or folder", error=MissingFileError)
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "it has no ")


def test_too_large_a_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path / "large.tgz")
    monkeypatch.setattr(runtime, "_LARGEST", 10)
    refused(path, "it has no ")


def npm(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program of that name where it is looked for."""
    path = folder / "bin" / "npm"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/bin:/usr/bin")


def test_npm_fetches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = packed(tmp_path / "it.tgz")
    said = tmp_path / "said"
    npm(tmp_path, monkeypatch, f'echo "$@" > {said}; cp {package} "$PWD/"')
    assert runtime_files() == FILES
    words = said.read_text().split()
    assert words[:2] == ["pack", "onnxruntime-web@1.30.0"]
    assert "--ignore-scripts" in words  # nothing of the package is run
    assert not Path(words[-1]).exists()  # where it lay


def test_without_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(None, "npm, which is not installed")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'npm error code ENOTFOUND' >&2; echo 'npm error syscall getaddrinfo' >&2; exit 1", "(ENOTFOUND)"),
        ("exit 1", "could not fetch onnxruntime-web 1.30.0:"),
        ("exit 0", "could not fetch onnxruntime-web 1.30.0:"),
    ],
)
def test_npm_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str) -> None:
    npm(tmp_path, monkeypatch, script)
    refused(None, words)


def test_npm_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(runtime, "_SECONDS", 0.2)
    refused(None, "within 0.2 s")


def test_the_licences_are_those_of_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    texts = notices()
    assert set(texts) == {"LICENSE-onnxruntime.txt", "ThirdPartyNotices-onnxruntime.txt"}
    assert b"MIT License" in texts["LICENSE-onnxruntime.txt"]
    monkeypatch.setattr(runtime, "files", lambda name: [])
    with pytest.raises(InputError, match="pip install --force-reinstall"):
        notices()

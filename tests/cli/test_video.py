from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from click.testing import Result
from PIL import Image

from adain._utils.resources import weights_dir
from adain.video import STABILITY_ON
from tests.animations import pages, read_animation, write_pages
from tests.conftest import ROOT, noise_image, one_line_error
from tests.video.videos import packets, read_video, scene, spoil, write_video

Run = Callable[..., Result]
FAST = ("--style-size", "40", "--device", "cpu")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "in.mp4", scene(5, 48, 32), sound=True)


@pytest.fixture
def art(tmp_path: Path) -> Path:
    noise_image(48, 40, 2).save(tmp_path / "art.png")
    return tmp_path / "art.png"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    noise_image(48, 40, 3).save(tmp_path / "other.png")
    return tmp_path / "other.png"


def test_video(run_cli: Run, clip: Path, art: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    result = run_cli("video", clip, art, "-o", out, *FAST, "--preserve-color", "--stability")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    assert result.stderr == ""
    assert read_video(out)[1] == read_video(clip)[1]
    assert packets(out, "audio") == packets(clip, "audio")


def test_names_with_per_cent_signs_are_names(run_cli: Run, clip: Path, art: Path, tmp_path: Path) -> None:
    source, out = clip.rename(tmp_path / "100%done.mp4"), tmp_path / "50%done.mp4"
    result = run_cli("video", source, art, "-o", out, *FAST)
    assert result.stdout.strip() == str(out)
    assert len(read_video(out)[0]) == 5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["100%done.mp4", "50%done.mp4", "art.png"]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animation(run_cli: Run, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_pages(tmp_path / f"anim{suffix}", pages(3), duration=[30, 50, 0], loop=0)
    result = run_cli("video", f"anim{suffix}", art, "--stability", *FAST)
    assert (result.stdout.strip(), result.stderr) == (f"anim_stylized_art{suffix}", "")
    assert read_animation(Path(f"anim_stylized_art{suffix}"))[1:] == ([30, 50, 0], 0)


def test_a_picture_is_no_video(run_cli: Run, art: Path) -> None:
    assert "art.png is a picture and does not move: adain stylize makes it" in one_line_error(
        run_cli("video", art, art, *FAST)
    )
    assert "--crf is for videos: leave it out for .gif" in one_line_error(
        run_cli("video", write_pages(art.with_name("a.gif"), pages(2)), art, "--crf", 20, *FAST)
    )


def test_json(run_cli: Run, clip: Path, art: Path, tmp_path: Path) -> None:
    result = run_cli("video", clip, art, "-o", tmp_path / "o.webm", "--no-audio", "--json", "--content-size", 20, *FAST)
    record = json.loads(result.stdout)
    assert record.pop("seconds") > 0
    assert record.pop("fps") > 0
    assert record == {
        "output": str(tmp_path / "o.webm"), "frames": 5, "width": 30, "height": 20, "shots": 1, "skipped": 0,
        "damaged": 0, "resumed": 0,
    }  # fmt: skip


def test_default_names(
    run_cli: Run, clip: Path, art: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert run_cli("video", clip, art, *FAST).stdout.strip() == "in_stylized_art.mp4"
    run_cli("video", clip, art, "-o", "frames/", *FAST)
    result = run_cli("video", "frames", art, other, "--morph", "--fps", 24, *FAST)
    assert result.stdout.strip() == "frames_stylized_art+other.mp4"
    assert len(read_video(Path("frames_stylized_art+other.mp4"))[0]) == 5


def test_keys_change_the_style_on_the_way(run_cli: Run, clip: Path, art: Path, other: Path, tmp_path: Path) -> None:
    exact = ("--codec", "ffv1", "--pixel-format", "yuv444p", *FAST)
    keys = ("--key", f"0:{art}", "--key", f"100%:{other}:0.5")
    assert run_cli("video", clip, "-o", tmp_path / "keys.mkv", *keys, *exact).exit_code == 0
    assert run_cli("video", clip, art, "-o", tmp_path / "art.mkv", *exact).exit_code == 0
    keyed, plain = (read_video(tmp_path / f"{name}.mkv")[0] for name in ("keys", "art"))
    change = [float(np.abs(a.astype(int) - b).mean()) for a, b in zip(keyed, plain, strict=True)]
    assert change[0] < 0.5
    assert change[4] > 5
    assert change[4] > change[2] > change[1]


def test_warnings_for_damaged_frames(run_cli: Run, art: Path, tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", scene(4, 48, 32), codec="ffv1", options={"g": "1"})
    spoil(source, 2)
    result = run_cli("video", source, art, "-o", tmp_path / "out.mp4", *FAST)
    assert result.exit_code == 0
    assert result.stderr.startswith("adain video: warning: damaged frames in the source: 1 ")


def test_damage_that_no_decoder_gets_over_is_one_line(run_cli: Run, art: Path, tmp_path: Path) -> None:
    """One that fails at the end of the file, too, when it is asked for what it still has."""
    source = write_video(tmp_path / "in.mkv", scene(4, 48, 32), codec="ffv1", options={"g": "1"})
    with av.open(str(source)) as container:
        setup = bytes(container.streams.video[0].codec_context.extradata or b"")
    assert len(setup) > 20
    source.write_bytes(source.read_bytes().replace(setup, bytes(len(setup))))
    message = one_line_error(run_cli("video", source, art, "-o", tmp_path / "out.mp4", *FAST))
    assert "no frame of" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["art.png", "in.mkv"]


def test_sound_too_damaged_for_the_container_is_left_out(run_cli: Run, clip: Path, art: Path, tmp_path: Path) -> None:
    """AAC that does not say what it is: Matroska takes the stream, and then none of its packets."""
    data = clip.read_bytes()
    assert data.count(b"esds") == 1
    clip.write_bytes(data.replace(b"esds", b"xsds"))
    result = run_cli("video", clip, art, "-o", tmp_path / "out.mkv", *FAST)
    assert result.exit_code == 0, result.output
    told = "adain video: warning: sound or subtitles of in.mp4 are damaged and left out: no .mkv holds them\n"
    assert result.stderr == told
    assert len(read_video(tmp_path / "out.mkv")[0]) == 5
    assert packets(tmp_path / "out.mkv", "video")
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert len(container.streams) == 1


def test_gradient_and_label_map(run_cli: Run, clip: Path, art: Path, other: Path, tmp_path: Path) -> None:
    labels = np.ones((32, 48), np.uint8)
    labels[:, 24:] = 2
    Image.fromarray(labels).save(tmp_path / "map.png")
    exact = ("--codec", "ffv1", "--pixel-format", "yuv444p", *FAST)
    label_map = ("--label-map", tmp_path / "map.png", "--label", f"1={art}", "--label", f"2={other}")
    for how in ((art, other, "--gradient", "horizontal"), label_map):
        result = run_cli("video", clip, *how, "-o", tmp_path / "both.mkv", *exact)
        assert result.exit_code == 0, result.output
        both = read_video(tmp_path / "both.mkv")[0][0].astype(int)
        for path, end in ((art, slice(0, 4)), (other, slice(-4, None))):
            run_cli("video", clip, path, "-o", tmp_path / "one.mkv", *exact)
            change = np.abs(both - read_video(tmp_path / "one.mkv")[0][0]).mean((0, 2))
            assert change[end].mean() < change.mean()


def test_a_flag_alone_before_a_path_is_refused(run_cli: Run, clip: Path, art: Path, tmp_path: Path) -> None:
    for flag, usual in (("--stability", STABILITY_ON), ("--preserve-color", "luminance")):
        result = run_cli("video", clip, flag, art, "-o", tmp_path / "out.mp4", *FAST)
        assert f"({flag} alone goes last, or is {flag}={usual})" in one_line_error(result)
    assert not (tmp_path / "out.mp4").exists()


def test_styles_by_name(run_cli: Run, clip: Path, tmp_path: Path) -> None:
    for how in (("great-wave",), ("--key", "0:great-wave", "--key", "100%:great-wave:0.5")):
        result = run_cli("video", clip, *how, "-o", tmp_path / "out.mp4", *FAST)
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize("kept", ["video", "art", "key", "mask", "map", "frames"])
def test_inputs_are_not_replaced(run_cli: Run, clip: Path, art: Path, other: Path, tmp_path: Path, kept: str) -> None:
    """As the file that is asked for, by another name of it, and as a picture among others."""
    frame = tmp_path / "out" / "frame-00003.png"
    frame.parent.mkdir()
    shutil.copy(art, frame)
    lines: dict[str, tuple[object, ...]] = {
        "video": (clip, art, "-o", tmp_path / "link.mp4"),
        "art": (clip, frame, "-o", tmp_path / "out"),
        "key": (clip, "--key", f"0:{other}", "--key", f"100%:{frame}", "-o", tmp_path / "out" / "frame-%05d.png"),
        "mask": (clip, art, "--mask", frame, "-o", tmp_path / "out/"),
        "map": (clip, "--label-map", frame, "--label", f"1={art}", "-o", tmp_path / "out"),
        "frames": (tmp_path / "again", art, "-o", tmp_path / "out"),
    }
    os.link(clip, tmp_path / "link.mp4")
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "a.png").symlink_to(frame)
    before = {path: path.read_bytes() for path in (clip, art, other, frame)}
    message = one_line_error(run_cli("video", *lines[kept], *FAST))
    assert "is also an input and would be replaced: choose another file to write" in message
    assert {path: path.read_bytes() for path in before} == before
    assert sorted(path.name for path in frame.parent.iterdir()) == [frame.name]


def test_the_folder_of_parts_may_hold_what_is_no_part(run_cli: Run, clip: Path, art: Path, tmp_path: Path) -> None:
    own = tmp_path / "out.mp4.parts" / "wave.png"
    own.parent.mkdir()
    shutil.copy(art, own)
    assert run_cli("video", clip, own, "-o", tmp_path / "out.mp4", *FAST).exit_code == 0
    assert [path.name for path in own.parent.iterdir()] == ["wave.png"]
    own.unlink()
    assert run_cli("video", clip, art, "-o", tmp_path / "out.mp4", *FAST).exit_code == 0
    assert not own.parent.exists()


def test_one_line_errors(run_cli: Run, clip: Path, art: Path, tmp_path: Path) -> None:
    def refused(*args: object) -> str:
        return one_line_error(run_cli("video", *args, *FAST))

    out = ("-o", tmp_path / "out.mp4")
    assert "no video given" in refused()
    assert "no style given" in refused(clip)
    assert "no such file" in refused(tmp_path / "none.mp4", art, *out)
    assert "it is not a video" in refused(weights_dir() / "manifest.json", art, *out)
    assert "no such file" in refused(clip, tmp_path / "none.jpg", *out)
    assert "is also an input" in refused(clip, art, "-o", art)
    assert "a key is TIME:STYLE" in refused(clip, "--key", "now", *out)
    assert "leave the other styles" in refused(clip, art, "--key", f"0:{art}", *out)
    assert "at least two" in refused(clip, art, "--morph", *out)
    assert "pixels with its shorter side at 99999" in refused(clip, art, *out, "--content-size", "99999")
    assert "must be between 0 and 1, not 2" in refused(clip, art, "--stability", "2", *out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["art.png", "in.mp4"]


@pytest.mark.parametrize("module", ["av", "cv2"])
def test_without_the_extra(
    run_cli: Run, clip: Path, art: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    result = run_cli("video", clip, art, "-o", tmp_path / "out.mp4", "--stability", *FAST)
    assert 'pip install "adain[video]"' in one_line_error(result)


def start(clip: Path, art: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "adain", "video", str(clip), str(art), "-o", str(out), "--save-every", "4",
               "--json", "--stability", "0.7", "--codec", "ffv1", "--pixel-format", "yuv444p", *FAST]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", ["SIGKILL", "SIGINT"])
def test_a_job_that_is_killed_goes_on(art: Path, tmp_path: Path, number: str) -> None:
    clip = write_video(tmp_path / "long.mp4", scene(14, 64, 48), sound=True)
    whole, out = tmp_path / "whole.mkv", tmp_path / "out.mkv"
    process = start(clip, art, out)
    state = tmp_path / "out.mkv.parts" / "state.safetensors"
    while not state.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(getattr(signal, number))
    code, (_, errors) = process.wait(), process.communicate()
    assert not out.exists()
    if number == "SIGINT":
        assert code == 130
        assert "the same command goes on from there" in errors
        assert len(errors.splitlines()) == 1
    again = start(clip, art, out)
    stdout, errors = again.communicate()
    assert again.returncode == 0, errors
    record = json.loads(stdout)
    assert record["frames"] == 14
    assert 4 <= record["resumed"] < 14
    assert [round(float(t) * 25, 1) for t in read_video(out)[1]] == list(range(14))
    assert [data for _, data in packets(out, "audio")] == [data for _, data in packets(clip, "audio")]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["art.png", "long.mp4", "out.mkv"]
    if number == "SIGKILL":
        assert start(clip, art, whole).wait() == 0
        for a, b in zip(read_video(whole)[0], read_video(out)[0], strict=True):
            assert np.array_equal(a, b)

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from adain import metrics
from adain._utils.errors import InputError
from adain.control.style import Style, blend
from adain.image import edge_drift, list_images
from adain.metrics import warping_error
from adain.metrics.evaluation import Evaluation, evaluate
from adain.metrics.gallery import load_square
from adain.metrics.pairs import pair_up, with_outputs
from adain.nn.pretrained import load_encoder
from adain.nn.statistics import channel_mean_std
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image

from .conftest import SIZE, Folders

LAYERS = metrics.GRAM_LAYERS


def measured(folders: Folders, **more: object) -> Evaluation:
    pairs = with_outputs(pair_up(list_images(folders.content), list_images(folders.style)), {"mine": folders.output})
    return evaluate(pairs, size=SIZE, device="cpu", **more)  # type: ignore[arg-type]


def test_guard_rails(folders: Folders) -> None:
    found = measured(folders)
    assert list(found.rows) == ["mine", "identity", "style"]
    assert len(found.entries) == 12
    assert not found.failures
    for entry in found.entries:
        if entry.row == "identity":
            assert entry.values["style-residual"] == 1.0
            assert entry.values["ssim"] == pytest.approx(1.0, abs=1e-5)
            for name in ("content-loss", "content-distance", "cfsd", "vgg-distance"):
                assert entry.values[name] == 0.0, name
        if entry.row == "style":
            for name in ("style-residual", "style-loss", "gram", "histogram"):
                assert entry.values[name] == 0.0, name
    assert found.sets["style"]["vgg-fd"] == pytest.approx(0.0, abs=1e-6)
    assert found.sets["identity"]["vgg-fd"] > 1.0


def test_every_figure_recomputed_from_the_pictures(folders: Folders) -> None:
    found = measured(folders)
    encoder = load_encoder(upto="relu5_1")
    pooled = []
    for entry in found.entries:
        if entry.row != "mine":
            continue
        assert entry.output is not None
        assert entry.output.name == f"{entry.content.stem}_stylized_{entry.style.stem}.png"
        pixels = [load_square(path, SIZE) for path in (entry.output, entry.content, entry.style)]
        with torch.no_grad():
            o, c, s = (encoder(x, LAYERS) for x in pixels)
        expected = {
            "style-residual": metrics.style_residual(o, c, s),
            "style-loss": metrics.style_distance(metrics.style_stats(o), metrics.style_stats(s)),
            "content-loss-target": metrics.content_target_loss(o, c, metrics.target_statistics(s)),
            "content-loss": metrics.content_feature_loss(o, c),
            "content-distance": metrics.content_distance(o, c),
            "gram": metrics.gram_difference(o, s),
            "cfsd": metrics.cfsd(o, c),
            "ssim": metrics.ssim(pixels[0], pixels[1]),
            "unrest": metrics.unrest(pixels[0], pixels[1]),
            "vgg-distance": metrics.vgg_distance(o, c),
            "edge-drift": (
                drift := edge_drift(*(x[0].permute(1, 2, 0).numpy() for x in (pixels[1], pixels[0])))
            ).median,
            "edge-drift-90": drift.high,
            "edges-lost": drift.lost,
            "histogram": metrics.histogram_distance(*(metrics.rgb_uv_histogram(pixels[k]) for k in (0, 2))),
        }
        assert entry.values == pytest.approx({k: float(v) for k, v in expected.items()}, rel=1e-3, abs=1e-6)
        pooled.append((metrics.pooled(o)[0], metrics.pooled(s)[0]))
    assert len(pooled) == 4
    distance = metrics.frechet_distance(*(torch.stack(side) for side in zip(*pooled, strict=True)))
    assert found.sets["mine"]["vgg-fd"] == pytest.approx(float(distance), rel=1e-4)


def test_entries_come_in_the_order_of_pairs_whatever_is_held(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["ssim", "style-residual", "content-distance"]
    plain = measured(folders, names=names)
    monkeypatch.setattr("adain.metrics.gallery.HELD_BYTES", 1)
    bounded = measured(folders, names=names)
    assert bounded.entries == plain.entries
    assert [(e.content.stem, e.style.stem) for e in plain.entries[::3]] == [
        ("a", "aa"), ("a", "bb"), ("b", "aa"), ("b", "bb"),
    ]  # fmt: skip
    assert [m.name for m in plain.metrics] == ["style-residual", "content-distance", "ssim"]


def test_a_broken_picture_costs_its_own_pairs_alone(folders: Folders) -> None:
    (folders.output / "a_stylized_aa.png").write_text("no picture")
    noise_image(36, 60).save(folders.output / "b_stylized_bb.png")
    found = measured(folders, names=["ssim"])
    assert sorted((e.row, e.content.stem, e.style.stem) for e in found.entries if e.row == "mine") == [
        ("mine", "a", "bb"), ("mine", "b", "aa"),
    ]  # fmt: skip
    assert len([e for e in found.entries if e.row == "identity"]) == 4
    assert [("a_stylized_aa" in str(f), "b_stylized_bb" in str(f)) for f in found.failures] == [
        (True, False), (False, True),
    ]  # fmt: skip
    (folders.content / "a.png").write_text("no picture")
    found = measured(folders, names=["ssim"])
    assert {e.content.stem for e in found.entries} == {"b"}
    assert len(found.failures) == 2  # a.png once, though it has two pairs


def test_rows_that_lack_outputs_are_told(folders: Folders, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    noise_image(44, 36).save(other / "a_stylized_bb.png")
    pairs = pair_up(list_images(folders.content), list_images(folders.style))
    found = evaluate(
        with_outputs(pairs, {"mine": folders.output, "other": other}), names=["ssim"], size=SIZE, device="cpu"
    )
    assert list(found.rows) == ["mine", "other", "identity", "style"]
    assert [str(f) for f in found.failures] == ["other lacks 3 of 4 outputs that others have: a.png in aa.png"]
    assert len([e for e in found.entries if e.row == "other"]) == 1


def test_pictures_made_now(folders: Folders, stylizer: Stylizer) -> None:
    pairs = pair_up(list_images(folders.content), list_images(folders.style))
    names = ["style-residual", "ssim", "alpha-falls", "alpha-rise", "blend-moves", "blend-setback", "warping-error"]
    found = evaluate(pairs[:3], names=[*names, "ms", "mb"], stylizer=stylizer, size=40, alpha=0.7)
    assert list(found.rows) == ["adain", "identity", "style"]
    assert not found.failures
    made = [e for e in found.entries if e.row == "adain"]
    assert all(set(e.values) - {"mb"} == {*names, "ms"} for e in made)
    assert all(e.values["ms"] > 0 for e in made)

    with torch.no_grad():
        photo = load_square(pairs[1].content, 40)
        arts = [load_square(p.style, 40) for p in pairs[1::-1]]  # the style of the pair, and the next, from the end
        styles = [stylizer.encode_style(art, size=0) for art in arts]
        out = stylizer.stylize(photo, styles[0], alpha=0.7)
        values = made[1].values
        features = [stylizer.encoder(x, metrics.GRAM_LAYERS[:4]) for x in (out, photo, arts[0])]
        assert values["style-residual"] == pytest.approx(float(metrics.style_residual(*features)), rel=1e-3)
        assert values["ssim"] == pytest.approx(float(metrics.ssim(out, photo)), rel=1e-3)

        def stats(image: torch.Tensor) -> metrics.style.Stats:
            return metrics.style_stats(stylizer.encoder(image, metrics.GRAM_LAYERS[:4]))

        first, second = stats(arts[0]), stats(arts[1])
        way = float(metrics.style_distance(stats(photo), first))
        left = [
            float(metrics.style_distance(stats(stylizer.stylize(photo, styles[0], alpha=a)), first)) / way
            for a in (0.0, 0.25, 0.5, 0.75, 1.0)
        ]
        assert (values["alpha-falls"], values["alpha-rise"]) == pytest.approx(metrics.falling(left), abs=1e-4)
        apart = float(metrics.style_distance(first, second))
        mixed = [stylizer.stylize(photo, blend(styles, [1 - w, w]), alpha=0.7) for w in (0.0, 0.25, 0.5, 0.75, 1.0)]
        distances = [[float(metrics.style_distance(stats(x), end)) / apart for x in mixed] for end in (first, second)]
        expected = metrics.interpolation(*distances)
        assert (values["blend-moves"], values["blend-setback"]) == pytest.approx(expected, abs=1e-4)

        views = [photo[..., :32, :32], photo[..., 3:35, 6:38]]
        now = [stylizer.stylize(view.contiguous(), styles[0], alpha=0.7) for view in views]
        flow = torch.tensor([6.0, 3.0]).reshape(1, 2, 1, 1).expand(1, 2, 32, 32)
        assert torch.equal(views[1][..., 5, 7], views[0][..., 8, 13])  # the flow says where it was
        assert values["warping-error"] == pytest.approx(float(warping_error(now[1], now[0], flow)), rel=1e-3)


def test_made_with_correction(folders: Folders, stylizer: Stylizer) -> None:
    pairs = pair_up(list_images(folders.content), list_images(folders.style))[:1]
    found = evaluate(pairs, names=["style-residual"], stylizer=stylizer, size=40, correct=2)
    photo, art = (load_square(path, 40) for path in (pairs[0].content, pairs[0].style))
    with torch.no_grad():
        out = stylizer.stylize(photo, stylizer.encode_style(art, size=0), correct=2)
        features = [stylizer.encoder(x, metrics.GRAM_LAYERS[:4]) for x in (out, photo, art)]
    made = next(entry for entry in found.entries if entry.row == "adain")
    assert made.values["style-residual"] == pytest.approx(float(metrics.style_residual(*features)), rel=1e-3)


def test_made_beside_outputs(folders: Folders, stylizer: Stylizer) -> None:
    found = measured(folders, names=["content-distance"], stylizer=stylizer, alpha=0.0)
    assert list(found.rows) == ["mine", "adain", "identity", "style"]
    mean = {row: sum(e.values["content-distance"] for e in found.entries if e.row == row) / 4 for row in found.rows}
    assert mean["identity"] == 0.0 < mean["adain"] < mean["mine"]


def test_a_style_is_its_own_target(folders: Folders, stylizer: Stylizer) -> None:
    # What the residual needs is the statistics of the square that is measured.
    art = load_square(list_images(folders.style)[0], SIZE)
    known = stylizer.encode_style(art, size=0)
    expected = Style(*channel_mean_std(stylizer.encoder.features(art)))
    torch.testing.assert_close(known.mean, expected.mean)


def test_what_cannot_be_measured(folders: Folders) -> None:
    pairs = pair_up(list_images(folders.content), list_images(folders.style))
    with pytest.raises(InputError, match="nothing to measure"):
        evaluate(pairs)
    pairs = with_outputs(pairs, {"mine": folders.output})
    with pytest.raises(InputError, match="16 px is too small for these measures: use 17"):
        evaluate(pairs, size=16)
    assert len(evaluate(pairs, names=["style-loss"], size=16, device="cpu").entries) == 12


def test_a_style_that_is_the_content_has_no_residual(folders: Folders) -> None:
    photo = list_images(folders.content)[0]
    noise_image(44, 36, 5).save(folders.output / "a_stylized_a.png")
    pairs = with_outputs(pair_up([photo], [photo]), {"mine": folders.output})
    found = evaluate(pairs, names=["style-residual", "ssim", "vgg-fd"], size=SIZE, device="cpu")
    assert "style-residual" not in found.entries[1].values  # 0 / 0
    assert "ssim" in found.entries[1].values
    assert found.sets == {"mine": {}, "identity": {}, "style": {}}  # one picture has no covariance

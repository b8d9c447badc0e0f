"""Masks: values, files, sizes, and what a history of them takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.app.canvas.bare import capsule, mask_pixels, over, stroke


def test_a_png_holds_exact_values(page: Any) -> None:
    page.evaluate(
        "window.made = new Mask(301, 257, Uint8ClampedArray.from({ length: 301 * 257 }, (_, i) => (i * 7919) % 256))"
    )
    want = (np.arange(301 * 257) * 7919 % 256).reshape(257, 301)
    assert np.array_equal(mask_pixels(page, "made"), want)
    assert np.array_equal(mask_pixels(page, "made.inverted()"), 255 - want)
    again = "Mask.fromImage(await createImageBitmap(await made.toBlob()))"
    assert np.array_equal(mask_pixels(page, again), want)


def test_a_picture_is_read_as_the_library_reads_masks(page: Any) -> None:
    got = mask_pixels(page, "Mask.fromImage(plain(40, 10, '#f00', '#0f0', '#00f', '#ffffff80'))")
    assert got[5, [5, 15, 25]].tolist() == [76, 150, 29]
    assert page.evaluate("Mask.fromImage(plain(8, 8, '#ffffff80')).data[0]") == 128  # transparent lies outside


def test_masks_of_large_photographs_are_bounded(page: Any) -> None:
    page.evaluate("view.size = { width: 9000, height: 6000 }")
    assert stroke(page, (300, 300)).shape == (1365, 2048)
    page.evaluate("view.size = { width: 300, height: 9000 }")
    page.evaluate("view.setMask(Mask.full(12, 12), '#000'); view.tool = 'eraser'")  # of another shape: it is stretched
    page.mouse.click(400, 300)
    assert mask_pixels(page).shape == (2048, 68)


def test_full_and_empty(page: Any) -> None:
    assert page.evaluate("[Mask.empty(300, 200).isEmpty, Mask.full(300, 200).isEmpty]") == [True, False]
    assert (mask_pixels(page, "Mask.full(300, 200)") == 255).all()
    assert page.evaluate(
        "(() => { try { new Mask(3, 3, new Uint8ClampedArray(8)) } catch (e) { return e.message } })()"
    )


def test_a_history_of_masks_takes_little(page: Any) -> None:
    """Each stroke on 3 megapixels adds its own tiles, and shares the rest."""
    page.evaluate("view.size = { width: 6000, height: 4500 }; view.brush = { softness: 0.5, size: 30 }")
    for x in (100, 300, 500):
        page.mouse.move(x, 100)
        page.mouse.down()
        page.mouse.move(x, 160)
        page.mouse.up()
    fresh = page.evaluate("strokes().at(-1).bytes - strokes().at(-2).bytes")
    assert 0 < fresh < 150_000
    assert page.evaluate("strokes().at(-1).data.length") == 2048 * 1536


def test_masks_share_the_tiles_that_did_not_change(page: Any) -> None:
    shared = page.evaluate(
        """async () => {
          const { TILE } = await import("/page/tiles.js");
          const data = Uint8ClampedArray.from({ length: 9 * TILE * TILE }, (_, i) => (i * 7919) % 251);
          const first = new Mask(3 * TILE, 3 * TILE, data);
          data[0] ^= 1;
          const second = first.changed(data, { x: 0, y: 0, width: 3 * TILE, height: 3 * TILE });
          const written = second.pasteInto(data, first).length;
          const corner = { x: 0, y: 0, width: 9, height: 9 };
          return [written, first.changed(data, corner) === first, second.changed(data, corner) === second];
        }"""
    )
    assert shared == [1, False, True]


def test_an_older_mask_comes_back(page: Any) -> None:
    first = stroke(page, (200, 200))
    stroke(page, (600, 400))
    page.evaluate("view.setMask(strokes()[0], '#e4572e')")
    got = stroke(page, (400, 300))
    want = over(first, capsule((400, 300), [(200, 150)], 10))
    assert np.abs(got - want).max() <= 1

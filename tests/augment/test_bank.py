"""Banks: what is put in comes out, little is read, and what is drawn is drawn by rule."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from adain import InputError, MissingFileError, Style, WeightsError
from adain.augment import StyleBank, is_bank
from adain.augment.layout import FORMAT
from adain.nn import banks, registry
from adain.stylizer.stylizer import Stylizer
from tests.conftest import noise_image

CHANNELS = 384
LABELS = ["red", "blue", "red", "", "red", "red"]


def styles(count: int, seed: int = 0) -> list[Style]:
    rng = np.random.default_rng(seed)
    parts = (rng.gamma(1.0, 0.2, (count, CHANNELS, 1, 1)), rng.gamma(2.0, 0.2, (count, CHANNELS, 1, 1)) + 0.003)
    means, stds = (torch.tensor(part, dtype=torch.float32) for part in parts)
    return [Style(means[k : k + 1], stds[k : k + 1], f"style {k}") for k in range(count)]


@pytest.fixture
def bank(tmp_path: Path, fast: Stylizer) -> StyleBank:
    return StyleBank.save(tmp_path / "bank.safetensors", styles(6), fast, labels=LABELS, sources=["a", "é"] * 3)


def test_round_trip(bank: StyleBank) -> None:
    assert len(bank) == 6
    assert list(bank.names) == [f"style {k}" for k in range(6)]
    assert (bank.channels, bank.model, bank.style_size, bank.precision) == (CHANNELS, "fast", 512, "float16")
    assert list(bank.labels) == LABELS
    assert bank.classes == ["blue", "red"]
    assert bank.members("red").tolist() == [0, 2, 4, 5]
    assert [bank.sources[k] for k in (0, 1, -1)] == ["a", "é", "é"]
    for k, style in enumerate(styles(6)):
        assert bank[k].name == style.name
        assert bank[k].mean.dtype == torch.float32
        torch.testing.assert_close(bank[k].mean, style.mean, rtol=2**-11, atol=2**-24)
        torch.testing.assert_close(bank[k].std, style.std, rtol=2**-11, atol=2**-24)


def test_a_style_is_found_by_number_name_and_slice(bank: StyleBank) -> None:
    assert bank["style 3"].mean.equal(bank[3].mean)
    assert bank[-1].name == "style 5"
    assert [style.name for style in bank[1:5:2]] == ["style 1", "style 3"]
    assert [style.name for style in bank] == list(bank.names)
    assert "style 2" in bank
    assert "style 9" not in bank
    with pytest.raises(IndexError, match=r"bank\.safetensors has 6 styles, and none of the number 6"):
        bank[6]
    with pytest.raises(InputError, match="no style 'style 11': did you mean"):
        bank["style 11"]
    with pytest.raises(InputError, match="no class 'rod': did you mean 'red'"):
        bank.members("rod")


@pytest.mark.parametrize("indices", [[4, 0, -1], np.array([4, 0, 5]), torch.tensor([4, 0, 5])])
def test_a_batch_is_the_styles_one_after_the_other(bank: StyleBank, indices: object) -> None:
    batch = bank.batch(indices)
    assert batch.mean.shape == batch.std.shape == (3, CHANNELS, 1, 1)
    assert batch.mean.equal(torch.cat([bank[k].mean for k in (4, 0, 5)]))
    assert batch.std.equal(torch.cat([bank[k].std for k in (4, 0, 5)]))
    arrays = bank.to(None).batch(indices)
    assert isinstance(arrays.mean, np.ndarray)
    np.testing.assert_array_equal(arrays.mean, batch.mean.numpy())


def test_a_batch_of_what_there_is_not(bank: StyleBank) -> None:
    assert bank.batch([]).mean.shape == (0, CHANNELS, 1, 1)
    assert bank.batch(slice(2)).mean.shape[0] == 2
    with pytest.raises(IndexError, match="6 styles, and none of the number 6"):
        bank.batch([0, 6])
    with pytest.raises(InputError, match="whole numbers"):
        bank.batch([0.5])


def test_opening_reads_next_to_nothing(tmp_path: Path) -> None:
    """A hundred thousand styles, in a file of holes; another process tells how much of it came into memory."""
    count, width = 100_000, 384
    entries, end = {}, 0
    sizes = {"name.ends": ("I64", [count], 8), "source.ends": ("I64", [1], 8), "licence.ends": ("I64", [1], 8),
             "class.ends": ("I64", [1], 8), "source.codes": ("I32", [count], 4), "licence.codes": ("I32", [count], 4),
             "class.codes": ("I32", [count], 4), "mean": ("F16", [count, width], 2), "std": ("F16", [count, width], 2),
             "probe": ("F16", [2, width], 2), "name.text": ("U8", [20 * count], 1), "source.text": ("U8", [0], 1),
             "licence.text": ("U8", [0], 1), "class.text": ("U8", [0], 1)}  # fmt: skip
    for name, (dtype, shape, item) in sizes.items():
        first, end = end, end + int(np.prod(shape)) * item
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [first, end]}
    header = json.dumps({"__metadata__": {"format": FORMAT, "model": "fast"}, **entries}).encode()
    path = tmp_path / "large.safetensors"
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + end)
    code = (
        "import os, sys; from adain.augment import StyleBank\n"
        "def held(): return int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE')\n"
        "StyleBank.shipped\n"
        "before = held(); bank = StyleBank.open(sys.argv[1], device=None); opened = held(); size = len(bank)\n"
        "bank.batch(range(0, size, 2000)); drawn = held(); bank._stds.sum(); read = held()\n"
        "print(size, opened - before, drawn - opened, read - drawn)"
    )
    if not Path("/proc/self/statm").exists():
        pytest.skip("says nothing of memory")
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    size, opened, drawn, read = map(int, done.stdout.split())
    assert size == count
    assert opened < 4 << 20
    assert drawn < 24 << 20  # of 154 MB
    assert read > 48 << 20  # so that the figures above mean something


def test_a_bank_travels_by_its_path(bank: StyleBank, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = pickle.dumps(StyleBank.open(os.path.relpath(bank.path)))
    assert len(data) < 1000
    monkeypatch.chdir(tmp_path.parent)
    again = pickle.loads(data)
    assert again.batch([1, 2]).mean.equal(bank.batch([1, 2]).mean)


class Drawn(torch.utils.data.Dataset[torch.Tensor]):
    def __init__(self, bank: StyleBank) -> None:
        self.bank = bank

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.bank.batch(self.bank.sample(2, generator=index)).mean


@pytest.mark.slow
def test_workers(bank: StyleBank) -> None:
    alone = [torch.utils.data.default_collate([Drawn(bank)[k]]) for k in range(4)]
    loaded = torch.utils.data.DataLoader(Drawn(bank), num_workers=1, multiprocessing_context="fork")
    assert all(a.equal(b) for a, b in zip(alone, loaded, strict=True))


def test_threads_share_a_bank(bank: StyleBank) -> None:
    found: list[torch.Tensor] = []
    threads = [
        threading.Thread(target=lambda: found.append(StyleBank.batch(bank, [bank.index("style 3")]).mean))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(each.equal(bank[3].mean) for each in found)


def test_the_same_generator_draws_the_same(bank: StyleBank) -> None:
    for make in (lambda: 7, lambda: np.random.default_rng(7), lambda: torch.Generator().manual_seed(7)):
        assert bank.sample(9, make()).tolist() == bank.sample(9, make()).tolist()
        assert bank.random_style(2, make()).mean.equal(bank.random_style(2, make()).mean)
    generator = torch.Generator().manual_seed(7)
    assert bank.sample(40, generator).tolist() != bank.sample(40, generator).tolist()  # it moves on
    torch.manual_seed(3)
    first = bank.sample(9).tolist()
    torch.manual_seed(3)
    assert bank.sample(9).tolist() == first
    with pytest.raises(InputError, match="a generator is torch's"):
        bank.sample(1, "seed")  # type: ignore[arg-type]


def shares(numbers: np.ndarray) -> list[float]:
    counts = Counter(numbers.tolist())
    return [counts[k] / len(numbers) for k in range(6)]


def test_what_is_drawn_how_often(bank: StyleBank) -> None:
    count = 30_000  # a share is off by 0.01, four deviations, once in 15,000 draws
    assert shares(bank.sample(count, 1)) == pytest.approx([1 / 6] * 6, abs=0.01)
    by_class = [1 / 12, 1 / 3, 1 / 12, 1 / 3, 1 / 12, 1 / 12]
    assert shares(bank.sample(count, 2, "class")) == pytest.approx(by_class, abs=0.012)
    named = bank.sample(count, 3, ["style 3", "red"])
    assert shares(named) == pytest.approx([1 / 8, 0, 1 / 8, 1 / 2, 1 / 8, 1 / 8], abs=0.012)


def test_none_is_drawn_twice_where_they_are_to_be_distinct(bank: StyleBank) -> None:
    for by in ("uniform", "class"):
        assert sorted(bank.sample(6, 1, by, distinct=True).tolist()) == list(range(6))
    assert sorted(bank.sample(5, 1, ["style 0", "red", "style 3"], distinct=True).tolist()) == [0, 2, 3, 4, 5]
    with pytest.raises(InputError, match="4 styles to choose from, and 5 distinct"):
        bank.sample(5, 1, ["red"], distinct=True)
    first = Counter(int(bank.sample(1, k, "class", distinct=True)[0]) for k in range(600))
    assert first[1] / 600 == pytest.approx(1 / 3, abs=0.08)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"by": "kind"}, "by is uniform or class"),
        ({"by": None}, "or a list of names, not None"),
        ({"by": []}, "give one at least"),
        ({"by": ["nobody"]}, "no style 'nobody'"),
        ({"count": -1}, "at least 0"),
    ],
)
def test_what_cannot_be_drawn(bank: StyleBank, how: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bank.sample(**{"count": 2, "generator": 1} | how)  # type: ignore[arg-type]


def test_random_styles(bank: StyleBank) -> None:
    drawn = bank.random_style(64, 1)
    assert drawn.mean.shape == drawn.std.shape == (64, CHANNELS, 1, 1)
    assert drawn.mean.min() >= 0
    assert drawn.std.min() > 0
    assert drawn.mean.dtype == torch.float32
    calm = bank.random_style(2, 1, spread=0.0)
    assert calm.mean[0].equal(calm.mean[1])
    expected = np.exp(np.log(bank.to(None).batch(range(6)).std.astype(np.float64)).mean(axis=0))
    torch.testing.assert_close(calm.std[0], torch.tensor(expected, dtype=torch.float32), rtol=1e-2, atol=0)
    with pytest.raises(InputError, match="spread"):
        bank.random_style(spread=-0.1)


def test_the_nearest_style(bank: StyleBank, fast: Stylizer) -> None:
    indices, distances = bank.nearest(bank[4], 3)
    mean, std = (np.stack([getattr(style, part).numpy().ravel() for style in bank]) for part in ("mean", "std"))
    brute = np.sqrt(((mean - mean[4]) ** 2 + (std - std[4]) ** 2).mean(axis=1))
    assert indices[0] == 4
    assert distances[0] == 0
    assert indices.tolist() == np.argsort(brute)[:3].tolist()
    np.testing.assert_allclose(distances, np.sort(brute)[:3], rtol=1e-5)
    assert len(bank.nearest(bank[0], 99)[0]) == 6
    picture = noise_image(40, 40)
    size = bank.style_size
    assert bank.nearest(picture, 2, model=fast)[0].tolist() == (
        bank.nearest(fast.encode_style(picture, size=size), 2)[0].tolist()
    )
    with pytest.raises(InputError, match="pass model="):
        bank.nearest(picture)


def test_another_encoder_is_refused(bank: StyleBank, fast: Stylizer, stylizer: Stylizer) -> None:
    bank.check(fast)
    trained = Stylizer.from_pretrained("fast", device="cpu")
    for model in (stylizer, trained):
        with pytest.raises(InputError, match=r"bank\.safetensors holds styles of the model 'fast'") as caught:
            bank.check(model)
        assert "\n" not in str(caught.value)


def test_the_same_encoder_in_another_precision_is_taken(tmp_path: Path) -> None:
    whole = Stylizer.from_pretrained("fast", device="cpu")
    bank = StyleBank.save(tmp_path / "bank.safetensors", [], whole)
    bank.check(Stylizer.from_pretrained("fast", device="cpu", precision="bf16"))


def test_half_precision_shows_in_no_pixel(tmp_path: Path, one_thread: None) -> None:
    model = Stylizer.from_pretrained("fast", device="cpu")
    style = model.encode_style(noise_image(96, 96, 5), size=96)
    bank = StyleBank.save(tmp_path / "bank.safetensors", [style], model)
    assert not bank[0].mean.equal(style.mean)
    photo = noise_image(96, 64, 6)
    exact, stored = (np.asarray(model.stylize(photo, each)).astype(int) for each in (style, bank[0]))
    assert np.abs(exact - stored).max() <= 1


@pytest.mark.parametrize(("part", "value"), [("mean", 1e5), ("std", 1e5), ("std", 1e-5)])
def test_what_half_precision_cannot_hold_is_stored_in_full(
    tmp_path: Path, fast: Stylizer, part: str, value: float
) -> None:
    style = styles(1)[0]
    getattr(style, part)[0, 3] = value
    bank = StyleBank.save(tmp_path / "bank.safetensors", [style], fast)
    assert bank.precision == "float32"
    assert getattr(bank[0], part).equal(getattr(style, part))


def test_what_is_no_bank(tmp_path: Path, bank: StyleBank) -> None:
    style, text = tmp_path / "style.safetensors", tmp_path / "text.safetensors"
    bank[0].save(style)
    text.write_text("a text that is longer than eight bytes")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(bank.path.read_bytes()[:-500])
    for path, message in ((style, "no bank of styles"), (text, "damaged"), (cut, "cut short"), (tmp_path, "cannot")):
        assert not is_bank(path)
        with pytest.raises(InputError, match=message):
            StyleBank.open(path)
    assert is_bank(bank.path)
    assert not is_bank("nowhere.safetensors")
    assert not is_bank(noise_image(4, 4))
    with pytest.raises(MissingFileError, match="no such file"):
        StyleBank.open(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize(("part", "value"), [("mean", np.nan), ("std", np.inf), ("std", 0.0), ("std", -1.0)])
def test_statistics_that_are_none(tmp_path: Path, fast: Stylizer, part: str, value: float) -> None:
    wrong = styles(2)
    getattr(wrong[1], part)[0, 3] = value
    with pytest.raises(InputError, match="statistics that are no numbers"):
        StyleBank.save(tmp_path / "wrong.safetensors", wrong, fast)


def test_damaged_statistics(bank: StyleBank) -> None:
    data = bytearray(bank.path.read_bytes())
    stored = bank._means[2].tobytes()
    place = data.index(stored)
    data[place : place + 2] = np.float16(np.nan).tobytes()
    path = bank.path.with_name("damaged.safetensors")
    path.write_bytes(data)
    damaged = StyleBank.open(path)
    assert damaged[1].mean.equal(bank[1].mean)
    for use in (lambda: damaged[2], lambda: damaged.batch([0, 2])):
        with pytest.raises(InputError, match=r"damaged\.safetensors is damaged: .* no numbers"):
            use()


def test_what_is_not_saved(tmp_path: Path, fast: Stylizer) -> None:
    narrow = Style(torch.zeros(1, 8, 1, 1), torch.ones(1, 8, 1, 1), "narrow")
    with pytest.raises(InputError, match="of a model of 384 channels"):
        StyleBank.save(tmp_path / "a.safetensors", [narrow], fast)
    with pytest.raises(InputError, match=r"must end in \.safetensors"):
        StyleBank.save(tmp_path / "a.bin", styles(1), fast)
    with pytest.raises(InputError, match="2 styles need as many labels, not 1"):
        StyleBank.save(tmp_path / "a.safetensors", styles(2), fast, labels=["x"])
    fine = styles(1)[0]
    with pytest.raises(InputError, match="without fine_size"):
        StyleBank.save(tmp_path / "a.safetensors", [Style(fine.mean, fine.std, "fine", fine.std)], fast)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_ours_is_one_of_theirs(bank: StyleBank) -> None:
    from safetensors.numpy import load_file

    loaded = load_file(bank.path)
    np.testing.assert_array_equal(loaded["mean"].astype(np.float32), bank.to(None).batch(range(6)).mean[..., 0, 0])
    assert loaded["class.codes"].dtype == np.int32


@pytest.mark.parametrize("name", ["fast", "vgg19"])
def test_the_bank_that_ships(name: str) -> None:
    bank = StyleBank.shipped(name, device=None)
    model = Stylizer.from_pretrained(name, device="cpu")
    bank.check(model)
    assert bank
    assert (len(bank), bank.model, bank.channels) == (0, name, model.channels)
    assert bank.origin["licence"] == "MIT"
    drawn = bank.random_style(200, 1)
    assert drawn.mean.min() >= 0
    assert drawn.std.min() > 0
    # As much contrast as artworks have, and never many times that.
    own = bank.random_style(1, 1, spread=0.0)
    contrast = [np.sqrt((style.std**2).mean(axis=(1, 2, 3))) for style in (drawn, own)]
    assert 0.7 < np.median(contrast[0]) / contrast[1].item() < 2.5
    assert contrast[0].max() < 6 * contrast[1].item()
    with pytest.raises(InputError, match="draw from it with random_style"):
        bank.sample(1)
    with pytest.raises(IndexError):
        bank[0]


def test_the_banks_that_ship_are_small() -> None:
    assert sum(entry.path.stat().st_size for entry in banks().values()) <= 200_000


def test_no_bank_ships_for_a_model_there_is_not() -> None:
    with pytest.raises(WeightsError, match="there is no model 'fest'"):
        StyleBank.shipped("fest")
    with pytest.raises(WeightsError, match="no bank of styles ships for the model 'classic'"):
        StyleBank.shipped("classic")
    assert "classic" in registry()


def damaged(bank: StyleBank, before: str, after: str) -> Path:
    """The same bank with a header that says something else, of the same length."""
    data = bank.path.read_bytes()
    assert data.count(before.encode()) == 1
    assert len(before) == len(after)
    path = bank.path.with_name("damaged.safetensors")
    path.write_bytes(data.replace(before.encode(), after.encode()))
    return path


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('"style_size":"512"', '"style_size":"abc"', "invalid literal"),
        ('"origin":"{}"', '"origin":"{["', "it is damaged"),
        ('"origin":"{}"', '"origin":"[3"', "it is damaged"),
        ('"name.text"', '"nome.text"', "without name.text"),
        ('"probe"', '"prode"', "without probe"),
        ('"mean":{"dtype":"F16","shape":[6,384]', '"mean":{"dtype":"F16","shape":[2304] ', "not enough values"),
        ('"mean":{"dtype":"F16","shape":[6,384]', '"mean":{"dtype":"F16","shape":[384,6]', "different lengths"),
        ('"class.codes":{"dtype":"I32","shape":[6]', '"class.codes":{"dtype":"I64","shape":[3]', "different lengths"),
    ],
)
def test_a_damaged_header_is_told_of_in_one_line(bank: StyleBank, before: str, after: str, reason: str) -> None:
    with pytest.raises(InputError, match=rf"cannot read .*damaged\.safetensors: .*{reason}.*; make it anew"):
        StyleBank.open(damaged(bank, before, after))


@pytest.mark.parametrize("part", ["low", "factors"])
def test_a_damaged_distribution(bank: StyleBank, part: str) -> None:
    path = damaged(bank, f'"gaussian.{part}"', '"gaussian.' + "x" * len(part) + '"')
    with pytest.raises(InputError, match=r"the distribution of damaged\.safetensors is damaged"):
        StyleBank.open(path).random_style()


def test_damaged_numbers_of_texts(bank: StyleBank) -> None:
    data = bytearray(bank.path.read_bytes())
    codes = np.array([1, 0, 1, -1, 1, 1], np.int32)  # of the classes "", "blue" and "red"
    place = data.index(np.array([2, 1, 2, 0, 2, 2], np.int32).tobytes())
    data[place : place + codes.nbytes] = codes.tobytes()
    path = bank.path.with_name("damaged.safetensors")
    path.write_bytes(data)
    for use in (list, lambda labels: labels[3]):
        with pytest.raises(InputError, match="texts are damaged: make it anew"):
            use(StyleBank.open(path).labels)  # type: ignore[operator]
    data[place : place + codes.nbytes] = np.array([9] * 6, np.int32).tobytes()
    path.write_bytes(data)
    with pytest.raises(InputError, match="texts are damaged"):
        StyleBank.open(path).labels[0]


@pytest.mark.parametrize("count", [-1, 1.5, True, "2"])
def test_counts_that_are_none(bank: StyleBank, count: object) -> None:
    for ask in (bank.sample, bank.random_style, lambda n: bank.nearest(bank[0], n)):
        with pytest.raises(InputError, match="a count of styles is a whole number of at least 0"):
            ask(count)  # type: ignore[operator]


def test_a_distribution_alone_has_nothing_to_search(fast: Stylizer) -> None:
    for query, model in ((styles(1)[0], None), (noise_image(32, 32), fast)):
        with pytest.raises(InputError, match="holds a distribution and no styles"):
            StyleBank.shipped("fast").nearest(query, model=model)


def test_one_style_alone(tmp_path: Path, fast: Stylizer) -> None:
    one = StyleBank.save(tmp_path / "one.safetensors", styles(1), fast)
    assert one.sample(3).tolist() == [0, 0, 0]
    with pytest.raises(InputError, match="has 1 style to choose from, and 5 distinct ones"):
        one.sample(5, distinct=True)
    with pytest.raises(InputError, match="at least two"):
        one.random_style()

from __future__ import annotations

from adain.app.counters import Counters


def test_text() -> None:
    counters = Counters()
    for status in (200, 404, 200):
        counters.add("adain_requests_total", status=status, path="/")
    counters.add("adain_bytes_total", 2**40)
    counters.gauge("adain_jobs", lambda: 3)
    assert counters.text().splitlines() == [
        "# TYPE adain_bytes_total counter",
        "adain_bytes_total 1099511627776",
        "# TYPE adain_requests_total counter",
        'adain_requests_total{path="/",status="200"} 2',
        'adain_requests_total{path="/",status="404"} 1',
        "# TYPE adain_jobs gauge",
        "adain_jobs 3",
    ]
    assert counters.get("adain_requests_total") == 3
    assert counters.get("adain_requests_total", status=404) == 1
    assert counters.get("nothing") == 0


def test_values_of_labels_are_quoted() -> None:
    counters = Counters()
    counters.add("a", name='x"y\\z\n')
    assert counters.text().splitlines()[1] == r'a{name="x\"y\\z\n"} 1'

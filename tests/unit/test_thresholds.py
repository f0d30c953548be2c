"""Curves of thresholds, the points that they choose, and their picture."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from models.threshold_plot import Plot, draw
from models.thresholds import Curve, most_kept, widest_gap

MUST = [0.9, 0.5, 0.41, 0.4, -0.2]
MAY = [-0.5, -0.3, 0.1, 0.2, 0.6]


def test_each_point_counts_what_reaches_it() -> None:
    point = widest_gap(MUST, MAY).at(0.4)
    assert point.threshold == 0.4
    assert (point.recall, point.false_share, point.precision) == (0.8, 0.2, 0.8)


def test_nothing_reached_has_no_precision() -> None:
    assert widest_gap([0.5], [0.1]).at(0.99).precision is None


def test_the_widest_gap_is_chosen_at_its_lower_end() -> None:
    chosen = widest_gap(MUST, MAY).chosen
    assert chosen.recall - chosen.false_share == pytest.approx(0.6)
    assert chosen.threshold == 0.21, "just above the 0.2 that must not reach it, far below the 0.4 that must"


def test_the_highest_threshold_that_keeps_enough() -> None:
    assert most_kept(MUST, MAY, least_recall=0.8).chosen.threshold == 0.4
    assert most_kept(MUST, MAY, least_recall=1.0).chosen.threshold == -0.2


@pytest.mark.parametrize(("must", "may"), [([], [0.1]), ([0.1], [])])
def test_one_kind_alone_makes_no_curve(must: list[float], may: list[float]) -> None:
    with pytest.raises(ValueError, match="needs examples"):
        widest_gap(must, may)


def test_the_picture_is_svg_with_every_curve_and_the_chosen_point() -> None:
    curve: Curve = widest_gap(MUST, MAY)
    root = ElementTree.fromstring(draw([Plot("a < b & c", "must", "may", curve)] * 2))
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert names.count("polyline") == 8
    assert names.count("circle") == 2
    said = " ".join(element.text or "" for element in root.iter())
    assert "a < b & c" in said
    assert f"{curve.chosen.threshold:.2f}" in said

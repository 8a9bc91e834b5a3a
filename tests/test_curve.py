"""The learning curve as a picture: what it shows can be read."""

import json

import pytest
from matplotlib.text import Text

from engine.training.curve import DOTS_PER_INCH, draw_curve, figure_of

LINES = [
    {
        "iteration": number,
        "policy_loss": 2.0 / number,
        "policy_target_entropy": 1.0,
        "value_loss": 0.5,
        "entropy": 1.2,
        "policy_accuracy": 0.5,
        "learning_rate": 0.001 / number,
    }
    for number in (1, 2, 3)
]
MATCHES = [{"iteration": number, "elo": 40.0 * number, "elo_low": -90.0, "elo_high": 210.0} for number in (1, 2, 3)]
JUDGED = [{"positions": 1000 * number, "elapsed": 7.5 * number, "exploitability": 0.5 / number} for number in (1, 2, 3)]
TITLE = "goofspiel(imp_info=True,num_cards=4,points_order=descending,returns_type=win_loss): " + "a-long-name-" * 8


@pytest.mark.parametrize("judged", [[], JUDGED])
@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_labels_are_whole_and_so_are_iterations(iterations, judged):
    figure = figure_of(LINES[:iterations], MATCHES[:iterations], judged[:iterations], TITLE)
    figure.canvas.draw()
    page, renderer = figure.bbox, figure.canvas.get_renderer()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    assert len(texts) > 20
    for axes in figure.axes:
        low, high = sorted(axes.get_xlim())
        if axes.get_xlabel() == "iteration":
            ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
            assert ticks and all(tick == round(tick) for tick in ticks)
        # Matplotlib keeps ticks beyond the axis, which it does not draw.
        unseen = [tick.label1 for tick in axes.xaxis.get_major_ticks() if not low <= tick.get_loc() <= high]
        low, high = sorted(axes.get_ylim())
        ticks = [*axes.yaxis.get_major_ticks(), *axes.yaxis.get_minor_ticks()]
        unseen += [tick.label1 for tick in ticks if not low <= tick.get_loc() <= high]
        texts = [text for text in texts if text not in unseen]
    for text in texts:
        box = text.get_window_extent(renderer)
        assert page.x0 <= box.x0 and box.x1 <= page.x1, text.get_text()
        assert page.y0 <= box.y0 and box.y1 <= page.y1, text.get_text()
    titles = [axes.title.get_window_extent(renderer) for axes in figure.axes]
    for above, axes in zip(titles, figure.axes, strict=True):
        assert above.x1 - above.x0 <= axes.bbox.width * 1.2
    assert not any(first.overlaps(second) for first, second in zip(titles[::2], titles[1::2], strict=True))


def test_the_picture_is_of_the_records(tmp_path):
    assert draw_curve(tmp_path, "a run") is None
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    (tmp_path / "matches.jsonl").write_text("".join(json.dumps(line) + "\n" for line in MATCHES))
    path = draw_curve(tmp_path, "a run")
    width, height = (int.from_bytes(path.read_bytes()[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (9 * DOTS_PER_INCH, 6 * DOTS_PER_INCH)
    strength = figure_of(LINES, MATCHES, [], "a run").axes[1].lines[-1]
    assert list(strength.get_xdata()) == [1, 2, 3] and list(strength.get_ydata()) == [40.0, 80.0, 120.0]

"""The report: sound HTML that needs nothing else, all that failed in it, nothing of a user's text as markup, and, where
Chromium is installed, a page that works.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from engine.errors import TesujiError
from engine.game import load_game
from engine.probing.cards import command, outcome, shown, span
from engine.probing.charts import Said, curve
from engine.probing.expectations import Expectation, Moves, PlayOut, Probability, Twin, Value
from engine.probing.family import Family
from engine.probing.probe import Probe, to_line
from engine.probing.report import report, said, write_report
from engine.probing.results import Answer, Budget, Judged, MoveLine, Probing, Rate, summaries
from engine.probing.suite import read_line

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&amp;$title"
FEN = "8/1P1k4/8/8/8/8/6K1/8 w - - 0 1"
QUEEN = load_game("chess").new_initial_state(FEN).parse_move_to_action("b8=Q")


def probe(name: str, family: str, game: str, *expectations: Expectation, **more: object) -> Probe:
    made = Probe(name, family, game, (), expectations, "exact", "solver", f"Why {name} is so.")
    made = replace(made, **more)
    return replace(made, player=made.state().current_player())


def answer(budget: Budget, passed: bool, *moves: int, value: float = math.nan, **more: object) -> Answer:
    """The first move is played, the others have been looked at."""
    lines = tuple(MoveLine(move, float(not rank), 0.25, 9 - rank, 0.5) for rank, move in enumerate(moves))
    return replace(Answer(budget, passed, (passed, passed), lines, value), **more)


def judged() -> list[Judged]:
    four, kuhn = "connect_four", "kuhn_poker"
    mirror = Twin((6,), tuple((column, 6 - column) for column in range(7)), 0.1)
    wrong, right = answer(0, False, 2, 3, value=-0.5), answer(64, True, 3, 2, value=0.25)
    return [
        Judged(probe("traps/a", "traps", four, Moves((3,), (0, 1))), (wrong, replace(wrong, budget=64))),
        Judged(probe("traps/b", "traps", four, Moves((3,)), Value(0.0, 0.5)), (wrong, right)),
        Judged(
            probe("traps/c", "traps", four, Moves((3,)), history=(3,)),
            (answer(0, True, 3), replace(wrong, budget=16), right),
        ),
        Judged(probe("traps/d", "traps", "tic_tac_toe", PlayOut("self", 1.0, 1.0)), (replace(wrong, returns=-1.0),)),
        Judged(probe("bluff/e", "bluff", kuhn, Probability((1,), 0.0, 0.3), history=(2, 1)), (answer(None, False, 1),)),
        Judged(
            probe(
                "mates/f", "mates", "chess", Moves((QUEEN,)), fen=FEN, truth="published", oracle="", source="A. Author"
            ),
            (answer(0, False, error="TesujiError: broke"),),
        ),
        Judged(
            probe("twins/g", "twins", four, mirror, history=(0,), truth="engine-judged", source="Engine 1"),
            (replace(wrong, moved=0.7, twin_moves=wrong.moves),),
        ),
        Judged(probe("traps/h", "traps", four, Moves((3,))), ()),
    ]


FAMILY = Family(
    "traps",
    "search",
    "connect_four",
    "It fails.",
    "It does.",
    "Author, 2010",
    "Solved.",
    "plies",
    (2, 4),
    lambda *_: iter(()),
)


def probing(agent: str = "imitation") -> Probing:
    return Probing(agent, (None, 0, 16, 64), tuple(judged()), 71.6, ("file.jsonl:3: id: missing",))


class Page(HTMLParser):
    """Checks that tags are closed in order; keeps ids, links and the texts of elements."""

    VOID = frozenset({"meta", "br", "input", "wbr", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names))
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.VOID or "svg" in self.open  # elsewhere browsers would take it for a start
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    def all(self, kind: str) -> list[dict[str, str | None]]:
        return [attrs for _, attrs in self.elements if kind in (attrs.get("class") or "").split()]


def test_the_page_is_sound_and_needs_nothing_else() -> None:
    text = report(probing(), [FAMILY], probing("other"), "2026-11-26")
    page = Page(text)
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] or "" for tag, attrs in page.elements if "href" in attrs]
    assert links and all(link.startswith("#") and link[1:] in ids for link in links)
    assert not any({"src", "srcset", "action", "xlink:href"} & attrs.keys() for _, attrs in page.elements)
    assert set(re.findall(r"https?://[^\"' <]*", text)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in text and "@import" not in text
    assert "$" not in text.replace("$title", "")
    for word in (
        "2026-11-26",
        "1 min 12 s",
        "open_spiel 2.0.2",
        "It fails.",
        "Author, 2010",
        "file.jsonl:3: id: missing",
    ):
        assert any(word in each for each in page.texts), word


def test_every_failed_probe_has_a_card_and_every_passed_one_a_line() -> None:
    page = Page(report(probing(), []))
    found = {attrs["id"]: attrs for _, attrs in page.elements if "data-result" in attrs}
    assert len(found) == len(judged())
    cards = page.all("probe")
    assert len(cards) == 7 and {attrs["data-result"] for attrs in cards} == {"failed", "unsteady"}
    assert [attrs["data-result"] for attrs in found.values()].count("passed") == 1
    texts = "\n".join(page.texts)
    for each in judged():
        assert each.probe.id in texts and each.probe.why in texts
    # A picture where the room draws one, else the position in words.
    tags = [tag for tag, _ in page.elements]
    assert tags.count("pre") == 2  # tic_tac_toe and kuhn_poker
    assert (
        len([attrs for tag, attrs in page.elements if tag == "svg" and "width" in attrs]) == 6
    )  # the twin has one, too
    assert "no answer: TesujiError: broke" in texts
    assert "70%" in texts and "-1.000" in texts  # moved at the twin, return when played out


def test_what_failed_and_what_wavered() -> None:
    results = {each.probe.id[-1]: outcome(each) for each in judged()}
    assert results == dict.fromkeys("adefgh", "failed") | {"b": "passed", "c": "unsteady"}


def test_kinds_of_truth_stand_apart() -> None:
    text = report(probing(), [])
    sections = re.findall(r'<section id="([^"]*)" class="truths">(.*?)</section><(?=section|/main)', text, re.DOTALL)
    assert [truth for truth, _ in sections] == ["exact", "published", "engine-judged"]
    for truth, section in sections:
        assert re.findall(r"<h2>([^<]*)<", section) == [truth.capitalize()]
        assert set(re.findall(r'data-truth="([^"]*)"', section)) == {truth}
    assert re.findall(r'class="rate".*?class="count">([^<]*)<', sections[1][1]) == ["0/1"]
    totals = re.search(r'class="totals">(.*?)</ul>', text)
    assert totals is not None and re.findall(r'class="count">([^<]*)<', totals[1]) == ["2/6", "0/1", "0/1"]


def test_nothing_of_a_users_is_taken_for_markup() -> None:
    hostile = [
        Judged(
            replace(
                each.probe,
                id=HOSTILE + each.probe.id,
                family=HOSTILE,
                why=HOSTILE,
                source=HOSTILE,
                oracle=HOSTILE,
                tags=(HOSTILE,),
            ),
            tuple(replace(one, error=HOSTILE) if one.error else one for one in each.answers),
        )
        for each in judged()
    ]
    family = replace(FAMILY, name=HOSTILE, fails=HOSTILE, reason=HOSTILE, described_by=HOSTILE, dial=HOSTILE)
    asked = Probing(HOSTILE, (0, 64), tuple(hostile), 1.0, (HOSTILE,))
    page = Page(report(asked, [family], replace(asked, judged=()), HOSTILE))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 1 and "img" not in tags
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert "".join(page.texts).count(HOSTILE) > 20


def test_gained_and_lost_lead_to_their_probes() -> None:
    own = probing()
    swapped = tuple(
        Judged(each.probe, tuple(replace(one, passed=not one.passed) for one in each.answers)) for each in own.judged
    )
    text = report(own, [], replace(own, agent="other", judged=swapped))
    against = text[text.index('id="against"') : text.index("<main")]
    assert "Gained 2, lost 3" in against
    named = dict(re.findall(r'<a href="#(p\d+)">([^<]*)</a>', against))
    assert set(named.values()) == {"traps/a", "traps/b", "traps/c", "traps/d", "bluff/e", "mates/f", "twins/g"}
    for anchor, name in named.items():
        assert re.search(rf'id="{anchor}" data-family="{name.split("/")[0]}"', text)


def test_families_are_explained_where_they_stand_and_the_worst_is_open() -> None:
    text = report(probing(), [FAMILY])
    lines = re.findall(r'<details id="f\d+" class="family"( open="")?><summary.*?<h3>(.*?)</h3>(.*?)</summary>', text)
    assert [name for _, name, _ in lines] == ["bluff", "traps", "mates", "twins"]  # worst first, in each kind of truth
    assert [bool(opened) for opened, _, _ in lines] == [True, False, False, False]
    assert ["It fails." in line for _, _, line in lines] == [False, True, False, False]
    assert "1 answer failed with an error." in lines[2][2]


def test_one_card_is_shown_and_all_else_is_a_click_away() -> None:
    """A suite of any length stays a list of families: whatever else it holds stands in closed `details`."""
    many = [
        Judged(replace(each.probe, id=f"{each.probe.id}{copy}", family=f"{each.probe.family}{copy}"), each.answers)
        for copy in range(3)
        for each in judged()
    ]
    shown = Shown(report(Probing("agent", (0, 64), tuple(many), 1.0), [FAMILY]))
    assert shown.cards == 1 and shown.families == 12 and shown.passed == 0


class Shown(HTMLParser):
    """Counts what a reader sees before anything is opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.closed: list[bool] = []
        self.summary = False
        self.cards = self.families = self.passed = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        kinds = (found.get("class") or "").split()
        visible = not any(self.closed)
        self.cards += visible and "probe" in kinds
        self.families += visible and "family" in kinds
        self.passed += visible and found.get("data-result") == "passed"
        if tag == "details":
            self.closed.append("open" not in found)

    def handle_endtag(self, tag: str) -> None:
        if tag == "details":
            self.closed.pop()


def test_no_figure_stands_twice() -> None:
    """The bar "solved from" needs a second budget, and what all probes share is no column."""
    lost, won = answer(0, False, 2), answer(0, True, 3)
    one = [
        Judged(probe(f"traps/{number}", "traps", "connect_four", Moves((3,))), (each,))
        for number, each in enumerate((lost, won, won))
    ]
    heads = r'class="heads"[^>]*>(.*?)</div>'
    text = report(Probing("agent", (0,), tuple(one), 1.0), [FAMILY])
    found = re.search(heads, text)
    assert found is not None and re.findall(r"<span>([^<]*)", found[1]) == [
        "Family, worst first",
        "Passed, raw",
        "Best constant answer",
    ]
    # The three probes ask for the same column, so whoever always plays it passes all.
    assert re.search(r'<small>Best constant answer</small><span title="[^"]+">100%<', text)
    two = [replace(each, answers=(*each.answers, replace(won, budget=64))) for each in one]
    text = report(Probing("agent", (0, 64), tuple(two), 1.0), [FAMILY])
    assert 'aria-label="solved from: 2 raw, 1 64"' in text
    parts = re.search(r'class="solved"[^>]*>(.*?)</span>', text)
    assert parts is not None and re.findall(r"flex-grow:(\d)[^>]*>(\d)<", parts[1]) == [("2", "2"), ("1", "1")]


def test_only_the_pages_script_may_run() -> None:
    text = report(probing(), [])
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\"" in text and "script-src 'unsafe-inline'" not in text


def test_a_page_without_probes() -> None:
    page = Page(report(Probing("nobody", (), (), 0.0), []))
    assert "No probe was asked." in page.texts


def test_curves_need_two_budgets() -> None:
    rates = [Rate(0, 1, 4), Rate(64, 2, 4), Rate(4096, 4, 4)]
    assert curve(rates[:1], [], "f") is None and curve([Rate(None, 1, 4), Rate(64, 1, 4)], [], "f") is None
    drawn = str(curve(rates, rates[1:], "a family"))
    assert drawn.count('<circle class="own"') == 3 and drawn.count('<rect class="other"') == 2
    across = [float(x) for x in re.findall(r'cx="([\d.]+)"', drawn)]
    assert across == sorted(across)
    # Logarithmic, the raw policy a factor of eight below the smallest budget.
    assert (across[2] - across[1]) / (across[1] - across[0]) == pytest.approx(6 / 3, abs=0.02)
    assert "raw: 1 of 4, 64: 2 of 4, 4,096: 4 of 4" in drawn


def test_values_are_shares_of_the_largest_utility() -> None:
    kuhn = probe("k", "f", "kuhn_poker", Value(-1.0, 0.0), Value(-0.5, 2.0), history=(2, 1))
    members = [Judged(kuhn, (answer(0, True, 0, value=9.0), answer(64, False, 0, value=1.0)))]
    assert said(members) == [Said(-0.25, 0.0, 0.5)] and not said(members)[0].inside
    assert said([Judged(kuhn, (answer(0, False, 0),)), Judged(kuhn, ())]) == []


def test_budgets_rise_in_a_familys_figures() -> None:
    """Also where the first probe was not asked at all of them."""
    made = judged()
    rows = summaries([made[2], made[1], made[4]])
    assert [rate.budget for rate in rows[0].rates] == [0, 16, 64]


def test_the_command_survives_a_shell() -> None:
    hard = replace(judged()[0].probe, id="it's; a $(probe)")
    assert shlex.split(command("a gent", ("--seed", "3"), hard, (None, 0, 64))) == [
        *("tesuji", "probe", "a gent", "--seed", "3", "--id", hard.id, "--budgets", "0,64")
    ]
    assert command("random", (), judged()[0].probe, (None,)) == "tesuji probe random --id traps/a"


def test_the_table_shows_what_matters() -> None:
    many = answer(64, False, *range(10))
    known = {9: "accepted", 8: "accepted", 7: "accepted", 0: "forbidden"}
    actions = shown([many], known)
    assert len(actions) == 6 and {0, 1, 2, 7, 8, 9} == set(actions) and actions[0] == 0
    assert span(1.0, 1.0) == "1" and span(-0.5, 1.0) == "between -0.5 and 1"


def test_the_prior_has_a_column_where_the_raw_policy_plays_otherwise() -> None:
    greedy, searched = (
        answer(0, False, 3, 2),
        answer(64, False, 3, 2),
    )  # it plays the first for certain, the prior is 1/4
    mixed = replace(greedy, moves=tuple(replace(move, probability=move.prior) for move in greedy.moves))
    made = probe("traps/a", "traps", "connect_four", Moves((2,)))
    for raw, shown_at in ((greedy, True), (mixed, False)):
        text = report(Probing("agent", (0, 64), (Judged(made, (raw, searched)),), 1.0), [])
        assert ('<th scope="col">prior</th>' in text) == shown_at


def test_writing(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, probing(), [])
    assert path.read_text(encoding="utf-8") == report(probing(), [])
    with pytest.raises(TesujiError, match="nowhere"):
        write_report(tmp_path / "nowhere" / "report.html", probing(), [])


def test_a_thousand_probes_stay_small() -> None:
    """Chess boards full of pieces are the largest pictures: 300 failures and 700 lines."""
    state = load_game("chess").new_initial_state()
    moves = tuple(state.legal_actions())
    start = probe("mates/x", "mates", "chess", Moves(moves[:3], moves[3:]))
    steps = tuple(answer(budget, False, *moves[:12], value=0.1) for budget in (0, 64, 512, 4096))
    few = [Judged(replace(start, id=f"mates/{number}"), steps) for number in range(20)]
    passed = tuple(replace(one, passed=True) for one in steps)
    lines = [Judged(replace(start, id=f"mates/p{number}"), passed) for number in range(20)]
    card, line = (len(report(Probing("a", (0,), tuple(each), 1.0), [])) for each in (few, lines))
    empty = len(report(Probing("a", (0,), (), 1.0), []))
    assert empty + (card - empty) / 20 * 300 + (line - empty) / 20 * 700 < 10e6


def test_the_probes_of_these_tests_are_sound() -> None:
    for each in judged()[:5]:
        assert read_line(to_line(each.probe)) == each.probe


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


def browse(tmp_path: Path, address: str, *arguments: str) -> str:
    """The page as the browser sees it after its script has run."""
    done = subprocess.run(
        [
            *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--enable-logging=stderr"),
            *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path / 'profile'}", *arguments, address),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "CONSOLE" not in done.stderr
    return done.stdout


@needs_chromium
@pytest.mark.parametrize(
    ("fragment", "visible", "opened"),
    [
        ("", 8, 0),
        ("#?result=failed", 6, 0),
        ("#?result=passed", 1, 1),
        ("#?family=traps&game=connect_four", 4, 1),
        ("#?find=TRAPS/C+unsteady", 1, 0),
        ("#?find=nowhere", 0, 0),
        ("#?game=unknown", 8, 0),
        ("#p1", 8, 1),  # the line that passed
    ],
)
def test_a_browser_filters(tmp_path: Path, fragment: str, visible: int, opened: int) -> None:
    path = tmp_path / "report.html"
    own = replace(probing(), agent=HOSTILE)
    write_report(path, own, [FAMILY], own, "2026-11-26")
    assert re.search(r'<li id="p1"', path.read_text())
    page = Page(browse(tmp_path, path.as_uri() + fragment))
    shown = [attrs for _, attrs in page.elements if "data-result" in attrs and "hidden" not in attrs]
    assert len(shown) == visible
    assert sum("open" in attrs for attrs in page.all("passed")) == opened
    form = next(attrs for _, attrs in page.elements if attrs.get("id") == "filters")
    assert "hidden" not in form
    filtered = fragment.startswith("#?") and "unknown" not in fragment
    assert (f"{visible} of 8 probes" if filtered else "8 probes") in page.texts
    # A family of which nothing is left is hidden, too, and what is left is open.
    families = [attrs for attrs in page.all("family") if "hidden" not in attrs]
    assert len(families) == len({attrs["data-family"] for attrs in shown})
    if filtered:
        assert all("open" in attrs for attrs in families)


@needs_chromium
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_board_stands_in_the_first_screen(tmp_path: Path, width: int, height: int) -> None:
    """Measured in a frame of this size, for browsers have a least width of their own windows."""
    own = replace(probing(), judged=tuple(judged()[:4]), budgets=(0, 16, 64), problems=())
    text = report(own, [FAMILY], date="2026-11-26")
    measure = """<script>addEventListener("load", () => {
      const of = (selector) => document.querySelector(selector)?.getBoundingClientRect();
      const board = of(".probe svg");
      const seen = (kind) => [...document.querySelectorAll(kind)].filter((each) => each.offsetWidth).length;
      parent.postMessage({top: board.top, bottom: board.bottom, wide: document.documentElement.scrollWidth,
        last: seen(".cell:not(.first) .rate"), first: seen(".first .rate"), inner: innerWidth}, "*");
    });</script>"""
    # The page's own policy lets no foreign script run, so it is left out here.
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text).replace("</body>", measure + "</body>")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    frame = f"""<pre></pre><script>addEventListener("message", (event) => {{
      document.querySelector("pre").textContent = JSON.stringify(event.data); }});</script>
      <iframe src="page.html" width="{width}" height="{height}" style="border:0"></iframe>"""
    (tmp_path / "frame.html").write_text(frame, encoding="utf-8")
    uri = (tmp_path / "frame.html").as_uri()
    dom = browse(tmp_path, uri, "--window-size=1400,1000", "--virtual-time-budget=5000")
    found = re.search(r"<pre>(.*?)</pre>", dom)
    assert found is not None and found[1], dom[:300]
    sizes = json.loads(found[1])
    assert sizes["inner"] == width and sizes["wide"] <= width  # nothing has to be scrolled sideways
    assert sizes["top"] >= 0 and sizes["bottom"] <= height
    # The largest budget is shown on a phone, and the smallest beside it where there is room.
    assert sizes["last"] == 1 and sizes["first"] == (1 if width > 600 else 0)

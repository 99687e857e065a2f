"""The shop page: it shows what happened, of every task, as a picture and as HTML, and changes nothing."""

from dataclasses import replace
from html.parser import HTMLParser

import cv2
import gymnasium as gym
import numpy as np
import pytest

from mmenvs.recommender.config import RecommenderConfig
from mmenvs.recommender.items.procedural import procedural_catalogue
from mmenvs.recommender.render import draw_page, page_html, save_page
from mmenvs.recommender.render.canvas import shortened, text_width, wrapped
from mmenvs.recommender.simulator import RecommenderSimulator
from mmenvs.recommender.tasks import TASKS
from mmenvs.recommender.users import Budget, Organic, Returning, UserModel

SHELF = (slice(40, 289), slice(8, 472))
PANEL = (slice(40, 289), slice(480, 632))
STRIP = (slice(294, 356), slice(8, 632))
EVERYTHING = {"budget": Budget(start=300.0), "organic": Organic(), "returning": Returning()}


def make(steps=0, worlds=1, **settings):
    simulator = RecommenderSimulator(worlds, RecommenderConfig.from_keywords(settings))
    numbers = np.arange(worlds)
    simulator.reset(numbers, numbers.astype(np.uint64) + 5, numbers + 3)
    for _ in range(steps):
        step(simulator)
    return simulator


def step(simulator, action=None):
    if action is None:
        space = simulator.action_space
        space.seed(1)
        action = space.sample()
    actions = np.stack([np.asarray(action)] * simulator.num_worlds)
    simulator.step(actions, np.ones(simulator.num_worlds, bool))


def changed(before, after, area):
    return not np.array_equal(before[area], after[area])


@pytest.mark.parametrize("task", TASKS)
def test_every_task_can_be_drawn(task):
    simulator = make(task=task)
    pages = [draw_page(simulator, 0)]
    for _ in range(2):
        step(simulator)
        pages.append(draw_page(simulator, 0))
    for page in pages:
        assert page.shape == (360, 640, 3) and page.dtype == np.uint8
        assert page.std() > 20
    assert not np.array_equal(pages[0], pages[1])
    np.testing.assert_array_equal(pages[2], draw_page(simulator, 0))
    other = make(steps=2, task=task)
    np.testing.assert_array_equal(pages[2], draw_page(other, 0))
    assert page_html(simulator, 0) == page_html(other, 0)


@pytest.mark.parametrize(
    "settings",
    [
        {"candidates": 2},
        {"candidates": 23, "history_length": 30},
        {"candidates": 100, "picture_size": 16, "history_length": 1},
        {"candidates": 100, "action": "slate", "slate_size": 20},
        {"candidates": 5, "action": "slate", "slate_size": 5},
        {"candidates": 12, "action": "weights", "slate_size": 4},
        {"candidates": None, "action": "proto", "slate_size": 1, "modalities": ("user",)},
        {"candidates": None, "action": "proto", "slate_size": 60, "modalities": ("user",)},
        {"candidates": None, "action": "slate", "slate_size": 3, "items": 30, "modalities": ("user",)},
        {"users": UserModel(**EVERYTHING), "missing_rate": 0.5},
        {"task": "interest_evolution", "candidates": 100, "items": 500},
    ],
)
def test_pages_of_any_size_can_be_drawn(settings):
    simulator = make(**settings)
    first = draw_page(simulator, 0)
    Page(page_html(simulator, 0))
    step(simulator)
    assert draw_page(simulator, 0).shape == (360, 640, 3)
    assert changed(first, draw_page(simulator, 0), SHELF)
    Page(page_html(simulator, 0))


def test_a_page_can_be_enlarged():
    simulator = make(steps=1)
    large = draw_page(simulator, 0, scale=2)
    assert large.shape == (720, 1280, 3)
    small = cv2.resize(large, (640, 360), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(small - draw_page(simulator, 0)).mean() < 5.0


def test_the_recommended_item_stands_out_in_its_place():
    simulator = make()
    marked = []
    for action in (0, 4, 7):
        simulator.reset(np.array([0]), np.array([1], np.uint64), np.array([0]))
        fresh = draw_page(simulator, 0)[SHELF].astype(int)
        step(simulator, action)
        different = np.abs(draw_page(simulator, 0)[SHELF] - fresh).sum(axis=2) > 60
        rows, columns = np.nonzero(different)
        marked.append((rows.mean() // 125, columns.mean() // 93))
    assert marked == [(0, 0), (0, 4), (1, 2)]


def test_an_empty_place_of_the_slate_is_drawn():
    simulator = make(action="slate", slate_size=3, duplicates="empty", candidates=None, modalities=("user",))
    step(simulator, [4, 4, 5])
    assert simulator.state.slate[0]["item"].tolist() == [4, -1, 5]
    assert draw_page(simulator, 0).shape == (360, 640, 3)
    assert "empty place" in page_html(simulator, 0)


@pytest.mark.parametrize(
    ("name", "area"),
    [
        *(("clicked", SHELF), ("dwell", SHELF), ("stars", SHELF), ("mood", PANEL), ("bored", PANEL)),
        *(("exposure", PANEL), ("budget", PANEL), ("phase", PANEL), ("reward", PANEL)),
        *(("terminated", PANEL), ("history", STRIP), ("organic", STRIP), ("total", (slice(0, 32),))),
        *(("day", (slice(0, 32),)), ("number", (slice(0, 32),))),
    ],
)
def test_what_happened_is_drawn(name, area):
    simulator = make(steps=1, users=UserModel(**EVERYTHING), candidates=4)
    state, out = simulator.state, simulator.output
    place, session, report = state.slate[0, :1], state.sessions[:1], out.reports[:1]
    place["clicked"], place["dwell"], place["stars"], session["mood"] = True, 20.0, 0.0, 0.5
    session["phase"], report["terminated"] = 1, False
    before = draw_page(simulator, 0)
    said = page_html(simulator, 0)
    if name == "clicked":
        place["clicked"] = False
    elif name in ("dwell", "stars"):
        place[name] = 4.0
    elif name == "mood":
        session[name] = 0.2
    elif name in ("total", "number", "day"):
        session[name] += 3
    elif name == "budget":
        session[name] = 120.0
    elif name == "phase":
        session[name] = 2
    elif name == "bored":
        state.bored[0, 2] = 7
    elif name == "exposure":
        state.exposure[0, 1] = 1.5
    elif name == "history":
        state.history[0, -1] = (state.history[0, -1] + 50) % len(simulator.catalogue)
    elif name == "organic":
        out.history_feedback[0, -1, 4] = 1.0 - out.history_feedback[0, -1, 4]
    elif name == "reward":
        report["reward"] = -0.77
    else:
        report[name] = True
    after = draw_page(simulator, 0)
    assert changed(before, after, area)
    assert page_html(simulator, 0) != said


def test_tastes_are_drawn_where_nothing_bores():
    simulator = make(users=UserModel(boredom=None))
    before = draw_page(simulator, 0)
    simulator.state.taste[0, 4] = -9.0
    assert changed(before, draw_page(simulator, 0), PANEL)
    assert f"{simulator.catalogue.all_trait_names[4]}</span><span>-9.00" in page_html(simulator, 0)


def test_drawing_changes_nothing():
    simulator = make(steps=3, task="slate_recommender")
    buffers = [*simulator.state, *simulator.output, *simulator.observations.values(), simulator.scenario]
    before = [buffer.tobytes() for buffer in buffers]
    draw_page(simulator, 0)
    page_html(simulator, 0)
    assert [buffer.tobytes() for buffer in buffers] == before
    plain = make(steps=3, task="slate_recommender")
    step(simulator)
    step(plain)
    assert simulator.output.reports.tobytes() == plain.output.reports.tobytes()


def test_a_batch_has_one_page_per_world():
    simulator = make(steps=1, worlds=3)
    pages = [simulator.render(world) for world in range(3)]
    assert not np.array_equal(pages[0], pages[1])
    for world in (-1, 3):
        with pytest.raises(ValueError, match=f"world={world} must be from 0 to 2"):
            draw_page(simulator, world)


def test_an_environment_renders_its_page():
    env = gym.make("mmenvs/Recommender-v0", render_mode="rgb_array")
    env.reset(seed=0)
    np.testing.assert_array_equal(env.render(), draw_page(env.unwrapped.simulator, 0))
    env.close()


class Page(HTMLParser):
    """Reads a document: its texts, what it loads, and whether every element that opens closes."""

    VOID = ("meta", "link", "img", "circle", "path", "br")

    def __init__(self, document):
        super().__init__()
        self.open, self.texts, self.sources, self.pictures, self.elements = [], [], [], [], set()
        self.feed(document)
        self.close()
        assert self.open == []
        assert self.sources and all(source.startswith("data:") for source in self.sources)
        assert all(picture.get("alt") for picture in self.pictures)
        self.text = "\n".join(self.texts)

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        values = dict(attrs)
        self.sources += [values[name] for name in ("src", "href", "srcset", "data") if name in values]
        assert not any(name.startswith("on") for name in values)
        if tag == "img":
            self.pictures.append(values)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            assert "url(" not in data and "@import" not in data
        self.texts.append(data)


def test_html_tells_titles_prices_clicks_and_what_the_simulator_knows():
    simulator = make(steps=1, task="slate_recommender")
    place = simulator.state.slate[0, :1]
    place["clicked"], place["dwell"], place["stars"], place["score"] = True, 23.0, 4.0, 1.375
    simulator.state.bored[0, 1] = 7
    document = page_html(simulator, 0)
    page = Page(document)
    for item in simulator.state.last_page[0]:
        assert simulator.catalogue.titles[item] in page.text
        assert simulator.catalogue.descriptions[item] in page.text
        assert f"{simulator.catalogue.price[item]:.2f}"[:3] in page.text
    assert page.text.count("clicked 23 s") == 1 and page.text.count("ignored") >= 2
    assert "4 of 5 stars given" in document and "bored for 7" in page.text and "+1.38" in page.text
    assert {"main", "header", "section", "aside", "details", "summary", "table"} <= page.elements
    assert "script" not in page.elements
    assert len(page.pictures) >= 10


def test_texts_are_escaped():
    nasty = '<script>alert("x")</script> & \'"><img src=http://evil.example/x onerror=y>'
    catalogue = procedural_catalogue(20, 0)
    hostile = replace(
        catalogue,
        titles=(nasty,) * 20,
        descriptions=(nasty * 30,) * 20,
        category_names=tuple(nasty + name for name in catalogue.category_names),
        attribute_names=tuple(nasty + name for name in catalogue.attribute_names),
    )
    simulator = make(steps=2, catalogue=hostile, candidates=5, modalities=("user",))
    page = Page(page_html(simulator, 0))
    assert "script" not in page.elements and nasty in page.text
    assert {picture["alt"] for picture in page.pictures} == {nasty}
    assert draw_page(simulator, 0).shape == (360, 640, 3)


@pytest.mark.parametrize("title", ["", "  ", "\n\x00\x1b[0m", "x" * 5000, "Ünïcode 日本語 😀", "a " * 3000])
def test_any_title_can_be_drawn(title):
    catalogue = replace(procedural_catalogue(20, 0), titles=(title,) * 20, price=np.full(20, np.nan))
    for candidates in (2, 8):
        simulator = make(steps=1, catalogue=catalogue, candidates=candidates, modalities=("user",))
        assert draw_page(simulator, 0).shape == (360, 640, 3)
        page = Page(page_html(simulator, 0))
        assert "nan" not in page.text
        assert title.strip() or catalogue.ids[simulator.state.last_page[0, 0]] in page.text


@pytest.mark.parametrize("text", ["", "short", "w" * 300, "many words " * 40])
def test_text_stays_within_its_width(text):
    assert text_width(shortened(text, 6.0, 80.0), 6.0) <= 80.0
    rows = wrapped(text, 6.0, 80.0, 3)
    assert len(rows) <= 3 and all(text_width(row, 6.0) <= 80.0 for row in rows)


def test_pages_are_saved(tmp_path):
    simulator = make(steps=1)
    save_page(simulator, 0, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page_html(simulator, 0)
    save_page(simulator, 0, str(tmp_path / "PAGE.PNG"), scale=1)
    saved = cv2.imread(str(tmp_path / "PAGE.PNG"))
    np.testing.assert_array_equal(saved[..., ::-1], draw_page(simulator, 0))


def test_mistakes_are_named(tmp_path):
    simulator = make()
    with pytest.raises(ValueError, match=r"page.jpg' must end in '.png' or '.html'"):
        save_page(simulator, 0, tmp_path / "page.jpg")
    for scale in (0, 9, 1.5, True):
        with pytest.raises(ValueError, match=f"scale={scale} must be a whole number from 1 to 8"):
            draw_page(simulator, 0, scale=scale)
    with pytest.raises(ValueError, match="world=1 must be from 0 to 0"):
        page_html(simulator, 1)

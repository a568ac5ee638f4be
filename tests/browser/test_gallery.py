"""The gallery: newest first, search, favourites, delete and undo, settings back, and thousands of pictures."""

from __future__ import annotations

import io
import secrets
import sqlite3
import time
import zipfile
from contextlib import closing
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import App
from tests.browser.visitor import QUICK, Visitor
from webui.core.types import Recipe, SavedImage
from webui.jobs.store import Store

MANY = 2000


def test_pictures_are_found_kept_deleted_and_used_again(visitor: Visitor):
    for prompt, seed in (("a red kite", 5), ("a blue whale", 6)):
        visitor.draw(prompt, seed=seed, count=1)
    page, tiles = visitor.page, visitor.page.locator(".tile .open")
    visitor.open_tab("Gallery")
    expect(tiles).to_have_count(2)
    assert [tile.get_attribute("aria-label") for tile in tiles.all()] == ["a blue whale", "a red kite"]

    search = page.get_by_role("searchbox", name="Search in prompts")
    search.fill("red ki")
    expect(tiles).to_have_count(1)
    expect(tiles).to_have_attribute("aria-label", "a red kite")
    page.locator(".tile").hover()
    page.locator(".tile").get_by_role("button", name="Favorite").click()
    search.fill("nothing like it")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    search.fill("")
    expect(tiles).to_have_count(2)
    visitor.button("Favorites").click()
    expect(tiles).to_have_count(1)
    expect(tiles).to_have_attribute("aria-label", "a red kite")
    visitor.button("Favorites").click()
    expect(tiles).to_have_count(2)

    tiles.first.click()
    viewer = page.locator("dialog.viewer")
    expect(viewer.locator("img")).to_have_attribute("alt", "a blue whale")
    page.keyboard.press("ArrowRight")
    expect(viewer.locator("img")).to_have_attribute("alt", "a red kite")
    viewer.get_by_role("button", name="Delete").click()
    page.keyboard.press("Escape")
    expect(tiles).to_have_count(1)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(tiles).to_have_count(2)

    tiles.last.click()
    viewer.get_by_role("button", name="Use these settings").click()
    expect(visitor.prompt).to_be_visible()
    expect(visitor.prompt).to_have_value("a red kite")
    assert visitor.value("seed") == {"seed": 5, "locked": True}


def test_several_pictures_come_as_one_file(visitor: Visitor):
    for prompt in ("a red apple", "a blue bird"):
        visitor.draw(prompt, **QUICK)
    visitor.open_tab("Gallery")
    expect(visitor.page.locator("article.tile")).to_have_count(2)
    visitor.button("Select").click()
    visitor.button("Select all").click()
    with visitor.page.expect_download() as coming:
        visitor.page.locator(".actions").get_by_role("button", name="Download").click()
    assert coming.value.suggested_filename == "pictures.zip"
    with zipfile.ZipFile(coming.value.path()) as archive:
        assert sorted(archive.namelist()) == ["a-blue-bird.png", "a-red-apple.png"]


def test_a_new_picture_comes_to_the_front(visitor: Visitor):
    visitor.draw("the first one", count=1)
    visitor.open_tab("Gallery")
    expect(visitor.page.locator(".tile .open")).to_have_count(1)
    visitor.open_tab("Text to image")
    visitor.fill("the second one", **QUICK)
    visitor.button("Generate").click()
    visitor.open_tab("Gallery")
    expect(visitor.page.locator(".tile .open").first).to_have_attribute("aria-label", "the second one")


def put_many(data: Path, owner: str) -> str:
    """MANY pictures of one visitor, ten minutes apart, as rows with thumbnails, and one file behind them all. Returns
    what their ids begin with.
    """
    database, many, thumbnail = data / "easel.db", secrets.token_hex(8), io.BytesIO()
    image = Image.new("RGB", (8, 8), (120, 80, 200))
    image.save(thumbnail, "WEBP")
    image.save(data / f"{many}.png")
    recipe = Recipe("starter", "", "", 256, 256, 3, 4.0, "DPM++ 2M", 1)
    began = time.time() - 600 * MANY
    first = SavedImage(f"{many}0", owner, many, 0, recipe, f"{many}.png", 256, 256, 1, began, prompt="picture 0")
    store = Store(database)
    store.add_picture(first, thumbnail.getvalue())
    store.close()
    copied = (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO pictures (id, owner, job, place, recipe, path, width, height, bytes, created, prompt, seconds,"
        " model_title) SELECT ? || i, owner, job, i, recipe, path, width, height, bytes, created + 600 * i,"
        " 'picture ' || i, seconds, model_title FROM pictures, n WHERE id = ?"
    )
    with closing(sqlite3.connect(database, timeout=30)) as db, db:
        db.execute(copied, (MANY - 1, many, first.id))
        db.execute(
            "INSERT INTO thumbnails SELECT pictures.id, webp FROM pictures, thumbnails WHERE pictures.owner = ?"
            " AND pictures.id != ? AND picture = ?",
            (owner, first.id, first.id),
        )
    return many


def test_thousands_of_pictures_stay_light(visitor: Visitor, app: App):
    put_many(app.data, visitor.cookie)
    page, tiles = visitor.page, visitor.page.locator(".tile")
    visitor.open_tab("Gallery")
    expect(tiles.first.locator("img")).to_have_attribute("alt", f"picture {MANY - 1}")
    last, most = page.locator("[alt='picture 0']"), 0
    while not last.count():
        height = page.evaluate("document.documentElement.scrollHeight")
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_function(
            "(before) => document.documentElement.scrollHeight > before"
            " || document.querySelector(\"[alt='picture 0']\")",
            arg=height,
        )
        most = max(most, tiles.count())
    assert 0 < most < 400
    page.evaluate("scrollTo(0, 0)")
    expect(page.locator(f".tile [alt='picture {MANY - 1}']")).to_be_visible()
    assert tiles.count() < 400


def test_whoever_scrolls_on_in_the_moment_in_which_pictures_arrive_gets_the_next_ones(visitor: Visitor, app: App):
    put_many(app.data, visitor.cookie)
    visitor.open_tab("Gallery")
    expect(visitor.page.locator(".tile").first).to_be_visible()
    visitor.page.evaluate(
        "() => { const end = () => scrollTo(0, document.documentElement.scrollHeight); end();"
        "new MutationObserver(end).observe(document.querySelector('.days'), { childList: true, subtree: true }); }"
    )
    expect(visitor.page.locator("[alt='picture 0']")).to_have_count(1)


def test_keys_go_from_picture_to_picture_and_tab_goes_on(visitor: Visitor, app: App):
    many = put_many(app.data, visitor.cookie)
    page = visitor.page
    visitor.open_tab("Gallery")
    expect(page.get_by_role("button", name=f"picture {MANY - 1}", exact=True)).to_be_visible()
    stops = page.locator(".days button:not([tabindex='-1'])")
    expect(stops).to_have_count(6)  # one picture, and what can be done with it
    for _ in range(2):
        page.get_by_role("searchbox", name="Search in prompts").focus()
        for _ in range(3):
            page.keyboard.press("Tab")
        expect(page.locator(".tile .open").first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".tile .open").nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    below = page.evaluate(
        "() => { const [a, b] = [document.querySelectorAll('.tile')[1], document.activeElement.closest('.tile')]"
        ".map((e) => e.getBoundingClientRect()); return [b.top - a.bottom, b.left - a.left]; }"
    )
    assert 0 < below[0] < 80 and abs(below[1]) < 60
    page.keyboard.press("ArrowUp")
    expect(page.locator(".tile .open").nth(1)).to_be_focused()
    expect(stops).to_have_count(6)
    page.keyboard.press("End")
    at = page.evaluate("document.activeElement.closest('.tile').dataset.id")
    assert at not in ("", f"{many}{MANY - 1}") and page.evaluate("scrollY") > 300
    page.keyboard.press("Home")
    expect(page.get_by_role("button", name=f"picture {MANY - 1}", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.tile').dataset.id") == f"{many}{MANY - 1}"
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name=f"picture {MANY - 1}", exact=True)).to_be_focused()

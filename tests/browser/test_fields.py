"""What is asked for: remembered fields, dropped pictures, styles, text that would like to be code, and errors."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import ExifTags, Image
from playwright.sync_api import expect

from tests.browser.conftest import ROOT, App
from tests.browser.visitor import PHONE, Visitor, infotext

HOSTILE = "<img src=x onerror=window.pwned=1>${window.pwned=2}{{7*7}}</textarea><script>window.pwned=3</script>"
A1111 = """a portrait of a fox, (fur:1.2)
Negative prompt: blurry, cropped
Steps: 27, Sampler: Euler a, CFG scale: 6.5, Seed: 1234567, Size: 384x256, Model hash: 0123456789, Model: elsewhere"""


def choose(visitor: Visitor, field: str, name: str) -> None:
    visitor.page.locator(f"#create-{field}").get_by_role("radio", name=name, exact=True).click()


def chosen(visitor: Visitor, field: str) -> str | None:
    return visitor.page.locator(f"#create-{field} [role=radio][aria-checked=true]").get_attribute("data-v")


def test_fields_are_remembered_over_a_reload(visitor: Visitor):
    page = visitor.page
    visitor.button("More options").click()
    visitor.prompt.fill("a quiet harbour")
    page.get_by_role("textbox", name="Negative prompt").and_(page.locator(":visible")).fill("people, text")
    page.locator("#create-steps .exact").fill("7")
    page.locator("#create-guidance_scale .exact").fill("3.5")
    page.locator("#create-sampler select").select_option("Euler a")
    page.locator("#create-seed input").fill("4711")
    page.locator("#create-seed input").press("Tab")
    shape = page.locator("#create-shape [role=radio]").nth(1).get_attribute("data-v")
    page.locator("#create-shape [role=radio]").nth(1).click()
    choose(visitor, "count", "2")
    choose(visitor, "style", "Watercolor")

    visitor.reload()
    page.wait_for_function("() => Easel.fieldValue('create', 'style') === 'Watercolor'")
    expect(visitor.prompt).to_have_value("a quiet harbour")
    expect(page.get_by_role("textbox", name="Negative prompt").and_(page.locator(":visible"))).to_have_value(
        "people, text"
    )
    expect(page.locator("#create-steps .exact")).to_have_value("7")
    expect(page.locator("#create-guidance_scale .exact")).to_have_value("3.5")
    expect(page.locator("#create-sampler select")).to_have_value("Euler a")
    expect(page.locator("#create-seed input")).to_have_value("4711")
    assert visitor.value("seed") == {"seed": 4711, "locked": True}
    assert (chosen(visitor, "shape"), chosen(visitor, "count"), chosen(visitor, "style")) == (shape, "2", "Watercolor")

    visitor.button("Generate").click()
    visitor.wait("done")
    recipe = visitor.recipe(visitor.live()["pictures"][0])
    assert (recipe["steps"], recipe["guidance_scale"], recipe["sampler"], recipe["seed"]) == (7, 3.5, "Euler a", 4711)
    assert "people, text" in recipe["negative_prompt"] and recipe["style"] == "Watercolor"
    assert recipe["width"] != recipe["height"]


@pytest.mark.parametrize(("key", "tab"), [("create", ""), ("image", "Image to image"), ("inpaint", "Inpaint")])
def test_each_desk_has_the_models_and_shows_what_the_chosen_one_likes(visitor: Visitor, app: App, key: str, tab: str):
    """Also where its tab is opened after the lists were brought up to date."""
    page = visitor.page
    new = app.models / "checkpoints" / f"broken-{key}.safetensors"
    new.write_bytes(b"no model")
    visitor.open_tab("Models")
    visitor.button("Look again").click()
    page.wait_for_function("(title) => Easel.lists.models.some((m) => m.title === title)", arg=new.stem)
    visitor.reload()  # which brings lists that the page was not built with
    page.wait_for_function("(title) => Easel.lists.models.some((m) => m.title === title)", arg=new.stem)
    if tab:
        visitor.open_tab(tab)
    page.wait_for_function(
        "(key) => ['model', 'loras', 'steps'].every((name) => Easel.desk(key).fields.has(name))", arg=key
    )
    titles = page.locator(f"#{key}-model option").all_inner_texts()
    assert titles[0].startswith("Easel Starter") and any(title.startswith(new.stem) for title in titles)
    likes = page.evaluate("Easel.lists.models[0].steps")
    expect(page.locator(f"#{key}-steps .exact")).to_have_value(str(likes))
    loras = page.locator(f"#{key}-loras option").all_inner_texts()
    assert len(loras) == 1 + len(page.evaluate("Easel.lists.loras"))
    new.unlink()


def test_windows_side_by_side_keep_to_themselves(visitor: Visitor):
    other = visitor.tab()
    other.locator("#create-prompt textarea").fill("a second window")
    other.evaluate("Easel.fill('create', {style: 'Comic'})")
    visitor.page.wait_for_timeout(1000)  # while a page starts, it puts back what is remembered, each 200 ms
    expect(visitor.prompt).to_have_value("")
    assert visitor.value("style") == ""
    visitor.prompt.fill("the first window")
    other.wait_for_timeout(1000)
    expect(other.locator("#create-prompt textarea")).to_have_value("a second window")


def test_what_opens_comes_into_sight(visit: Callable[..., Visitor]):
    for device in ({"viewport": {"width": 1280, "height": 800}}, PHONE):
        visitor = visit(**device)
        visitor.button("More options").click()
        expect(visitor.page.locator("#create-negative textarea")).to_be_in_viewport(ratio=1)
        visitor.reload()
        expect(visitor.button("More options")).to_have_attribute("aria-expanded", "true")
        assert visitor.page.evaluate("scrollY + document.querySelector('#create-side').scrollTop") == 0


def test_a_size_of_its_own_leaves_room_for_the_shapes(visit: Callable[..., Visitor]):
    visitor = visit(viewport={"width": 1280, "height": 800})
    visitor.fill("a fox", shape="2048x1024")
    shapes = visitor.page.locator("#create-shape [role=radio]")
    expect(shapes).to_have_count(6)
    assert {round(shape.bounding_box()["width"]) >= 80 for shape in shapes.all()} == {True}  # type: ignore[index]


def test_names_of_styles_fit_their_cards(visit: Callable[..., Visitor]):
    cut = "(names) => names.filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.textContent)"
    for device in ({"viewport": {"width": 1280, "height": 800}}, PHONE):
        visitor = visit(**device)
        names = visitor.page.locator("#create-style .name")
        assert names.evaluate_all(cut) == []
        choose(visitor, "style", "Impressionist")
        assert names.get_by_text("Impressionist").evaluate("(e) => e.clientHeight") < 20, "one line, chosen or not"


def test_a_dropped_picture_brings_its_settings_back(visitor: Visitor):
    drawn = visitor.draw("an owl at night", style="Watercolor", negative_prompt="daylight", seed=99, count=1)
    file = visitor.file(drawn["src"])
    visitor.fill("", style="", negative_prompt="", seed=None, steps=None)
    visitor.drop(file, "owl.png", "image/png")
    expect(visitor.prompt).to_have_value("an owl at night")
    expect(visitor.page.locator(".toast")).to_contain_text("settings of the picture")
    assert visitor.value("seed") == {"seed": 99, "locked": True}
    assert (visitor.value("style"), visitor.value("negative_prompt")) == ("Watercolor", "daylight")
    assert visitor.value("steps") == 3


def test_a_dropped_jpeg_of_another_program_too(visitor: Visitor):
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + A1111.encode("utf-16-be")
    out = io.BytesIO()
    Image.new("RGB", (384, 256), (200, 90, 20)).save(out, "JPEG", exif=exif)
    visitor.drop(out.getvalue(), "00001-1234567.jpg", "image/jpeg")
    expect(visitor.prompt).to_have_value("a portrait of a fox, (fur:1.2)")
    fields = {name: visitor.value(name) for name in ("negative_prompt", "steps", "guidance_scale", "sampler")}
    wanted = {"negative_prompt": "blurry, cropped", "steps": 27, "guidance_scale": 6.5, "sampler": "Euler a"}
    assert fields == wanted and visitor.value("seed") == {"seed": 1234567, "locked": True}


def test_a_dropped_picture_without_settings_says_so(visitor: Visitor):
    out = io.BytesIO()
    Image.new("RGB", (64, 64)).save(out, "PNG")
    visitor.fill("keep me")
    visitor.drop(out.getvalue(), "plain.png", "image/png")
    expect(visitor.page.get_by_role("alert").first).to_contain_text("There are no settings in this picture.")
    expect(visitor.prompt).to_have_value("keep me")


def test_a_dropped_photo_can_be_what_another_tab_starts_from(visitor: Visitor):
    out = io.BytesIO()
    Image.new("RGB", (90, 60), (30, 120, 200)).save(out, "JPEG")
    visitor.drop(out.getvalue(), "holiday.jpg", "image/jpeg")
    visitor.button("Use it in Image to image").click()
    expect(visitor.page.get_by_role("tab", name="Image to image")).to_have_attribute("aria-selected", "true")
    expect(visitor.page.locator("#image-photo .photo")).to_have_attribute("data-state", "ready")
    photo = visitor.page.evaluate("Easel.fieldValue('image', 'photo')")
    assert (photo["width"], photo["height"]) == (90, 60)


def test_a_style_is_chosen_by_its_card_and_stands_in_the_picture(visitor: Visitor):
    assert visitor.page.locator("#create-style [role=radio]").count() > 40
    visitor.page.locator("#create-style").get_by_role("searchbox", name="Find a style").fill("waterc")
    choose(visitor, "style", "Watercolor")
    text = infotext(visitor.file(visitor.draw("a windmill")["src"]))
    assert "watercolor" in text.splitlines()[0].lower() and "a windmill" in text and "Style: Watercolor" in text


@pytest.mark.parametrize(
    ("prompt", "words"),
    [("a cat <lora:nowhere:1>", "There is no LoRA called “nowhere”."), ("long " * 2001, "10,000 is the most.")],
)
def test_what_cannot_be_drawn_is_said_in_one_sentence(visitor: Visitor, prompt: str, words: str):
    visitor.fill(prompt)
    visitor.button("Generate").click()
    alert = visitor.page.get_by_role("alert").and_(visitor.page.locator(":visible"))
    expect(alert).to_contain_text(words)
    expect(visitor.stage).to_have_attribute("data-state", "idle")
    expect(visitor.prompt).to_have_value(prompt.strip() if prompt.endswith("1>") else prompt)
    alert.get_by_role("button", name="Dismiss").click()
    expect(alert).to_have_count(0)


def test_an_error_brings_the_button_that_mends_it(visitor: Visitor, app: App):
    link = app.models / "checkpoints" / "borrowed"
    link.symlink_to(ROOT / "models" / "starter", target_is_directory=True)
    try:
        visitor.open_tab("Models")
        expect(visitor.page.locator(".modelcard h3", has_text="Easel Starter")).to_be_visible()  # it is drawn anew then
        visitor.button("Look again").click()
        expect(visitor.page.locator(".modelcard h3", has_text="borrowed")).to_be_visible()
        visitor.open_tab("Text to image")
        visitor.page.locator("#create-model select").select_option(label="borrowed")
    finally:
        link.unlink()
    visitor.fill("a ship", steps=3)
    visitor.button("Generate").click()
    alert = visitor.page.get_by_role("alert").and_(visitor.page.locator(":visible"))
    expect(alert).to_contain_text("borrowed")
    alert.get_by_role("button", name="Refresh", exact=True).click()
    expect(visitor.page.locator("#create-model option", has_text="borrowed")).to_have_count(0)
    visitor.button("Generate").click()
    visitor.wait("done")


def test_row_31_text_stays_text(visitor: Visitor):
    drawn = visitor.draw(HOSTILE, negative_prompt=HOSTILE, count=1)
    assert drawn["prompt"] == HOSTILE
    expect(visitor.picture).to_have_attribute("alt", HOSTILE)
    visitor.button("Info").click()
    expect(visitor.page.locator("dialog.sheet dd").first).to_have_text(HOSTILE)
    visitor.button("Close").click()
    visitor.open_tab("Gallery")
    visitor.page.locator(".tile .open").first.click()
    expect(visitor.page.locator("dialog.viewer footer p")).to_have_text(HOSTILE)
    visitor.button("Close").click()
    visitor.open_tab("Text to image")
    visitor.drop(visitor.file(drawn["src"]), "hostile.png", "image/png")
    expect(visitor.page.locator(".toast")).to_contain_text("settings of the picture")
    visitor.fill(HOSTILE + "<lora:${window.pwned=4}{{7*7}}:1>")
    visitor.button("Generate").click()
    expect(visitor.page.get_by_role("alert").and_(visitor.page.locator(":visible"))).to_contain_text("There is no LoRA")
    visitor.reload()
    expect(visitor.picture).to_have_attribute("alt", HOSTILE)
    assert visitor.page.evaluate("window.pwned") is None
    assert visitor.page.locator("img[src='x']").count() == 0

"""The curve is read off and zoomed: with a mouse, a finger, or the keyboard."""

import pytest

DRAWN = "document.querySelector('#chart canvas').toDataURL()"


@pytest.fixture
def chart(tab):
    tab.pick_sample()
    tab.page.locator("#chart").scroll_into_view_if_needed()
    return tab


def readout(tab) -> str:
    return tab.page.locator("#readout").text_content()


def plot(tab) -> dict:
    return tab.page.locator("#chart .u-over").bounding_box()


def point(tab, x: float) -> tuple[float, float]:
    """A point of the plot, from 0 at its left to 1 at its right."""
    box = plot(tab)
    return box["x"] + x * (box["width"] - 1), box["y"] + box["height"] / 2


def drag(tab, begin: float, end: float) -> None:
    tab.page.mouse.move(*point(tab, begin))
    tab.page.mouse.down()
    tab.page.mouse.move(*point(tab, (begin + end) / 2))
    tab.page.mouse.move(*point(tab, end))
    tab.page.mouse.up()


def test_pointing_at_it_reads_it_off(chart):
    chart.page.mouse.move(*point(chart, 0.999))
    last = chart.rows()[-1]
    assert readout(chart) == (
        f"Wed 21 Jul, {last[0]} · {last[1]} kW forecast · 80%: {last[2]} · 95%: {last[3]}"
    )
    chart.page.mouse.move(*point(chart, 0.5))
    assert readout(chart).endswith(" kW measured")
    assert chart.page.locator("#readout").get_attribute("aria-live") == "off"
    chart.page.mouse.move(5, 5)
    assert readout(chart) == "Point at the curve to read it off."


def test_dragging_zooms_and_double_click_or_button_reset(chart):
    reset = chart.page.get_by_role("button", name="Reset zoom")
    for undo in (
        lambda: chart.page.mouse.dblclick(*point(chart, 0.5)),
        reset.click,
    ):
        assert chart.page.locator("#reset-zoom").is_disabled()
        before = chart.page.evaluate(DRAWN)
        drag(chart, 0.2, 0.4)
        assert reset.is_enabled()
        zoomed = chart.page.evaluate(DRAWN)
        assert zoomed != before
        chart.page.mouse.move(*point(chart, 0.999))
        assert "measured" in readout(chart)  # the forecast is out of sight
        chart.page.mouse.move(5, 5)
        undo()
        chart.page.locator("#reset-zoom:disabled").wait_for(state="attached")
        chart.page.mouse.move(*point(chart, 0.999))
        assert "forecast" in readout(chart)
        chart.page.mouse.move(5, 5)


def test_a_zoom_never_loses_itself_in_nothing(chart):
    drag(chart, 0.5, 0.51)
    seen = set()
    for x in (0.05, 0.35, 0.65, 0.95):
        chart.page.mouse.move(*point(chart, x))
        seen.add(readout(chart))
    assert len(seen) == 4  # several steps are still to be seen


@pytest.mark.parametrize(
    ("view", "day"),
    [
        ("12 hours", "Wed 21 Jul"),
        ("1 day", "Tue 20 Jul"),
        ("3 days", "Sun 18 Jul"),
        ("All", "Wed 14 Jul"),
    ],
)
def test_more_or_less_of_the_past_is_shown(chart, view, day):
    button = chart.page.get_by_role("button", name=view, exact=True)
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert chart.page.locator("#views [aria-pressed=true]").count() == 1
    chart.page.mouse.move(*point(chart, 0.001))
    assert readout(chart).startswith(f"{day}, ")


def test_the_keyboard_goes_through_it_and_zooms(chart):
    chart.page.locator("#chart").focus()
    rows = chart.rows()
    chart.page.keyboard.press("End")
    assert f"{rows[-1][0]} · {rows[-1][1]} kW forecast" in readout(chart)
    assert chart.page.locator("#readout").get_attribute("aria-live") == "polite"
    chart.page.keyboard.press("ArrowLeft")
    assert rows[-2][0] in readout(chart)
    chart.page.keyboard.press("ArrowRight")
    chart.page.keyboard.press("ArrowRight")
    assert rows[-1][0] in readout(chart)
    chart.page.keyboard.press("PageUp")
    assert "Tue 20 Jul, 13:45–14:00" in readout(chart)
    chart.page.keyboard.press("+")
    assert chart.page.locator("#reset-zoom").is_enabled()
    chart.page.keyboard.press("Home")
    assert readout(chart).startswith("Wed 14 Jul, 12:00–12:15")
    assert chart.page.locator(".mark").is_visible()
    chart.page.keyboard.press("0")
    assert chart.page.locator("#reset-zoom").is_disabled()
    chart.page.keyboard.press("Tab")
    assert chart.focused() != "chart"

"""What a person does with a comparison, and sees."""

import numpy as np


def look_at(page, number=0):
    """Scroll to a comparison and wait until its pictures are there; return it."""
    comparison = page.locator(".comparison").nth(number)
    comparison.scroll_into_view_if_needed()
    page.wait_for_function("e => e.classList.contains('ready')", arg=comparison.element_handle())
    comparison.locator(".stage").evaluate("e => e.scrollIntoView({block: 'center'})")
    return comparison


def drag(page, share):
    """Drag the slider of the first comparison to a share of its width, with the mouse."""
    box = page.locator(".stage").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    at = page.locator(".stage input").first.evaluate("slider => slider.value / 100")
    page.mouse.move(box["x"] + at * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + share * box["width"], middle, steps=5)
    page.mouse.up()


def seen_at(page):
    """Return where the right picture of the first comparison begins, in percent."""
    style = page.locator(".stage .right").first.evaluate("e => getComputedStyle(e).clipPath")
    return float(style.split()[-1].removesuffix("%)"))


def crop_of(page, number):
    """Return the pixels [h, w, 3] of a crop in the first comparison."""
    canvas = page.locator(".crops canvas").nth(number)
    height, width, values = canvas.evaluate(
        """c => [c.height, c.width,
                  [...c.getContext("2d").getImageData(0, 0, c.width, c.height).data]]"""
    )
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]

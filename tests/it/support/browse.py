"""Opens a page in a headless Chromium, wide and narrow, light and dark, and tells as JSON what came of it.

Takes the browser, the page's file and a folder for screenshots. What should be nothing: messages on the
console, errors, requests for anything but the page, dialogs. What is looked at: whether the page is wider than
the window, what the sortable table's columns hold after each of its buttons was pressed by the keyboard, and the
contrast of every text with its ground.
"""

import json
import sys

from playwright.sync_api import sync_playwright

browser_path, page_path, screenshots = sys.argv[1:]
url = "file://" + page_path
odd = []
widths = {}
sorted_by = {}

CONTRAST = """() => {
  const channels = (colour) => {
    const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (channels(colour)[3] === 255) return colour;
    }
    return "white";
  };
  let least = [99, ""];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode, element = text.parentElement;
    if (!text.data.trim() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    if (!element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const colour = element.closest("svg") ? style.fill : style.color;
    const [a, b] = [luminance(channels(colour)), luminance(channels(ground(element)))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least[0]) least = [ratio, text.data.trim().slice(0, 40)];
  }
  return [Math.floor(least[0] * 100), least[1]];
}"""

COLUMNS = """() => {
  const table = document.querySelector("table[data-sortable]");
  const rows = [...table.tBodies[0].rows];
  return [...table.tHead.rows[0].cells].map((heading) => [
    heading.textContent.trim(),
    heading.getAttribute("aria-sort"),
    rows.map((row) => row.cells[heading.cellIndex].dataset.value ?? row.cells[heading.cellIndex].textContent.trim()),
  ]);
}"""


def opened(browser, width, scheme):
    """A page in a window of a width, whose oddities are noted."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.on("console", lambda message: odd.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: odd.append(f"error: {error}"))
    page.on("request", lambda request: request.url in (url, "data:,") or odd.append(f"request: {request.url}"))
    page.on("dialog", lambda dialog: (odd.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.goto(url)
    return page


with sync_playwright() as playwright:
    # The page is a file of the test; as root there is no sandbox of the browser's.
    browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
    for scheme in ["light", "dark"]:
        for width in [400, 1600]:
            page = opened(browser, width, scheme)
            page.screenshot(path=f"{screenshots}/{scheme}-{width}.png", full_page=True)
            widths[f"{scheme}-{width}"] = {
                "page": page.evaluate("document.documentElement.scrollWidth"),
                "contrast": page.evaluate(CONTRAST),
            }
            if scheme == "light" and width == 1600:
                for button in page.query_selector_all("table[data-sortable] th button"):
                    name = button.text_content()
                    for press in ["first", "second"]:
                        button.focus()
                        page.keyboard.press("Enter")
                        sorted_by[f"{name}, {press}"] = page.evaluate(COLUMNS)
                alone = page.evaluate("[...document.querySelectorAll('img, link:not([rel=icon]), iframe')].length")
                text = page.evaluate("document.body.innerText")
            page.context.close()
    browser.close()

json.dump({"odd": odd, "widths": widths, "sorted_by": sorted_by, "foreign_elements": alone, "text": text}, sys.stdout)

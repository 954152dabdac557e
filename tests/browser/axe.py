"""axe-core, the checker of accessibility."""

from playwright.sync_api import Page

from tests.browser.npm import Tool

AXE = Tool(
    name="axe-core",
    version="4.14.1",
    sha256="e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
    member="axe.min.js",
)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# WCAG 2.2 at level AA, and axe's own advice beyond it (which is about pages, not e-mails).
EVERYTHING = [*WCAG, "best-practice"]

RUN = """
async (tags) => {
  const found = await axe.run(document, {runOnly: tags, resultTypes: ["violations"], iframes: false, preload: false});
  return found.violations.flatMap(rule => rule.nodes.map(node =>
    `${rule.id} (${rule.impact}): ${node.target.join(" ")}: ${node.failureSummary}`
      .replace(/\\s+/g, " ")));
}
"""


def source() -> str:
    """The script."""
    return AXE.path().read_text(encoding="utf-8")


def findings(page: Page, tags: list[str] = EVERYTHING) -> list[str]:
    found: list[str] = page.evaluate(RUN, tags)
    return found

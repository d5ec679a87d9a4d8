"""peers.svg: requests per second as shares of the limit, a bar each. Plain SVG with the colours of a light or a dark
page, whichever its reader has."""
from xml.sax.saxutils import escape

from results import HERE
from setting import BENCHES

PLOT = BENCHES / "peers.svg"
WIDTH, LABELS, RIGHT, TOP, STEP, BAR = 820, 300, 150, 62, 30, 18

STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .title { font-size: 15px; font-weight: 600 }
    .quiet { fill: #59636e; font-size: 12px }
    .axis { stroke: #d1d9e0 }
    .bar { fill: #8c959f }
    .ours { fill: #0969da }
    .apart { fill: none; stroke: #8c959f; stroke-dasharray: 3 2 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .quiet { fill: #9198a1 }
      .axis { stroke: #3d444d }
      .bar { fill: #656c76 }
      .ours { fill: #4493f8 }
      .apart { fill: none; stroke: #9198a1 }
    }"""


def drawn(rates, about):
    """The plot of rows of RESULTS.md: who, requests per second, share, where it was measured."""
    bottom = TOP + STEP * len(rates)
    height = bottom + 46
    full = WIDTH - LABELS - RIGHT
    shapes = [f'<line class="axis" x1="{LABELS + full * share / 100:g}" y1="{TOP - 6}" '
              f'x2="{LABELS + full * share / 100:g}" y2="{bottom}"/>' for share in range(0, 101, 25)]
    for number, (who, rate, share, measured) in enumerate(rates):
        y = TOP + STEP * number
        kind = "apart" if measured != HERE else "ours" if who.startswith("rtk-export") else "bar"
        # A share too small to see is still a bar.
        width = max(full * float(share) / 100, 2)
        figure = f"{share} %" + (f" ({rate}/s)" if rate else "")
        shapes += [f'<text x="{LABELS - 10}" y="{y + 14}" text-anchor="end">{escape(who)}</text>',
                   f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>',
                   f'<text x="{LABELS + width + 8:.1f}" y="{y + 14}">{escape(figure)}</text>']
    apart = next((measured for _, _, _, measured in rates if measured != HERE), "")
    legend = f"Dashed: {apart}." if apart else ""
    body = "\n  ".join(shapes)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Requests per second">
  <style>{STYLE}
  </style>
  <text class="title" x="12" y="24">Requests per second, % of the most that the server gives</text>
  <text class="quiet" x="12" y="43">64 at a time, no latency; {escape(about.split(". ")[0])}</text>
  {body}
  <text class="quiet" x="12" y="{bottom + 26}">{escape(legend)}</text>
</svg>
"""


def write(kept):
    PLOT.write_text(drawn(kept.rates, kept.about))

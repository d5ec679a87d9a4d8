"""The README's section on speed: one table of what is measured beside others, and the plot. All between two marks."""
from results import table
from setting import ROOT

README = ROOT / "README.md"
BEGIN, END = "<!-- made by benches/peers from benches/RESULTS.md -->", "<!-- /made by benches/peers -->"
# Where the section goes if it is not there yet.
BEFORE = "## Licence\n"
SECTION = f"""## Speed

{BEGIN}
{END}

`benches/peers --rounds 2` measures this again, in 24 minutes on two cores, and writes this section; `benches/RESULTS.md` has
every figure, the machine and the notes. It needs nginx and oha: `benches/peers --help`.

"""


def figures(kept):
    """The rows that stand beside somebody."""
    rows = [[what, beside, f"{median} ({spread})" if spread else median, target, note]
            for _, what, beside, median, spread, target, _, note in kept.targets if beside]
    return table(["what", "beside", "times that", "wanted", "figures"], rows)


def write(kept):
    text = README.read_text()
    if BEGIN not in text:
        before, after = text.rsplit(BEFORE, 1)
        text = before + SECTION + BEFORE + after
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    README.write_text(f"""{before}{BEGIN}

Everything on: durable log, exact decimals, budget gate, manifest. {kept.about.split(". ")[0]}; machines drift, so only
ratios within one run count.

{figures(kept)}

![Requests per second of rtk-export and of others, as shares of what the server gives](benches/peers.svg)

{END}{after}""")

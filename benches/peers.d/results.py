"""RESULTS.md: written from a whole run, read for the plot and the README. What people wrote below it is kept."""
import sys
from dataclasses import dataclass
from operator import truediv
from statistics import median

from setting import BENCHES, commit, machine

RESULTS = BENCHES / "RESULTS.md"
TARGETS, RATES, RUNS, NOTES = "Targets", "Requests per second", "Whole runs", "Notes"
TARGETS_HEAD = ["part", "what", "beside", "median", "spread", "target", "met", "figures"]
RATES_HEAD = ["who", "requests/s", "% of the limit", "measured"]
RUNS_HEAD = ["begun, UTC", "commit", "verdict"]
RUNS_KEPT = 12
HERE = "here"
# Not run again: they take hours to set up and are far from the limit.
APART = "in another run, beside its own oha: the project's first yardsticks, 2026-11-23, 2 cores, 20,000 pairs"
MEASURED_APART = [("qsv fetch, then DuckDB to Parquet", "6.1"), ("dlt, its best mode", "1.8"),
                  ("Airbyte CDK, then DuckDB to Parquet", "0.5")]


@dataclass
class Kept:
    """What RESULTS.md has: rows of cells by section, and its line on when and where."""
    about: str
    targets: list
    rates: list


def verdict(rows):
    missed = [row for row in rows if not row.met]
    figures = [f"{row.part}, {row.what}: {median(row.figures):.3g}, not {row.target}" for row in missed]
    return f"{len(rows) - len(missed)} of {len(rows)} met" + (f"; missed: {'; '.join(figures)}" if missed else "")


def table(head, rows):
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])


def sections():
    """The file's text by heading; what stands above the first is under nothing, the notes have headings of their own."""
    found, heading = {"": ""}, ""
    for line in RESULTS.read_text().splitlines(keepends=True) if RESULTS.exists() else []:
        if line.startswith("## ") and heading != NOTES:
            heading, line = line[3:].strip(), ""
        found[heading] = found.get(heading, "") + line
    return found


def cells(section):
    """The rows of a section's table, without its head."""
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def write(bench, begun):
    """Takes the place of the run before; the verdicts of earlier ones stay beside this one's."""
    earlier = sections()
    limit = bench.bars[0][1]
    rates = [[who, f"{median(rates):,.0f}", f"{100 * median(map(truediv, rates, limit)):.1f}", HERE]
             for who, rates in bench.bars]
    rates += [[who, "", share, APART] for who, share in MEASURED_APART]
    runs = cells(earlier.get(RUNS, "")) + [[f"{begun:%Y-%m-%d %H:%M}", commit(), verdict(bench.rows)]]
    about = (f"{begun:%Y-%m-%d}, commit {commit()}, medians of {bench.rounds} rounds. {machine()}. Everything on: durable "
             "log, exact decimals, budget gate, manifest.")
    RESULTS.write_text(f"""# Results of benches/peers

{about}

## {TARGETS}

{table(TARGETS_HEAD, [row.cells() for row in bench.rows])}

## {RATES}

Only ratios within one run count: of what was measured in another run there is nothing else here.

{table(RATES_HEAD, rates)}

## {RUNS}

{table(RUNS_HEAD, runs[-RUNS_KEPT:])}

## {NOTES}
{earlier.get(NOTES, "")}""")


def read():
    found = sections()
    if not {TARGETS, RATES} <= found.keys():
        sys.exit(f"{RESULTS.name} is not there, or has no results: run benches/peers without arguments")
    about = found[""].split("\n\n")[1].strip()
    return Kept(about, cells(found[TARGETS]), cells(found[RATES]))

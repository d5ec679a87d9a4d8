"""What all parts share: processes that are timed, lists and URLs to ask for, rows of results."""
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from setting import YARDSTICKS

ACCOUNT, APP = "023e105f4ecef8ad9ca31a8372d0c353", "5f9b1d20-3e3f-4d2a-9c5b-7d1f0e6a9b11"
NEVER_BINDS = "100000000/1s"
CONCURRENCY = 64
LOG = Path(".rtk-export") / "responses.jsonl.zst"


@dataclass
class Ran:
    """A whole process: how long it took, and the most memory that it had."""
    seconds: float
    rss_mb: float
    stdout: str


@dataclass
class Row:
    """A line of the table of results: what was measured, each round's figure, and what its median should be."""
    part: str
    what: str
    beside: str  # what ours is divided by; nothing where the figure is ours alone
    figures: list
    target: str
    met: bool
    note: str

    def cells(self):
        spread = f"{min(self.figures):.3g} to {max(self.figures):.3g}" if len(self.figures) > 1 else ""
        return [self.part, self.what, self.beside, f"{statistics.median(self.figures):.3g}", spread, self.target,
                "yes" if self.met else "no", self.note]


@dataclass
class Bench:
    """One whole run."""
    tool: Path
    bare_loop: Path
    python: Path
    work: Path
    bases: list  # answers at once, answers after 50 ms
    quick: bool
    rounds: int
    rows: list = field(default_factory=list)
    bars: list = field(default_factory=list)  # who, each round's requests per second; the first is the limit

    def size(self, full, quick):
        return quick if self.quick else full

    def add(self, part, what, figures, target, is_met, beside="", note=""):
        row = Row(part, what, beside, figures, target, is_met(statistics.median(figures)), note)
        self.rows.append(row)
        print("  ".join(cell for cell in row.cells() if cell), flush=True)

    def run(self, *args, threads=None, **env):
        """Runs a process and waits for it."""
        args = [str(arg) for arg in args]
        if threads:
            args = ["taskset", "-c", ",".join(str(core) for core in range(threads)), *args]
        begun = time.monotonic()
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            child = subprocess.Popen(args, stdout=out, stderr=err, env={**os.environ, **env})
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.monotonic() - begun
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            stdout, stderr = out.read(), err.read()
        if child.returncode != 0:
            sys.exit(f"{' '.join(args)}\nended with {child.returncode}:\n{stdout}{stderr}")
        return Ran(seconds, usage.ru_maxrss * 1024 / 1e6, stdout)

    def export_command(self, base, ids, out):
        """Our whole process, from the list to published files; and the variables that it needs."""
        command = [self.tool, "run", ids, "-o", out, "--fetch", "detail", "--no-rollups", "--rate", NEVER_BINDS,
                   "--concurrency", CONCURRENCY, "--base-url", base, "--account-id", ACCOUNT, "--app-id", APP, "-q"]
        env = {"CLOUDFLARE_API_TOKEN": "benchmark", "XDG_STATE_HOME": str(self.work / "state")}
        return [str(word) for word in command], env

    def export(self, base, ids, out):
        """The same, to an output that is new."""
        shutil.rmtree(out, ignore_errors=True)
        command, env = self.export_command(base, ids, out)
        return self.run(*command, **env)

    def ids(self, count, times=1):
        """A list of so many pairs, all of them as often as told."""
        path = self.work / f"ids-{count}-{times}.csv"
        if not path.exists() and times == 1:
            subprocess.run([sys.executable, YARDSTICKS / "gen_ids.py", str(count), path], check=True)
        elif not path.exists():
            with open(self.ids(count), "rb") as once, open(path, "wb") as ids:
                ids.write(once.readline())
                first = once.tell()
                for _ in range(times):
                    once.seek(first)
                    # Never whole in memory: a process counts what it was started from as its own peak.
                    shutil.copyfileobj(once, ids)
        return path

    def urls(self, base, count):
        """The same pairs as the requests that we make of them."""
        path = self.work / f"urls-{self.bases.index(base)}-{count}.txt"
        if not path.exists():
            with open(self.ids(count), newline="") as ids, open(path, "w") as urls:
                for row in csv.DictReader(ids):
                    urls.write(f"{base}/accounts/{ACCOUNT}/realtime/kit/{APP}/sessions/{row['session_id']}"
                               f"/participants/{row['participant_id']}?include_peer_events=true\n")
        return path

    @property
    def limit_name(self):
        """Who tells the limit: see the head of `benches/peers`."""
        return "wrk" if self.quick and not shutil.which("oha") else "oha"

    def limit(self, base, count):
        """Requests per second where nothing is done with the replies."""
        urls = self.urls(base, count)
        if self.limit_name == "wrk":
            ran = self.run("wrk", "-t", 2, "-c", CONCURRENCY, "-d", "1s", "-s", YARDSTICKS / "wrk.lua", base, "--", urls)
            return next(float(line.split()[1]) for line in ran.stdout.splitlines() if line.startswith("Requests/sec"))
        ran = self.run("oha", "--no-tui", "-n", count, "-c", CONCURRENCY, "--output-format", "json",
                       "--urls-from-file", urls)
        return json.loads(ran.stdout)["summary"]["requestsPerSec"]

    def bare(self, base, count):
        """The same over our own client, in as many equal tasks as a run has at this concurrency."""
        ran = json.loads(self.run(self.bare_loop, self.urls(base, count), CONCURRENCY, 4).stdout)
        return ran["requests"] / ran["seconds"]

"""The targets, a function each: what is run, beside what, and which ratio is to come of it."""
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from datetime import datetime

from bench import CONCURRENCY, LOG
from setting import BENCHES, YARDSTICKS

median = statistics.median


def at_least(bound):
    return f">= {bound}", lambda figure: figure >= bound


def at_most(bound):
    return f"<= {bound:g}", lambda figure: figure <= bound


def ratios(ours, theirs):
    return [mine / other for mine, other in zip(ours, theirs)]


def logged(export):
    """The log's lines, one by one."""
    log = subprocess.Popen(["zstdcat", export / LOG], stdout=subprocess.PIPE)
    yield from log.stdout
    if log.wait() != 0:
        sys.exit(f"{export / LOG} cannot be read")


def fetch_rate(export, count):
    """Requests per second of the fetch phase alone, as the log tells it: from the first reply's arrival to the mark
    that nothing is left to ask. That is set once all replies are durable, so the last sync counts, too."""
    arrived, line = [], b""
    for line in logged(export):
        # Replies are logged nearly as they come: the first is among the first.
        if len(arrived) < 2 * CONCURRENCY and line.startswith(b'{"kind":"details"'):
            arrived.append(json.loads(line)["at"])
    fetched = json.loads(line)
    assert fetched["kind"] == "fetched", fetched
    return (count - 1) / (datetime.fromisoformat(fetched["at"]) - datetime.fromisoformat(min(arrived))).total_seconds()


def fetch(bench):
    """Target 1: no latency, 64 connections; ours is the whole process, to published Parquet."""
    count, base = bench.size(200_000, 2_000), bench.bases[0]
    ids, out = bench.ids(count), bench.work / "fetch"
    limit, ours, phase, bare, python = [], [], [], [], []
    for _ in range(bench.rounds):
        limit.append(bench.limit(base, count))
        ours.append(count / bench.export(base, ids, out).seconds)
        phase.append(fetch_rate(out, count))
        bare.append(bench.bare(base, count))
        python.append(count / bench.run(bench.python, YARDSTICKS / "py_async.py", ids, bench.work / "python",
                                        CF_API_BASE=base).seconds)
    shutil.rmtree(out)
    bench.add("fetch", "list to Parquet, requests/s", ratios(ours, limit), *at_least(0.25), bench.limit_name,
              f"{median(ours):,.0f} of {median(limit):,.0f} requests/s")
    bench.add("fetch", "fetch phase, requests/s", ratios(phase, bare), *at_least(0.8), "the bare loop",
              f"{median(phase):,.0f} of {median(bare):,.0f} requests/s")
    bench.add("fetch", "list to Parquet, requests/s", ratios(ours, python), "> 1", lambda ratio: ratio > 1,
              "aiohttp and pyarrow", f"{median(ours):,.0f} and {median(python):,.0f} requests/s")
    bench.bars = [(f"{bench.limit_name}: replies thrown away", limit),
                  ("bare loop: our client, replies thrown away", bare),
                  ("rtk-export: fetch phase, to durable log", phase),
                  ("rtk-export: list to Parquet", ours),
                  ("aiohttp and pyarrow: list to Parquet", python)]


def delayed(bench):
    """Target 2: every reply 50 ms away, 64 at a time."""
    count, base, ours, limit = bench.size(100_000, 500), bench.bases[1], [], []
    for _ in range(bench.rounds):
        limit.append(bench.limit(base, count))
        ours.append(count / bench.export(base, bench.ids(count), bench.work / "delayed").seconds)
    bench.add("delayed", "requests/s, server 50 ms away", ratios(ours, limit), *at_least(0.97), bench.limit_name,
              f"{median(ours):,.0f} of {median(limit):,.0f} requests/s")


def flatten(bench):
    """Target 3: the log to both tables in Parquet, beside DuckDB on the same bodies."""
    count = bench.size(200_000, 2_000)
    export, duck_out, out = bench.work / "flatten", bench.work / "duckdb", bench.work / "rebuilt"
    bench.export(bench.bases[0], bench.ids(count), export)
    bodies, size = bench.work / "bodies.ndjson", 0
    with open(bodies, "w") as file:
        for line in logged(export):
            entry = json.loads(line)
            if entry.get("kind") == "details":
                size += file.write(json.dumps(entry["body"], separators=(",", ":"), ensure_ascii=False) + "\n")
    for threads, target in [(1, 1.3), (2, 1.7)]:
        speed, mine, rss, files = [], [], [], []
        for _ in range(bench.rounds):
            shutil.rmtree(out, ignore_errors=True)
            ours = bench.run(bench.tool, "rebuild", export, "-o", out, "--no-rollups", "-q", threads=threads)
            duck = bench.run(bench.python, YARDSTICKS / "flatten_duckdb.py", bodies, duck_out, "--threads", threads,
                             threads=threads)
            speed.append(duck.seconds / ours.seconds)
            mine.append(size / 1e6 / ours.seconds)
            rss.append(ours.rss_mb)
            tables = [*out.glob("participants/*"), *out.glob("peer_events/*")]
            files.append(sum(file.stat().st_size for file in tables)
                         / sum(file.stat().st_size for file in duck_out.iterdir()))
        cores = f"{threads} core{'s' * (threads > 1)}"
        bench.add("flatten", f"replies to Parquet, MB/s, {cores}", speed, *at_least(target), "DuckDB",
                  f"{median(mine):,.0f} MB/s of {size / 1e6:,.0f} MB")
        bench.add("flatten", f"bytes of the files, {cores}", files, *at_most(1.1), "DuckDB")
        bench.add("flatten", f"memory, MB, {cores}", rss, "< 200", lambda mb: mb < 200)
    shutil.rmtree(export)


def memory(bench):
    """Targets 4 and 5: bytes and time per participant from ten thousand to five million, and of a list that names
    everybody ten times. The server is nginx, so that a built-in one's memory is not taken for ours."""
    def export(count, times):
        ran = bench.export(bench.bases[0], bench.ids(count, times), bench.work / "memory")
        shutil.rmtree(bench.work / "memory")
        # The contract's 150 MB and 48 bytes for each distinct id: of the pairs, and of a session for twenty of them.
        allowed = 150 + 48 * count * 1.05 / 1e6
        what = f"MB, {count:,} participants" + (f", {count * times:,} list rows" if times > 1 else "")
        bench.add("memory", what, [ran.rss_mb], f"<= {allowed:.0f}", lambda mb: mb <= allowed,
                  note=f"{ran.seconds:.1f} s")
        return ran.seconds / count

    counts = bench.size([10_000, 100_000, 1_000_000, 5_000_000], [500, 1_000])
    seconds = [export(count, 1) for count in counts]
    export(bench.size(1_000_000, 500), 10)
    bench.add("memory", "time per participant, most over least", [max(seconds) / min(seconds)], *at_most(1.15))


def resume(bench):
    """Target 5: a run that goes on with a log; it fetches once that log grows, so some hundred replies are durable.
    A quick look interrupts the first run early: it must not come to its end meanwhile, however slow we are."""
    base, out, messages = bench.bases[0], bench.work / "resume", bench.work / "messages"
    log, sample, share = out / LOG, bench.size(20_000, 2_000), bench.size(0.9, 0.3)

    @contextlib.contextmanager
    def running(ids):
        command, env = bench.export_command(base, ids, out)
        with open(messages, "w") as stderr:
            process = subprocess.Popen(command, stderr=stderr, env={**os.environ, **env})
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()

    def until(condition, process):
        begun = time.monotonic()
        while not condition():
            if process.poll() is not None:
                sys.exit(f"a run to interrupt ended with {process.returncode}:\n{messages.read_text()}")
            time.sleep(0.02)
        return time.monotonic() - begun

    bench.export(base, bench.ids(sample), out)
    count = bench.size(5_000_000, 30_000)
    enough = log.stat().st_size / sample * count * share
    shutil.rmtree(out)
    ids = bench.ids(count)
    with running(ids) as process:
        until(lambda: log.exists() and log.stat().st_size > enough, process)
    kept = log.stat().st_size
    with running(ids) as process:
        seconds = until(lambda: log.stat().st_size > kept, process)
    shutil.rmtree(out)
    bench.add("resume", f"seconds until it fetches, {share:.0%} of {count:,} kept", [seconds], *at_most(10),
              note=f"log of {kept / 1e6:,.1f} MB")


def rollups(bench):
    """Target 7: each rollup over so many peer events, beside DuckDB on the same files; the same rows or nothing."""
    export, scripts = bench.work / "rollups", BENCHES / "rollups"
    events = bench.size(10_000_000, 5_000)
    bench.run(bench.python, scripts / "generate.py", events, export)
    names = bench.size([], ["minutes_by_day"])
    ran = bench.run(bench.python, scripts / "compare.py", "--json", bench.tool, export, bench.rounds, *names)
    most = 0
    for line in ran.stdout.splitlines():
        rollup = json.loads(line)
        ours, theirs = ([seconds for seconds, _ in rollup[who]] for who in ["ours", "duckdb"])
        most = max(most, *(mb for _, mb in rollup["ours"]))
        bench.add("rollups", f"{rollup['name']}, seconds", ratios(ours, theirs), *at_most(1.5), "DuckDB",
                  f"{median(ours):.2f} and {median(theirs):.2f} s")
    bench.add("rollups", f"most memory of any, MB, {events:,} events", [most], "< 512", lambda mb: mb < 512)
    shutil.rmtree(export)


def start(bench):
    """Target 6: a process that has little to do."""
    version = [bench.run(bench.tool, "--version").seconds * 1000 for _ in range(bench.size(20, 2))]
    bench.add("start", "--version, ms", version, "< 20", lambda ms: ms < 20)
    rows = bench.size(100_000, 1_000)
    plan = [bench.run(bench.tool, "plan", bench.ids(rows), "-q").seconds for _ in range(bench.rounds)]
    bench.add("start", f"plan of {rows:,} rows, s", plan, "< 0.5", lambda seconds: seconds < 0.5)
    bench.add("start", "size of the binary, MB", [bench.tool.stat().st_size / 1e6], "known", lambda _: True)


PARTS = {part.__name__: part for part in [fetch, delayed, flatten, memory, resume, rollups, start]}

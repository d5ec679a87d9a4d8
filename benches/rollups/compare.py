"""Times every rollup by rtk-export and by DuckDB: compare.py [--json] RTK_EXPORT EXPORT [ROUNDS] [NAME...].

Both read the export's Parquet and write the answer to Parquet, each in a process of its own, in turns; the best of
the rounds (3 unless told otherwise) counts. The answers must be the same rows. Ends with 1 where they are not, or
where a rollup takes more than 512 MB or 1.5 times DuckDB's time. With --json it leaves the times to its caller: a
line for each rollup with the seconds and MB of every round.
"""

import glob
import json
import os
import subprocess
import sys
import tempfile
import time

MEMORY_MB, FACTOR = 512, 1.5
QUERIES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "queries", "rollups")

DUCKDB = """
import glob, os, sys, duckdb
export, query, out = sys.argv[1:]
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")  # it goes to stdout, among the figures
connection.execute("SET TimeZone = 'UTC'; SET threads = 2")
for table in ["participants", "peer_events", "sessions", "labels"]:
    connection.execute(f"CREATE VIEW {table} AS SELECT * FROM '{export}/{table}/*.parquet'")
sql = open(query, encoding="utf-8").read()
connection.execute(f"COPY ({sql}) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")
"""


def timed(command):
    """Seconds and peak MB of a process of its own."""
    start = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{command[:3]} ended with {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_maxrss * 1024 / 1e6


SAME = """
import sys, duckdb
ours, theirs = (f"SELECT * FROM '{path}'" for path in sys.argv[1:])
differ = f"(({ours} EXCEPT ALL {theirs}) UNION ALL ({theirs} EXCEPT ALL {ours}))"
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")
sys.exit(1 if connection.execute(f"SELECT COUNT(*) FROM {differ}").fetchone()[0] else 0)
"""


def same(ours, theirs):
    """In a process of its own: what is started from a large one counts as large."""
    return subprocess.run([sys.executable, "-c", SAME, ours, theirs]).returncode == 0


def measure(binary, export, rounds, name):
    """Every round's seconds and MB of ours and of DuckDB's, and whether the answers are the same."""
    with tempfile.TemporaryDirectory() as place:
        ours, theirs = os.path.join(place, "ours.parquet"), os.path.join(place, "theirs.parquet")
        runs = []
        for _ in range(rounds):
            ours_run = timed([binary, "query", export, f"rollups/{name}", "-o", ours])
            runs.append((ours_run, timed([sys.executable, "-c", DUCKDB, export, f"{QUERIES}/{name}.sql", theirs])))
        return [run[0] for run in runs], [run[1] for run in runs], same(ours, theirs)


def show(name, ours, theirs, equal):
    """A line for people; whether the bounds are kept."""
    seconds, duckdb_seconds = (min(run[0] for run in runs) for runs in (ours, theirs))
    memory, duckdb_memory = (max(run[1] for run in runs) for runs in (ours, theirs))
    ratio = seconds / duckdb_seconds
    good = equal and memory < MEMORY_MB and ratio <= FACTOR
    print(
        f"{name:<24}{seconds:>9.2f}{duckdb_seconds:>9.2f}{ratio:>7.2f}{memory:>7.0f}{duckdb_memory:>8.0f}"
        f"  {'same' if equal else 'DIFFERENT'}{'' if good else '  MISSED'}",
        flush=True,
    )
    return good


def main():
    args = [arg for arg in sys.argv[1:] if arg != "--json"]
    as_json = len(args) < len(sys.argv) - 1
    binary, export = args[:2]
    rounds = int(args[2]) if len(args) > 2 else 3
    names = args[3:] or sorted(os.path.basename(path)[:-4] for path in glob.glob(f"{QUERIES}/*.sql"))
    kept = True
    if not as_json:
        print(f"{'rollup':<24}{'seconds':>9}{'DuckDB':>9}{'ratio':>7}{'MB':>7}{'DuckDB':>8}  rows")
    for name in names:
        ours, theirs, equal = measure(binary, export, rounds, name)
        if not as_json:
            kept = show(name, ours, theirs, equal) and kept
        elif equal:
            print(json.dumps({"name": name, "ours": ours, "duckdb": theirs}), flush=True)
        else:
            sys.exit(f"{name}: other rows than DuckDB's")
    sys.exit(0 if kept else 1)


main()

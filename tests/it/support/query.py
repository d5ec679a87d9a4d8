"""Runs SQL with DuckDB in an export's directory and prints the rows as JSON, every value as text.

The tables of the export are views under their names.
"""

import glob
import json
import os
import sys

import duckdb

export, sql = sys.argv[1:]
os.chdir(export)
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
for part in sorted(glob.glob("*/part-00000.parquet")):
    table = os.path.dirname(part)
    connection.execute(f"CREATE VIEW {table} AS SELECT * FROM '{table}/*.parquet'")
result = connection.execute(sql)
rows = result.fetchall()
json.dump([[None if value is None else str(value) for value in row] for row in rows], sys.stdout)

"""Creates tables with DuckDB, loads an export's Parquet files into them and prints each table's rows as JSON.

A file whose columns are not the table's, by name and type, is an error.
"""

import glob
import json
import os
import sys

import duckdb

export, ddl = sys.argv[1:]
os.chdir(export)
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
connection.execute(ddl)
rows = {}
for (table,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall():
    if not glob.glob(f"{table}/*.parquet"):
        continue
    described = [
        [(name, type_) for name, type_, *_ in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
        for source in (table, f"'{table}/*.parquet'")
    ]
    assert described[0] == described[1], (table, described)
    connection.execute(f"INSERT INTO {table} SELECT * FROM '{table}/*.parquet'")
    (rows[table],) = connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
json.dump(rows, sys.stdout)

"""Reads the tables of an export with DuckDB or PyArrow and prints them as JSON.

Every value is text: decimals with their places, times as microseconds since 1970, null as null.
CSV has no types, so a CSV export is read with those that the contract gives its columns.
"""

import decimal
import glob
import json
import os
import sys

# The kinds of the tables' columns, by the names that the reference has for their types.
KINDS = {
    "string": "text", "string (JSON)": "text", "int64": "count", "double": "double", "boolean": "bool",
    "timestamp[us, UTC]": "time", "decimal(18,9)": "minutes", "decimal(38,9)": "sum",
}
# Those of rollups, which the reference does not have.
ROLLUPS = {
    "day": "day", "participants": "count", "connections": "count", "duration_minutes": "sum",
    "minutes_consumed": "sum", "first_joined_at": "time", "last_left_at": "time", "peak_participants": "count",
}


def reference(text):
    tables = json.loads(text)["tables"]
    return {(t["name"], c["name"]): KINDS[c["type"]] for t in tables for c in t["columns"]}


def kind(table, column):
    if table.startswith("rollups/"):
        return ROLLUPS.get(column, "text")
    return TYPES[table, column]


def tables(export):
    found = {}
    for path in sorted(glob.glob(os.path.join(export, "*", "*.*"))):
        folder, name = os.path.split(os.path.relpath(path, export))
        stem, extension = os.path.splitext(name)
        table = f"rollups/{stem}" if folder == "rollups" else folder
        found.setdefault(table, (extension, []))[1].append(path)
    return found


def header(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        return file.readline().rstrip("\n").split(",")


def by_duckdb(table, extension, paths):
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    names = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    if extension == ".parquet":
        source = f"read_parquet([{names}])"
    else:
        types = {
            "time": "TIMESTAMPTZ", "count": "BIGINT", "minutes": "DECIMAL(18,9)", "sum": "DECIMAL(38,9)",
            "day": "DATE", "text": "VARCHAR", "double": "DOUBLE", "bool": "BOOLEAN",
        }
        columns = ", ".join(f"'{c}': '{types[kind(table, c)]}'" for c in header(paths[0]))
        source = (
            f"read_csv([{names}], columns = {{{columns}}}, header = true, delim = ',', quote = '\"', "
            "escape = '\"', nullstr = '', allow_quoted_nulls = false, auto_detect = false)"
        )
    columns = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    columns = [(name, type_) for name, type_, *_ in columns]
    as_text = ", ".join(
        f'CAST(epoch_us("{name}") AS VARCHAR)' if type_ == "TIMESTAMP WITH TIME ZONE" else f'CAST("{name}" AS VARCHAR)'
        for name, type_ in columns
    )
    return columns, [list(row) for row in connection.execute(f"SELECT {as_text} FROM {source}").fetchall()]


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    # Not str(): a decimal of zero would be 0E-9.
    return format(value, "f") if isinstance(value, decimal.Decimal) else str(value)


def by_pyarrow(table, extension, paths):
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    if extension == ".parquet":
        # Not read_table: it would take a folder for a partition column.
        parts = [pa.parquet.ParquetFile(path).read() for path in paths]
    else:
        types = {
            "time": pa.timestamp("us", "UTC"), "count": pa.int64(), "minutes": pa.decimal128(18, 9),
            "sum": pa.decimal128(38, 9), "day": pa.date32(), "text": pa.string(),
            "double": pa.float64(), "bool": pa.bool_(),
        }
        convert = pa.csv.ConvertOptions(
            column_types={c: types[kind(table, c)] for c in header(paths[0])},
            null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
        )
        parse = pa.csv.ParseOptions(newlines_in_values=True)
        parts = [pa.csv.read_csv(path, convert_options=convert, parse_options=parse) for path in paths]
    whole = pa.concat_tables(parts)
    texts = []
    for column in whole.columns:
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.int64())
        texts.append([None if value is None else text(value) for value in column.to_pylist()])
    columns = [(field.name, str(field.type)) for field in whole.schema]
    return columns, [list(row) for row in zip(*texts)] if whole.num_rows else []


def main():
    global TYPES
    engine, export, types = sys.argv[1:]
    TYPES = reference(types)
    read = {"duckdb": by_duckdb, "pyarrow": by_pyarrow}[engine]
    seen = {}
    for table, (extension, paths) in tables(export).items():
        columns, rows = read(table, extension, paths)
        seen[table] = {"columns": columns, "rows": rows}
    json.dump(seen, sys.stdout)


main()

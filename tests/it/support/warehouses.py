"""Runs scripts of `rtk-export schema --dialect` by the engine that they are for; prints what the tables hold.

Usage: warehouses.py ENGINE TASK, the task a JSON file: {"scripts": [file], "exports": [folder], "columns":
{table: [name]}}. The scripts, each of which loads the export beside it, are run one after the other, in one database.
With `page ENGINE FILE` it runs the commands of a page, a script of the shell, where the engine's client is at hand.
Of engines that cannot run here, sqlglot parses every statement, and DuckDB runs what replaces rows, translated. Output: after each of them {table: rows}, sorted. Every value is text as
`read_export.py` has it: decimals with their places, times in microseconds since 1970, null as null.
"""

import contextlib
import datetime
import decimal
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from engines import postgresql, program, spark_session, spark_settings

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def text(value):
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        # Spark's are of the process's own zone, which is UTC here.
        value = value.replace(tzinfo=value.tzinfo or datetime.timezone.utc)
        return str((value - EPOCH) // datetime.timedelta(microseconds=1))
    return str(value)


def tables(task, select):
    """What `select` finds in each table."""
    found = {}
    for table, columns in task["columns"].items():
        named = ", ".join(columns)
        rows = [[text(value) for value in row] for row in select(f"SELECT {named} FROM {table}")]
        found[table] = sorted(rows, key=lambda row: [(value is not None, value or "") for value in row])
    return found


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def statements(path):
    """One by one: no text in a script ends a line with a semicolon."""
    found = (statement.strip() for statement in read(path).split(";\n"))
    return [statement for statement in found if statement]


def by_postgres(task):
    import psycopg2.extras

    # As it lies there: `json` keeps a text as it is.
    psycopg2.extras.register_default_json(loads=lambda value: value, globally=True)
    with postgresql() as (connection, socket), connection.cursor() as cursor:

        def select(sql):
            cursor.execute(sql)
            return cursor.fetchall()

        for script in task["scripts"]:
            # The client that the scripts are for; as the superuser, so that no password is asked for.
            psql = [program("psql"), "-X", "-q", "-h", socket, "-U", "postgres", "-d", "postgres", "-f", script]
            subprocess.run(psql, check=True, stdout=sys.stderr, env={**os.environ, "PGOPTIONS": "-c TimeZone=Asia/Kolkata"})
            yield tables(task, select)


def by_duckdb(task):
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'Asia/Kolkata'")
    for script in task["scripts"]:
        connection.execute(read(script))
        yield tables(task, lambda sql: connection.execute(sql).fetchall())


def by_spark(task):
    with spark_session() as spark:
        for script in task["scripts"]:
            for statement in statements(script):
                spark.sql(statement)
            yield tables(task, lambda sql: spark.sql(sql).collect())


def by_clickhouse(task):
    with tempfile.TemporaryDirectory() as place, clickhouse(place) as session:

        def select(sql):
            import pyarrow

            settings = " SETTINGS output_format_arrow_string_as_string = 1"
            with pyarrow.ipc.open_file(session.query(sql + settings, "Arrow").bytes()) as reader:
                table = reader.read_all()
            return zip(*(column.to_pylist() for column in table.columns))

        for script in task["scripts"]:
            for statement in statements(script):
                session.query(statement)
            yield tables(task, select)


@contextlib.contextmanager
def clickhouse(place):
    import chdb.session

    session = chdb.session.Session(place)
    try:
        yield session
    finally:
        session.close()


def clickhouse_client(place, option, value):
    """Stands in for the client: chdb is ClickHouse without a server."""
    with clickhouse(place) as session:
        for statement in {"--queries-file": statements, "--query": lambda query: [query]}[option](value):
            print(session.query(statement), end="")


def by_snowflake(task):
    """Not Snowflake itself: fakesnow, which takes its statements and runs them with DuckDB.

    It does not know ALTER SESSION, and copies by column names into tables only that all can see.
    """
    import fakesnow
    import snowflake.connector

    with fakesnow.patch():
        connection = snowflake.connector.connect(database="DB", schema="EXPORTS")
        cursor = connection.cursor()
        cursor.execute(f"CREATE STAGE exports URL = 'file://{os.path.dirname(task['exports'][0])}/'")

        def select(sql):
            return cursor.execute(sql).fetchall()

        for script in task["scripts"]:
            for statement in statements(script):
                if "ALTER SESSION" not in statement:
                    cursor.execute(statement.replace("TEMPORARY TABLE", "TABLE"))
            yield tables(task, select)


def by_translation(dialect):
    """An engine that parses the dialect's statements, and runs those that work on the tables with DuckDB."""

    def run(task):
        import duckdb
        import sqlglot
        from sqlglot import exp

        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        # Trino's name for what DuckDB calls timezone().
        connection.execute("CREATE MACRO with_timezone(value, zone) AS timezone(zone, value)")

        def of_files(table, folder):
            names = os.path.join(folder, table, "*.parquet").replace("'", "''")
            return f"SELECT * FROM read_parquet('{names}')"

        for table in task["columns"]:
            connection.execute(f"CREATE TABLE {table} AS {of_files(table, task['exports'][0])} LIMIT 0")
        for script, folder in zip(task["scripts"], task["exports"]):
            for table in task["columns"]:
                sql = of_files(table, folder)
                if dialect in ("redshift", "trino"):
                    # They read times without a zone.
                    times = connection.execute(
                        "SELECT column_name FROM (DESCRIBE " + sql + ") WHERE column_type LIKE 'TIMESTAMP%'"
                    ).fetchall()
                    named = ", ".join(f'CAST("{name}" AS TIMESTAMP) AS "{name}"' for (name,) in times)
                    sql = sql.replace("SELECT *", f"SELECT * REPLACE ({named})" if times else "SELECT *", 1)
                connection.execute(f"CREATE OR REPLACE TABLE rtk_export_staged_{table} AS {sql}")
            for text in statements(script):
                for parsed in sqlglot.parse(text, read=dialect, error_level=sqlglot.ErrorLevel.RAISE):
                    assert not parsed.find(exp.Command), f"sqlglot does not know {text}"
                    if isinstance(parsed, (exp.Merge, exp.Delete, exp.Insert, exp.Transaction, exp.Commit)):
                        for table in parsed.find_all(exp.Table):
                            table.set("db", None)
                            table.set("catalog", None)
                        connection.execute(parsed.sql("duckdb"))
            yield tables(task, lambda sql: connection.execute(sql).fetchall())

    return run


@contextlib.contextmanager
def client(engine, scratch):
    """What the environment of a command needs, so that it reaches the engine."""
    path = os.path.dirname(sys.executable)
    if engine == "postgres":
        with postgresql() as (_, socket):
            path = os.path.dirname(program("psql"))
            yield {"PATH": path, "PGHOST": socket, "PGUSER": "postgres", "PGDATABASE": "postgres"}
    elif engine == "clickhouse":
        shim = os.path.join(scratch, "clickhouse-client")
        with open(shim, "w", encoding="utf-8") as file:
            called = f"'{sys.executable}' -I -B '{os.path.abspath(__file__)}' clickhouse-client '{scratch}/data'"
            file.write(f'#!/bin/sh\nexec {called} "$@"\n')
        os.chmod(shim, 0o755)
        yield {"PATH": scratch}
    elif engine == "spark":
        import pyspark

        with open(os.path.join(scratch, "spark-defaults.conf"), "w", encoding="utf-8") as file:
            file.writelines(f"{name} {value}\n" for name, value in spark_settings(scratch).items())
        yield {"PATH": path, "SPARK_HOME": os.path.dirname(pyspark.__file__), "SPARK_CONF_DIR": scratch}
    else:
        yield {"PATH": path}


def page(engine, script):
    scratch = tempfile.mkdtemp()
    try:
        with client(engine, scratch) as more:
            more["PATH"] = os.environ["PATH"] + os.pathsep + more["PATH"]
            ended = subprocess.run(["bash", "-euo", "pipefail", script], env={**os.environ, **more})
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    sys.exit(ended.returncode)


def main():
    os.environ["TZ"] = "UTC"
    time.tzset()
    engines = {
        "postgres": by_postgres, "duckdb": by_duckdb, "spark": by_spark, "clickhouse": by_clickhouse,
        "snowflake": by_snowflake,
        **{dialect: by_translation(dialect) for dialect in ("bigquery", "redshift", "databricks", "trino")},
    }
    if sys.argv[1] == "clickhouse-client":
        return clickhouse_client(*sys.argv[2:])
    if sys.argv[1] == "page":
        return page(*sys.argv[2:])
    engine, task = sys.argv[1:]
    json.dump(list(engines[engine](json.loads(read(task)))), sys.stdout)


if __name__ == "__main__":
    main()

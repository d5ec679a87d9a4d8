"""Runs queries over exports with DuckDB, PostgreSQL or Spark and prints the rows as JSON.

Usage: engines.py ENGINE TASK, the task a JSON file: {"exports": {name: {"parquet": folder, "csv": folder}},
"columns": {table: [[name, kind]]}, "queries": {name: SQL}}. Every engine runs the text as it is, its session's time zone UTC. Output:
{export: {query: rows}}. Every value is text as the contract's CSV has it, so that nothing is lost between
here and there: decimals with their places, times with microseconds, null as null.
"""

import contextlib
import datetime
import decimal
import glob
import io
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time


def text(value):
    if value is None:
        return None
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value)


def rows(fetched):
    return [[text(value) for value in row] for row in fetched]


def files(folders, form, table):
    return sorted(glob.glob(os.path.join(glob.escape(folders[form]), table, f"*.{form}")))


def by_duckdb(task):
    import duckdb

    for name, folders in task["exports"].items():
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        for table in task["columns"]:
            names = ", ".join("'" + path.replace("'", "''") + "'" for path in files(folders, "parquet", table))
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet([{names}])")
        yield name, {query: rows(connection.execute(sql).fetchall()) for query, sql in task["queries"].items()}


def spark_settings(scratch):
    """Small data: what takes time is to start and to compile, not to compute. All that is written goes to scratch."""
    return {
        "spark.master": "local[1]",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": os.path.join(scratch, "warehouse"),
        "spark.local.dir": scratch,
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={scratch} -XX:TieredStopAtLevel=1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
    }


@contextlib.contextmanager
def spark_session():
    """A session in this process, with a place of its own for what it writes."""
    from pyspark.sql import SparkSession

    scratch = tempfile.mkdtemp()
    builder = SparkSession.builder
    for name, value in spark_settings(scratch).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    try:
        yield spark
    finally:
        spark.stop()
        shutil.rmtree(scratch, ignore_errors=True)


def by_spark(task):
    with spark_session() as spark:
        for name, folders in task["exports"].items():
            for table in task["columns"]:
                # Not the folder: its own name could be one of a partition.
                spark.read.parquet(*files(folders, "parquet", table)).createOrReplaceTempView(table)
            yield name, {query: rows(spark.sql(sql).collect()) for query, sql in task["queries"].items()}


POSTGRESQL_TYPES = {
    "text": "TEXT", "count": "BIGINT", "time": "TIMESTAMP WITH TIME ZONE",
    "minutes": "DECIMAL(18, 9)", "sum": "DECIMAL(38, 9)",
}


def program(name):
    """Debian keeps the server's programs out of the search path, a folder for each version."""
    versions = glob.glob(f"/usr/lib/postgresql/*/bin/{name}")
    versions.sort(key=lambda path: int(path.split("/")[4]) if path.split("/")[4].isdigit() else 0)
    return versions[-1] if versions else shutil.which(name) or name


@contextlib.contextmanager
def postgresql():
    """A server of its own, reached by a socket in a directory of its own; as root, run by its own user.

    Gives a connection and that directory.
    """
    import psycopg2

    user = "postgres" if os.geteuid() == 0 else None
    place = tempfile.mkdtemp()
    try:
        if user:
            os.chown(place, pwd.getpwnam(user).pw_uid, -1)

        def run(*command):
            subprocess.run(
                [program(command[0]), *command[1:]], user=user, cwd=place, check=True,
                stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            )

        data = os.path.join(place, "data")
        # Text in the order of its bytes, as the other engines have it.
        run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        options = f"-c listen_addresses= -c unix_socket_directories={place} -c fsync=off"
        run("pg_ctl", "start", "-w", "-D", data, "-o", options, "-l", os.path.join(place, "log"))
        try:
            connection = psycopg2.connect(host=place, user="postgres", dbname="postgres")
            connection.autocommit = True
            yield connection, place
            connection.close()
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", data)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def by_postgresql(task):
    with postgresql() as (connection, _), connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
        for name, folders in task["exports"].items():
            for table in task["columns"]:
                columns = ", ".join(f"{c} {POSTGRESQL_TYPES[kind]}" for c, kind in task["columns"][table])
                cursor.execute(f"DROP TABLE IF EXISTS {table}")
                cursor.execute(f"CREATE TABLE {table} ({columns})")
                for path in files(folders, "csv", table):
                    with open(path, "rb") as file:
                        # A character that no text of PostgreSQL can have; no key of a query has it.
                        rows_of_table = io.BytesIO(file.read().replace(b"\0", b" "))
                    cursor.copy_expert(f"COPY {table} FROM STDIN WITH (FORMAT csv, HEADER)", rows_of_table)
            answers = {}
            for query, sql in task["queries"].items():
                cursor.execute(sql)
                answers[query] = rows(cursor.fetchall())
            yield name, answers


def main():
    # Spark gives times of the process's own zone.
    os.environ["TZ"] = "UTC"
    time.tzset()
    engines = {"duckdb": by_duckdb, "spark": by_spark, "postgresql": by_postgresql}
    engine, task = sys.argv[1:]
    with open(task, encoding="utf-8") as file:
        answers = dict(engines[engine](json.load(file)))
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()

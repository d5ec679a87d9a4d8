//! The statements that put staged rows in the place of a table's own.
//!
//! Guarantees: of each [unit](super::unit) that is staged, the staged rows are there afterwards and no
//! others; all other rows stay. Staged rows may be none.

use super::columns::{BUCKET, Partition, data_type, name, ordered, spark_partition, staged_value, wrapped};
use super::unit;
use crate::cli::Dialect;
use crate::tables::Table;
use crate::tables::schema::Column;

/// The name under which a table's files can be read: none that a user's own table has, as scripts drop it.
pub(super) fn staged(table: Table, dialect: Dialect) -> String {
    match dialect {
        // Its tables are another connector's than those that read files.
        Dialect::Trino => format!("hive.default.rtk_export_staged_{}", table.name()),
        _ => format!("rtk_export_staged_{}", table.name()),
    }
}

/// The statements for a table.
pub(super) fn replace(table: Table, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres | Dialect::Redshift | Dialect::Snowflake => {
            format!("{}{}", delete(table, dialect), insert(table, dialect, "INSERT INTO"))
        }
        Dialect::Duckdb => in_duckdb(table),
        Dialect::Bigquery | Dialect::Databricks | Dialect::Trino => merge(table, dialect),
        Dialect::Clickhouse => in_clickhouse(table),
        Dialect::Spark => in_spark(table),
    }
}

/// Deletes what the staged rows replace.
fn delete(table: Table, dialect: Dialect) -> String {
    let staged = staged(table, dialect);
    format!(
        "DELETE FROM {} USING {staged}\nWHERE {};\n",
        table.name(),
        same_unit(table, table.name(), &staged, dialect)
    )
}

fn insert(table: Table, dialect: Dialect, verb: &str) -> String {
    let columns = ordered(table, dialect);
    let values = columns.iter().map(|column| staged_value(column, dialect));
    format!(
        "{verb} {} ({})\nSELECT {}\nFROM {};\n",
        table.name(),
        names(&columns, dialect),
        wrapped(values, 2),
        staged(table, dialect)
    )
}

/// A row that is deleted and inserted in one transaction can violate its own key there, so that only rows
/// which do not come again are deleted, and the others replaced in their place.
fn in_duckdb(table: Table) -> String {
    let dialect = Dialect::Duckdb;
    let (key, unit) = (table.key(), unit(table));
    if key.is_empty() {
        return delete(table, dialect) + &insert(table, dialect, "INSERT INTO");
    }
    let insert = insert(table, dialect, "INSERT OR REPLACE INTO");
    if key == unit {
        return insert;
    }
    let (loaded, staged) = (table.name(), staged(table, dialect));
    format!(
        "DELETE FROM {loaded}\n\
         WHERE EXISTS (SELECT 1 FROM {staged} WHERE {})\n  \
           AND NOT EXISTS (SELECT 1 FROM {staged} WHERE {});\n{insert}",
        same_unit(table, loaded, &staged, dialect),
        all_equal(key, loaded, &staged),
    )
}

/// One statement, so that no reader sees a table in between: rows of a unit that is staged are deleted by the
/// unit's own source row, which stands for it alone; a staged row matches none, so that it is inserted.
fn merge(table: Table, dialect: Dialect) -> String {
    let columns = ordered(table, dialect);
    let unit = unit(table);
    let of_unit = columns.iter().map(|column| {
        let name = name(column, dialect);
        if unit.contains(&name) {
            return name.to_owned();
        }
        format!("CAST(NULL AS {}) AS {name}", data_type(column.kind, dialect))
    });
    let staged_values = columns.iter().map(|column| {
        let (value, name) = (staged_value(column, dialect), name(column, dialect));
        if value == name { value } else { format!("{value} AS {name}") }
    });
    let staged = staged(table, dialect);
    format!(
        "MERGE INTO {} AS loaded\n\
         USING (\n  \
           SELECT FALSE AS replaces, {}\n  \
           FROM {staged}\n  \
           UNION ALL\n  \
           SELECT TRUE AS replaces, {}\n  \
           FROM (SELECT DISTINCT {} FROM {staged}) AS units\n\
         ) AS staged\n\
         ON staged.replaces AND {}\n\
         WHEN MATCHED THEN DELETE\n\
         WHEN NOT MATCHED AND NOT staged.replaces THEN INSERT ({})\n  \
           VALUES ({});\n",
        table.name(),
        wrapped(staged_values, 4),
        wrapped(of_unit, 4),
        unit.join(", "),
        same_unit(table, "loaded", "staged", dialect),
        names(&columns, dialect),
        wrapped(columns.iter().map(|column| format!("staged.{}", name(column, dialect))), 4),
    )
}

/// Its DELETE knows no other table but by IN, whose NULL is equal to none: texts are.
fn in_clickhouse(table: Table) -> String {
    let dialect = Dialect::Clickhouse;
    let unit = format!("({})", unit(table).join(", "));
    let unit = if has_null(table) { format!("toJSONString({unit})") } else { unit };
    let staged = staged(table, dialect);
    format!(
        "DELETE FROM {} WHERE {unit} IN (SELECT {unit} FROM {staged});\n{}",
        table.name(),
        insert(table, dialect, "INSERT INTO")
    )
}

/// Rewrites the parts of a table that staged rows belong to: with them, and with the rows that they do not
/// replace.
fn in_spark(table: Table) -> String {
    let dialect = Dialect::Spark;
    let staged = staged(table, dialect);
    let mut names: Vec<_> = ordered(table, dialect).iter().map(|column| column.name).collect();
    let mut of_staged = names.clone();
    let first_digit = |of: &str| format!("substr({of}session_id, 1, 1)");
    let (divided_by, same_part) = match spark_partition(table) {
        Partition::By(column) => (column, format!("{staged}.{column} <=> loaded.{column}")),
        Partition::Bucket => (BUCKET, format!("{} = loaded.{BUCKET}", first_digit(&format!("{staged}.")))),
    };
    let bucket = first_digit("");
    if divided_by == BUCKET {
        names.push(BUCKET);
        of_staged.push(&bucket);
    }
    format!(
        "INSERT OVERWRITE TABLE {} PARTITION ({divided_by})\n\
         SELECT {}\nFROM {} AS loaded\n\
         WHERE EXISTS (SELECT 1 FROM {staged} WHERE {same_part})\n  \
           AND NOT EXISTS (SELECT 1 FROM {staged} WHERE {})\n\
         UNION ALL\n\
         SELECT {}\nFROM {staged};\n",
        table.name(),
        wrapped(names, 2),
        table.name(),
        same_unit(table, "loaded", &staged, dialect),
        wrapped(of_staged, 2),
    )
}

/// That two rows are of one unit.
fn same_unit(table: Table, one: &str, other: &str, dialect: Dialect) -> String {
    let unit = unit(table);
    if !has_null(table) {
        return all_equal(unit, one, other);
    }
    if dialect == Dialect::Bigquery {
        // A join there needs an equality, and NULL is equal to none.
        let text = |of: &str| {
            let columns: Vec<_> = unit.iter().map(|column| format!("{of}.{column}")).collect();
            format!("TO_JSON_STRING(STRUCT({}))", columns.join(", "))
        };
        return format!("{}\n  = {}", text(one), text(other));
    }
    let each = unit.iter().map(|column| match dialect {
        Dialect::Redshift => format!(
            "({one}.{column} = {other}.{column}\n    OR {one}.{column} IS NULL AND {other}.{column} IS NULL)"
        ),
        Dialect::Spark | Dialect::Databricks => format!("{one}.{column} <=> {other}.{column}"),
        _ => format!("{one}.{column} IS NOT DISTINCT FROM {other}.{column}"),
    });
    each.collect::<Vec<_>>().join("\n  AND ")
}

fn all_equal(columns: &[&str], one: &str, other: &str) -> String {
    let each = columns.iter().map(|column| format!("{one}.{column} = {other}.{column}"));
    each.collect::<Vec<_>>().join("\n  AND ")
}

/// Whether a column of a table's unit can be null.
fn has_null(table: Table) -> bool {
    table.columns().iter().any(|column| column.nullable && unit(table).contains(&column.name))
}

fn names(columns: &[&Column], dialect: Dialect) -> String {
    wrapped(columns.iter().map(|column| name(column, dialect)), 2)
}

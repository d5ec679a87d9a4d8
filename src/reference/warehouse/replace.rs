//! The statements that put staged rows in the place of a table's own.
//!
//! Guarantees: of each [unit](Units) that is staged, the staged rows are there afterwards and no others; all other
//! rows stay. Staged rows may be none.

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

/// What a load replaces whole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Units {
    /// Of an export: [units of the table's own rows](unit), so that a request that failed deletes nothing.
    OfRows,
    /// Of a dataset: the sessions that are staged, in every table, so that what they lost is lost here too.
    Sessions,
}

impl Units {
    fn columns(self, table: Table) -> &'static [&'static str] {
        unit(if self == Self::Sessions { Table::Sessions } else { table })
    }

    /// The staged table that says which are replaced.
    fn staged(self, table: Table, dialect: Dialect) -> String {
        staged(if self == Self::Sessions { Table::Sessions } else { table }, dialect)
    }

    /// Whether a column of a table's unit can be null where it is staged: then null is equal to null.
    fn have_null(self, table: Table) -> bool {
        let is_null = |column: &Column| column.nullable && self.columns(table).contains(&column.name);
        self == Self::OfRows && table.columns().iter().any(is_null)
    }

    /// That two rows are of one unit.
    fn same(self, table: Table, one: &str, other: &str, dialect: Dialect) -> String {
        let unit = self.columns(table);
        if !self.have_null(table) {
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
}

/// The statements for a table.
pub(super) fn replace(table: Table, units: Units, dialect: Dialect) -> String {
    match dialect {
        Dialect::Postgres | Dialect::Redshift | Dialect::Snowflake => {
            format!("{}{}", delete(table, units, dialect), insert(table, dialect, "INSERT INTO"))
        }
        Dialect::Duckdb => in_duckdb(table, units),
        Dialect::Bigquery | Dialect::Databricks | Dialect::Trino => merge(table, units, dialect),
        Dialect::Clickhouse => in_clickhouse(table, units),
        Dialect::Spark => in_spark(table, units),
    }
}

/// Deletes what the staged rows replace.
fn delete(table: Table, units: Units, dialect: Dialect) -> String {
    let staged = units.staged(table, dialect);
    format!(
        "DELETE FROM {} USING {staged}\nWHERE {};\n",
        table.name(),
        units.same(table, table.name(), &staged, dialect)
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
fn in_duckdb(table: Table, units: Units) -> String {
    let dialect = Dialect::Duckdb;
    let key = table.key();
    if key.is_empty() {
        return delete(table, units, dialect) + &insert(table, dialect, "INSERT INTO");
    }
    let insert = insert(table, dialect, "INSERT OR REPLACE INTO");
    if key == units.columns(table) {
        return insert;
    }
    let (loaded, staged, replacing) = (table.name(), staged(table, dialect), units.staged(table, dialect));
    format!(
        "DELETE FROM {loaded}\n\
         WHERE EXISTS (SELECT 1 FROM {replacing} WHERE {})\n  \
           AND NOT EXISTS (SELECT 1 FROM {staged} WHERE {});\n{insert}",
        units.same(table, loaded, &replacing, dialect),
        all_equal(key, loaded, &staged),
    )
}

/// One statement, so that no reader sees a table in between: rows of a unit that is staged are deleted by the
/// unit's own source row, which stands for it alone; a staged row matches none, so that it is inserted.
fn merge(table: Table, units: Units, dialect: Dialect) -> String {
    let columns = ordered(table, dialect);
    let unit = units.columns(table);
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
    let (staged, replacing) = (staged(table, dialect), units.staged(table, dialect));
    format!(
        "MERGE INTO {} AS loaded\n\
         USING (\n  \
           SELECT FALSE AS replaces, {}\n  \
           FROM {staged}\n  \
           UNION ALL\n  \
           SELECT TRUE AS replaces, {}\n  \
           FROM (SELECT DISTINCT {} FROM {replacing}) AS units\n\
         ) AS staged\n\
         ON staged.replaces AND {}\n\
         WHEN MATCHED THEN DELETE\n\
         WHEN NOT MATCHED AND NOT staged.replaces THEN INSERT ({})\n  \
           VALUES ({});\n",
        table.name(),
        wrapped(staged_values, 4),
        wrapped(of_unit, 4),
        unit.join(", "),
        units.same(table, "loaded", "staged", dialect),
        names(&columns, dialect),
        wrapped(columns.iter().map(|column| format!("staged.{}", name(column, dialect))), 4),
    )
}

/// Its DELETE knows no other table but by IN, whose NULL is equal to none: texts are.
fn in_clickhouse(table: Table, units: Units) -> String {
    let dialect = Dialect::Clickhouse;
    let unit = format!("({})", units.columns(table).join(", "));
    let unit = if units.have_null(table) { format!("toJSONString({unit})") } else { unit };
    let staged = units.staged(table, dialect);
    format!(
        "DELETE FROM {} WHERE {unit} IN (SELECT {unit} FROM {staged});\n{}",
        table.name(),
        insert(table, dialect, "INSERT INTO")
    )
}

/// Rewrites the parts of a table that staged rows belong to: with them, and with the rows that they do not
/// replace.
fn in_spark(table: Table, units: Units) -> String {
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
        units.same(table, "loaded", &staged, dialect),
        wrapped(of_staged, 2),
    )
}

fn all_equal(columns: &[&str], one: &str, other: &str) -> String {
    let each = columns.iter().map(|column| format!("{one}.{column} = {other}.{column}"));
    each.collect::<Vec<_>>().join("\n  AND ")
}

fn names(columns: &[&Column], dialect: Dialect) -> String {
    wrapped(columns.iter().map(|column| name(column, dialect)), 2)
}

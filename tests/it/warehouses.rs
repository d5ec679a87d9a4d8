//! What `rtk-export schema --dialect` prints creates and loads tables that hold what the export holds.
//!
//! Engines run the scripts: an export, then a later one of the same ids, then that again. After each, every
//! value of every table is what the exports' own files have, as `PyArrow` reads them. What cannot run here
//! is parsed.

mod datasets;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::OnceLock;

use rtk_export::sandbox::StatsShape;
use rtk_export::tables::schema::Table;
use serde_json::json;

use crate::support::{Place, Seen, Server, TextRows, ask_warehouse, read, with_client};

struct Exports {
    place: Place,
    /// The tables of each.
    early: BTreeMap<String, Seen>,
    late: BTreeMap<String, Seen>,
}

/// Two exports of the same ids, whose replies differ; a name that needs care wherever it is quoted.
fn exports() -> &'static Exports {
    static EXPORTS: OnceLock<Exports> = OnceLock::new();
    EXPORTS.get_or_init(|| {
        let place = Place::new();
        let mut seen = [("early it's", false), ("late it's", true)].into_iter().map(|(name, is_late)| {
            let server = Server::start(|options| {
                options.world.messy = is_late;
                options.world.peer_events = if is_late { 3 } else { 5 };
                options.samples = if is_late { 7 } else { 8 };
                options.stats_shape = StatsShape::New;
            });
            let unknown = "0e0e0e0e-0e0e-4e0e-8e0e-0e0e0e0e0e0e";
            // The later list is the shorter one.
            let invalid = "not an id,,\n".repeat(if is_late { 1 } else { 9 });
            let pairs = server.pairs(if is_late { 33 } else { 30 }).replace('\n', ",a\\b 'c'\n").replacen(
                "a\\b 'c'",
                "It's \\ mine",
                1,
            );
            place.write("pairs.csv", format!("{pairs}{unknown},{unknown},\n{invalid}"));
            place.write("sessions.csv", server.sessions(if is_late { 4 } else { 3 }));
            let run = place.rtk("run pairs.csv sessions.csv --with-sessions --filters all -o").arg(name);
            run.against(&server).ends(3);
            place.rtk("rebuild --format csv").arg(name).arg("-o").arg(&format!("{name}-csv")).ends(3);
            read("pyarrow", &place.path(name))
        });
        let (early, late) = (seen.next().unwrap(), seen.next().unwrap());
        drop(seen);
        Exports { place, early, late }
    })
}

/// The script for an export.
fn script(dialect: &str, location: &str, statements: &str) -> String {
    let command = format!("schema --dialect {dialect} --call-statistics --statements {statements} --from");
    exports().place.rtk(&command).arg(location).ends(0).stdout
}

/// What an engine has after the early export, the late one, and that again.
fn loaded(dialect: &str, location: impl Fn(&str) -> String) -> Vec<BTreeMap<String, TextRows>> {
    let place = &exports().place;
    let write =
        |number: usize, text: String| -> PathBuf { place.write(&format!("{dialect}-{number}.sql"), text) };
    let scripts = [
        write(0, script(dialect, &location("early it's"), "all")),
        write(1, script(dialect, &location("late it's"), "load")),
        write(2, script(dialect, &location("late it's"), "all")),
    ];
    let columns: BTreeMap<_, Vec<_>> = Table::ALL
        .into_iter()
        .map(|table| (table.name(), table.columns().iter().map(|column| column.name).collect()))
        .collect();
    let exports = ["early it's", "late it's", "late it's"].map(|name| place.path(name));
    let task = json!({ "scripts": scripts, "exports": exports, "columns": columns });
    ask_warehouse(dialect, &place.write(&format!("{dialect}.json"), task.to_string()))
}

/// A table's rows after both exports: the later one's, and of the early one what that says nothing of.
fn both(table: Table) -> TextRows {
    let [early, late] = [&exports().early, &exports().late].map(|seen| &seen[table.name()]);
    let unit: &[&str] = match table {
        Table::Sessions => &["session_id"],
        Table::IdList | Table::Labels => &["list_file"],
        Table::Failures => &["session_id", "participant_id", "list_file", "row_number"],
        _ => &["session_id", "participant_id"],
    };
    let places: Vec<_> =
        unit.iter().map(|name| late.columns.iter().position(|(column, _)| column == name).unwrap()).collect();
    let unit_of =
        |row: &Vec<Option<String>>| places.iter().map(|place| row[*place].clone()).collect::<Vec<_>>();
    let replaced: BTreeSet<_> = late.rows.iter().map(unit_of).collect();
    let stays = early.rows.iter().filter(|row| !replaced.contains(&unit_of(row)));
    stays.chain(&late.rows).cloned().collect()
}

/// Both exports arrive as they are.
fn arrives(dialect: &str, location: impl Fn(&str) -> String, stored: impl Fn(&str) -> String) {
    let exports = exports();
    let after = loaded(dialect, location);
    assert_eq!(after.len(), 3);
    for (number, tables) in after.iter().enumerate() {
        for table in Table::ALL {
            let columns = &exports.late[table.name()].columns;
            let columns: Vec<_> = columns.iter().map(|(name, _)| name.as_str()).collect();
            assert!(columns.iter().copied().eq(table.columns().iter().map(|column| column.name)));
            let mut expected =
                if number == 0 { exports.early[table.name()].rows.clone() } else { both(table) };
            for value in expected.iter_mut().flatten().flatten() {
                *value = stored(value);
            }
            expected.sort();
            let found = &tables[table.name()];
            assert_eq!(found.len(), expected.len(), "{dialect}, {}, script {number}", table.name());
            for (found, expected) in found.iter().zip(&expected) {
                for ((found, expected), column) in found.iter().zip(expected).zip(&columns) {
                    assert_eq!(found, expected, "{dialect}, {}.{column}, script {number}", table.name());
                }
            }
        }
    }
}

/// Where an export lies on this machine.
fn directory(name: &str) -> String {
    exports().place.path(name).to_str().unwrap().to_owned()
}

fn unchanged(value: &str) -> String {
    value.to_owned()
}

#[test]
fn what_is_loaded_is_worth_comparing() {
    let Exports { early, late, .. } = exports();
    for table in Table::ALL {
        let [early, late] = [early, late].map(|seen| &seen[table.name()]);
        assert!(!early.rows.is_empty() && !late.rows.is_empty(), "{} has no rows", table.name());
    }
    // Participants with other events than before, and such of whom the later export has none.
    let keys = |rows: &TextRows| -> BTreeSet<_> { rows.iter().map(|row| row[..3].to_vec()).collect() };
    let [early, late] = [early, late].map(|seen| keys(&seen["peer_events"].rows));
    let after = keys(&both(Table::PeerEvents));
    let [gone, new, stay] = [(&early, &after), (&late, &early), (&after, &late)]
        .map(|(of, without)| of.difference(without).count());
    assert!(gone > 0 && new > 0 && stay > 0, "{gone} events are gone, {new} new, {stay} stay");
}

#[test]
fn duckdb() {
    arrives("duckdb", directory, unchanged);
}

#[test]
fn postgres() {
    // A character that none of its texts can have.
    arrives("postgres", |name| directory(name) + "-csv", |value| value.replace('\0', ""));
}

/// Neither a location where nothing lies, nor an export of which one file is missing.
#[test]
fn psql_loads_no_export_that_it_cannot_read() {
    let place = &exports().place;
    let whole = directory("late it's") + "-csv";
    for (name, location, statements) in [
        ("whole", directory("early it's") + "-csv", "all"),
        ("nowhere", directory("no where's"), "load"),
        ("torn", directory("torn it's"), "load"),
    ] {
        place.write(&format!("{name}.sql"), script("postgres", &location, statements));
    }
    let torn = directory("torn it's");
    let shell = format!(
        r#"
        cp -r "{whole}" "{torn}"
        ln -s nowhere "{torn}/peer_events/part-zzz.csv"
        rows() {{ psql -X -q -c 'COPY participants TO STDOUT' -c 'COPY peer_events TO STDOUT'; }}
        psql -X -q -f whole.sql >&2
        rows >rows-before
        for name in nowhere torn; do
            status=0
            psql -X -q -f $name.sql >&2 || status=$?
            rows >rows-after
            cmp rows-before rows-after
            echo "$name ends with $status"
        done
        "#
    );
    let shell = place.write("unreadable.sh", shell);
    let shown = place.shell(&with_client("postgres", &shell)).ends(0).stdout;
    // What psql ends with where a script's statement fails.
    assert_eq!(shown, "nowhere ends with 3\ntorn ends with 3\n");
    assert!(std::fs::metadata(place.path("rows-before")).unwrap().len() > 0);
}

#[test]
fn clickhouse() {
    arrives("clickhouse", directory, unchanged);
}

/// Not Snowflake: fakesnow, which stands in for it.
#[test]
fn snowflake() {
    // It takes a file's name for a part of its own SQL, so that these names need no care.
    let of_name = |name: &str| name.split(' ').next().unwrap().to_owned();
    for name in ["early it's", "late it's"] {
        symlink(directory(name), exports().place.path(&of_name(name))).unwrap();
    }
    arrives("snowflake", |name| format!("@exports/{}", of_name(name)), unchanged);
}

/// Parsed as their own; what replaces rows is run by `DuckDB`.
#[test]
fn bigquery_redshift_databricks_and_trino() {
    for (dialect, bucket) in
        [("bigquery", "gs"), ("redshift", "s3"), ("databricks", "abfss"), ("trino", "s3")]
    {
        arrives(dialect, |name| format!("{bucket}://bucket/{name}"), unchanged);
    }
}

#[test]
fn spark() {
    arrives("spark", directory, unchanged);
}

/// What is in a script.
#[test]
fn a_script_has_what_was_asked_for() {
    let place = Place::new();
    let script = |args: &str| place.rtk(&format!("schema --dialect postgres {args}")).ends(0).stdout;
    let (created, loaded) = ("CREATE TABLE IF NOT EXISTS call_stats", "INSERT INTO call_stats");
    // An export without call statistics has no files of theirs.
    let whole = script("");
    assert!(whole.contains(created) && !whole.contains(loaded));
    assert!(
        whole.contains("INSERT INTO failures") && whole.contains("Replace EXPORT_DIRECTORY, or let --from")
    );
    assert!(script("--call-statistics").contains(loaded) && script("call_stats").contains(loaded));
    assert!(!script("call_stats").contains("failures"));
    assert!(!script("--statements load call_stats").contains(created));
    let create = script("--statements create call_stats");
    assert!(create.contains(created) && !create.contains("BEGIN"));
    assert!(!script("--from october").contains("EXPORT_DIRECTORY"));
}

/// A location is one line and one name, and of a kind that the dialect has.
#[test]
fn a_location_that_cannot_be_loaded_from_is_refused() {
    let place = Place::new();
    let refused = [
        ("postgres", "out\n\\! true", "a directory on the machine where psql runs"),
        ("duckdb", "exports/*", "a directory, or s3://"),
        ("duckdb", "", "a directory, or s3://"),
        ("bigquery", "s3://bucket/out", "gs://bucket/path"),
        ("snowflake", "stage/out", "@stage/path"),
        ("redshift", "out", "s3://bucket/path"),
        ("redshift", "s3://bucket/out\\", "s3://bucket/path"),
        ("databricks", "out", "/Volumes/"),
        ("trino", "out", "s3://bucket/path"),
    ];
    for (dialect, location, wanted) in refused {
        let command = place.rtk(&format!("schema --dialect {dialect} --from")).arg(location);
        command.ends(2).says(&["cannot load from", wanted]);
    }
    place.rtk("schema --from out").ends(2);
    place.rtk("schema --statements load").ends(2);
}

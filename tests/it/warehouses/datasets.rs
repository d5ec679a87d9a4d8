//! `schema --dataset`: what the statements load is what the dataset holds, retired files or not.
//!
//! A dataset is synced twice: participants and events have gone the second time, others changed, and what failed did
//! not fail again. Its files of the first time still lie beside the current ones.

use super::*;
use crate::support::{Dataset, faults};

/// The rows of each generation of a dataset, and the scripts that load it, by dialect.
struct Synced {
    place: Place,
    rows: [BTreeMap<String, Seen>; 2],
    scripts: BTreeMap<&'static str, Vec<PathBuf>>,
}

const NAME: &str = "ds it's";
/// Where an engine sees the dataset.
const DIALECTS: [(&str, &str); 6] = [
    ("duckdb", ""),
    ("clickhouse", ""),
    ("snowflake", "@exports/ds"),
    ("bigquery", "gs://bucket/ds it's"),
    ("redshift", "s3://bucket/ds it's"),
    ("databricks", "abfss://bucket/ds it's"),
];
/// The generation that each script loads.
const LOADS: [usize; 4] = [0, 1, 1, 1];
const SINCE: &str = "2026-10-29";

fn synced() -> &'static Synced {
    static SYNCED: OnceLock<Synced> = OnceLock::new();
    SYNCED.get_or_init(|| {
        let place = Place::new();
        let mut scripts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let rows = [false, true].map(|is_later| {
            let server = Server::start(|options| {
                options.world.participants = if is_later { 110 } else { 120 };
                options.world.per_session = 10;
                options.world.days = 6;
                options.world.messy = is_later;
                options.world.peer_events = if is_later { 3 } else { 5 };
                options.samples = if is_later { 7 } else { 8 };
                options.stats_shape = StatsShape::New;
                if !is_later {
                    options.faults = faults(&["match /participants 3: 503"]);
                }
            });
            let sync = place.rtk("sync --filters all --from 2026-10-26 --retries 0 -o").arg(NAME);
            sync.against(&server).ends(if is_later { 0 } else { 3 });
            for (dialect, from) in DIALECTS {
                let made = scripts.entry(dialect).or_default();
                let asked = if is_later { vec!["load", "all", "all --since"] } else { vec!["all"] };
                for asked in asked {
                    let since = if asked.ends_with("--since") { SINCE } else { "" };
                    let location = if from.is_empty() { directory_of(&place) } else { from.to_owned() };
                    let command =
                        format!("schema --dialect {dialect} --statements {asked} {since} --dataset");
                    let script = place.rtk(&command).arg(NAME).arg("--from").arg(&location).ends(0).stdout;
                    made.push(place.write(&format!("{dialect}-{}.sql", made.len()), script));
                }
            }
            let dataset = Dataset::read(&place.path(NAME));
            let all = flat(&place, &dataset, usize::from(is_later), "");
            flat(&place, &dataset, 2, SINCE);
            read("pyarrow", &all)
        });
        symlink(NAME, place.path("ds")).unwrap();
        Synced { place, rows, scripts }
    })
}

fn directory_of(place: &Place) -> String {
    place.path(NAME).to_str().unwrap().to_owned()
}

/// The current files as an export has them.
fn flat(place: &Place, dataset: &Dataset, number: usize, since: &str) -> PathBuf {
    let dir = place.path(&format!("current-{number}"));
    let of_days = dataset.files().into_iter().filter(|file| file.day.as_str() >= since);
    for (number, file) in of_days.enumerate() {
        let folder = dir.join(&file.table);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(place.path(NAME).join(&file.path), folder.join(format!("part-{number:05}.parquet")))
            .unwrap();
    }
    dir
}

/// The tables of the dataset.
fn tables() -> impl Iterator<Item = Table> {
    Table::ALL.into_iter().filter(|table| !matches!(table, Table::IdList | Table::Labels))
}

/// The rows after a generation was loaded: its own, and of the first those of sessions that it has not.
fn expected(table: Table, generation: usize) -> TextRows {
    let [first, second] = &synced().rows;
    if generation == 0 {
        return first[table.name()].rows.clone();
    }
    let ids = |seen: &Seen| -> Vec<Option<String>> {
        let at = seen.columns.iter().position(|(column, _)| column == "session_id").unwrap();
        seen.rows.iter().map(|row| row[at].clone()).collect()
    };
    let replaced: BTreeSet<_> = ids(&second["sessions"]).into_iter().collect();
    let first = &first[table.name()];
    let stays =
        first.rows.iter().zip(ids(first)).filter(|(_, id)| !replaced.contains(id)).map(|(row, _)| row);
    stays.chain(&second[table.name()].rows).cloned().collect()
}

fn arrives(dialect: &str) {
    let Synced { place, scripts, rows, .. } = synced();
    let columns: BTreeMap<_, Vec<_>> = tables()
        .map(|table| (table.name(), table.columns().iter().map(|column| column.name).collect()))
        .collect();
    // What is staged where a script is only parsed.
    let exports = ["current-0", "current-1", "current-1", "current-2"].map(|name| place.path(name));
    let task = json!({ "scripts": scripts[dialect], "exports": exports, "columns": columns });
    let after = ask_warehouse(dialect, &place.write(&format!("{dialect}.json"), task.to_string()));
    assert_eq!(after.len(), LOADS.len());
    for (number, (found, generation)) in after.iter().zip(LOADS).enumerate() {
        for table in tables() {
            let order = rows[0][table.name()].columns.iter().map(|(name, _)| name.as_str());
            assert!(order.eq(table.columns().iter().map(|column| column.name)));
            let mut expected = expected(table, generation);
            expected.sort();
            assert_eq!(found[table.name()].len(), expected.len(), "{dialect}, {}, {number}", table.name());
            assert_eq!(found[table.name()], expected, "{dialect}, {}, {number}", table.name());
        }
    }
}

#[test]
fn what_is_loaded_is_worth_comparing() {
    let Synced { place, rows: [first, second], .. } = synced();
    let keys = |seen: &Seen, width: usize| -> BTreeSet<_> {
        seen.rows.iter().map(|row| row[..width].to_vec()).collect()
    };
    for (table, width) in [(Table::Participants, 2), (Table::PeerEvents, 3)] {
        let after = keys(&Seen { rows: expected(table, 1), ..first[table.name()].clone() }, width);
        let [first, second] = [first, second].map(|seen| keys(&seen[table.name()], width));
        let gone = first.difference(&after).count();
        let changed = first.intersection(&second).count();
        assert!(gone > 0 && changed > 0, "of {} {gone} are gone, {changed} come again", table.name());
    }
    assert_eq!((first["failures"].rows.len(), second["failures"].rows.len()), (1, 0));
    for table in tables().filter(|table| *table != Table::Failures) {
        assert!(!second[table.name()].rows.is_empty(), "{} has no rows", table.name());
    }
    let files = Dataset::in_folders(&place.path(NAME));
    assert!(files.len() > Dataset::read(&place.path(NAME)).paths().len(), "nothing was retired");
    let since = [1, 2]
        .map(|number| read("pyarrow", &place.path(&format!("current-{number}")))["sessions"].rows.len());
    assert!(since[1] > 0 && since[1] < since[0], "{since:?}");
}

#[test]
fn duckdb() {
    arrives("duckdb");
}

#[test]
fn clickhouse() {
    arrives("clickhouse");
}

/// Not Snowflake: fakesnow, which stands in for it.
#[test]
fn snowflake() {
    arrives("snowflake");
}

/// Parsed as their own; what replaces rows is run by `DuckDB`.
#[test]
fn bigquery_redshift_and_databricks() {
    for dialect in ["bigquery", "redshift", "databricks"] {
        arrives(dialect);
    }
}

/// The scripts name the files that the commit names, each once, and no other.
#[test]
fn a_script_names_the_current_files() {
    let Synced { place, scripts, .. } = synced();
    let dataset = Dataset::read(&place.path(NAME));
    let paths: Vec<_> = dataset.files().into_iter().map(|file| (file.day, file.path)).collect();
    for (dialect, _) in DIALECTS {
        for (number, since) in [(2, ""), (3, SINCE)] {
            let script = std::fs::read_to_string(&scripts[dialect][number]).unwrap();
            for (day, path) in &paths {
                let (table, rest) = path.split_once('/').unwrap();
                let named = if dialect == "databricks" { rest } else { path };
                let times = if dialect == "databricks" {
                    let view = script.split(&format!("VIEW rtk_export_staged_{table} AS")).nth(1).unwrap();
                    view.split(";\n").next().unwrap().matches(named).count()
                } else {
                    script.matches(named).count()
                };
                assert_eq!(times, usize::from(day.as_str() >= since), "{path} in {dialect}-{number}");
            }
            let files = script.matches(".parquet").count();
            let meant = paths.iter().filter(|(day, _)| day.as_str() >= since).count();
            assert_eq!(files, meant, "{dialect}-{number}");
        }
    }
}

/// A script that outlived its files changes nothing.
#[test]
fn a_script_whose_files_are_gone_fails() {
    let Synced { place: synced, .. } = synced();
    let dataset = Dataset::read(&synced.path(NAME)).paths();
    let lost = dataset.iter().find(|path| path.starts_with("participants/")).unwrap();
    for (dialect, load, ask) in [
        ("duckdb", "duckdb -bail db -f", "duckdb db -csv -c"),
        ("clickhouse", "clickhouse-client --queries-file", "clickhouse-client --query"),
    ] {
        let place = Place::new();
        let shell = format!(
            r#"
            cp -r "{}" ds
            rtk-export schema --dialect {dialect} --dataset ds >load.sql
            rows() {{ {ask} 'SELECT session_id, participant_id FROM participants ORDER BY ALL'; }}
            {load} load.sql >&2
            rows >before
            rm "ds/{lost}"
            if {load} load.sql >&2; then echo loaded; fi
            rows >after
            cmp before after
            wc -l <before
            "#,
            synced.path(NAME).display(),
        );
        let shell = place.write("gone.sh", shell);
        let shown = place.shell(&with_client(dialect, &shell)).ends(0).stdout;
        let rows = shown.trim().parse::<usize>();
        assert!(rows.is_ok_and(|rows| rows > 100), "{dialect}: {shown}");
    }
}

/// What cannot be loaded is refused, and what does instead is said.
#[test]
fn what_cannot_be_loaded_is_refused() {
    let place = &synced().place;
    for (dialect, instead) in [
        ("postgres", "rtk-export query DIR"),
        ("trino", "rtk-export vacuum DIR"),
        ("spark", "rtk-export files DIR"),
    ] {
        let refused = place.rtk(&format!("schema --dialect {dialect} --dataset")).arg(NAME).ends(2);
        refused.says(&["cannot load a dataset: ", instead]);
    }
    // Where it is, BigQuery does not see it.
    place
        .rtk("schema --dialect bigquery --dataset")
        .arg(NAME)
        .ends(2)
        .says(&["--from takes gs://bucket/path"]);
    let no_date = place.rtk("schema --dialect duckdb --since yesterday --dataset").arg(NAME).ends(2);
    no_date.says(&["--since", "yesterday", "2026-10-"]);
    place.rtk("schema --dialect duckdb --dataset nowhere").ends(2).says(&["nowhere"]);
    let no_table = place.rtk("schema --dialect duckdb labels --dataset").arg(NAME).ends(2);
    no_table.says(&["the dataset has no table labels", "it has participants, peer_events"]);
    place.rtk("schema --dataset").arg(NAME).ends(2);
    place.rtk("schema --dialect duckdb --since 2026-10-01").ends(2);
    place.rtk("schema --dialect duckdb --call-statistics --dataset").arg(NAME).ends(2);
}

#[test]
fn a_script_for_a_dataset_has_what_was_asked_for() {
    let place = &synced().place;
    let script =
        |args: &str| place.rtk(&format!("schema --dialect duckdb {args} --dataset")).arg(NAME).ends(0).stdout;
    let some = script("peer_events");
    assert!(
        some.contains("INSERT OR REPLACE INTO peer_events") && some.contains("TABLE IF NOT EXISTS sessions")
    );
    assert!(some.contains("INSERT OR REPLACE INTO sessions") && !some.contains("participants ("));
    // By default it is where it was read, and as it was typed.
    assert!(some.contains("'ds it''s/peer_events/session_date=2026-10-"), "{some}");
    let nothing = script("--since 2026-12-01 --statements load");
    assert!(nothing.contains("SELECT 'nothing to load'") && !nothing.contains("DELETE"), "{nothing}");
    assert!(!script("--statements create").contains("read_parquet"));
}

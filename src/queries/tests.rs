//! The shipped queries are the repository's; a user's own are checked before anything else is done.

use super::*;
use crate::error::Class;
use crate::tables::schema::Table;

/// A directory of `.sql` files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

async fn refused(files: &[(&str, &str)]) -> Error {
    let dir = directory(files);
    let error = rollups(Some(dir.path())).await.unwrap_err();
    assert_eq!(error.class(), Class::Usage, "{error}");
    error
}

#[test]
fn every_file_of_the_repository_is_shipped() {
    for folder in Folder::ALL {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries").join(folder.name());
        let files: BTreeSet<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let shipped: Vec<_> = folder.queries().iter().map(|query| query.name.clone().into_owned()).collect();
        assert_eq!(shipped, files.into_iter().collect::<Vec<_>>());
        for query in folder.queries() {
            assert!(is_name(&query.name), "{}", query.name);
            assert_eq!(super::shipped(&format!("{}/{}", folder.name(), query.name)), Some(query));
        }
    }
    for name in ["rollups/none", "minutes_by_day", "", "/", "checks/../rollups/minutes_by_day"] {
        assert_eq!(super::shipped(name), None);
    }
}

/// Grain, unit, and the tables that it names are those that it reads.
#[test]
fn every_header_says_what_the_query_is() {
    for query in Folder::ALL.into_iter().flat_map(Folder::queries) {
        let (header, body): (Vec<_>, Vec<_>) = query.sql.lines().partition(|line| line.starts_with("--"));
        let header = header.join("\n");
        assert!(!query.title().is_empty());
        assert!(header.contains("-- Grain: one row for each"), "{}", query.name);
        assert!(header.contains("Unit"), "{}", query.name);
        let reads = header.lines().find_map(|line| line.strip_prefix("-- Reads: ")).unwrap();
        let named: BTreeSet<_> = reads.trim_end_matches('.').split(", ").collect();
        let body = body.join(" ");
        let words: Vec<_> = body.split_whitespace().collect();
        let read: BTreeSet<_> = words
            .windows(2)
            .filter(|pair| ["FROM", "JOIN"].contains(&pair[0]) && pair[1] != "(")
            .map(|pair| pair[1])
            .collect();
        assert_eq!(named, read, "{}", query.name);
        assert!(read.iter().all(|name| Table::ALL.iter().any(|table| table.name() == *name)));
        // What not every engine reads the same way.
        for word in ["\"", "AT TIME ZONE", "VARCHAR", "::"] {
            assert!(!body.contains(word), "{word} in {}", query.name);
        }
        assert!(body.contains("ORDER BY") && query.sql.ends_with('\n'), "{}", query.name);
    }
}

#[tokio::test]
async fn own_queries_come_after_the_shipped_ones() {
    let dir = directory(&[
        ("b.sql", "SELECT COUNT(*) AS rows FROM labels"),
        ("a_2.sql", "SELECT session_id FROM participants -- no more"),
        ("notes.txt", "not SQL"),
    ]);
    fs::create_dir(dir.path().join("folder")).unwrap();
    let queries = rollups(Some(dir.path())).await.unwrap();
    let names: Vec<_> = queries[ROLLUPS.len()..].iter().map(|query| query.name.as_ref()).collect();
    assert_eq!(names, ["a_2", "b"]);
    assert_eq!(rollups(None).await.unwrap(), ROLLUPS);
}

#[tokio::test]
async fn an_own_query_is_refused_before_anything_is_fetched() {
    let error = refused(&[("mine.sql", "SELECT name\n  FROM labels\n WHERE valeu = 'x'")]).await;
    assert!(error.to_string().contains("mine.sql, line 3,"), "{error}");
    let error = refused(&[("mine.sql", "DROP TABLE labels")]).await;
    assert!(matches!(error, Error::SqlNotReading { .. }), "{error}");
    let error = refused(&[("mine.sql", "SELECT 1 AS x, 2 AS \"X\"")]).await;
    assert!(error.to_string().ends_with("two of its columns have the same name"), "{error}");
    let error = refused(&[("mine.sql", "SELECT $day")]).await;
    assert!(error.to_string().contains("it needs $day"), "{error}");
    let error = refused(&[("minutes_by_day.sql", "SELECT 1")]).await;
    assert!(error.to_string().ends_with("a rollup that comes with rtk-export has this name"), "{error}");
    for name in ["Mine.sql", "1.sql", "a b.sql", "..sql", "a.b.sql", "é.sql"] {
        let error = refused(&[(name, "SELECT 1")]).await;
        assert!(matches!(error, Error::QueryFile { .. }), "{name}: {error}");
    }
    let error = refused(&[("notes.txt", "SELECT 1")]).await;
    assert!(matches!(error, Error::NoQueries { .. }), "{error}");
    let missing = rollups(Some(Path::new("no such directory"))).await.unwrap_err();
    assert!(matches!(missing, Error::QueriesUnreadable { .. }), "{missing}");
}

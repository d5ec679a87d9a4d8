//! What an output is taken for, by what lies in it.

use super::*;
use crate::config::{Format, PlaceConfig, Rollups};
use crate::log::{Head, Lists, examples};

fn settings(app: &str) -> Settings {
    Settings { app_id: app.into(), ..examples::settings() }
}

fn config(dir: &Path, start: StartMode) -> OutputConfig {
    OutputConfig {
        place: PlaceConfig::Local(dir.to_owned()),
        state_dir: None,
        start,
        keep_log: KeepLog::Always,
        format: Format::Parquet,
        rollups: Rollups::Made,
        queries: None,
        on_warning: crate::config::OnWarning::Publish,
    }
}

/// Opens an output that nobody holds any more. A child process that another test starts has our files, and so
/// their locks, for the moment before it runs its program.
fn opened(config: &OutputConfig, settings: &Settings) -> Result<Output> {
    loop {
        let dir = config.place.local().unwrap();
        match open(dir, config, settings) {
            Err(Error::OutputBusy { .. }) => std::thread::yield_now(),
            opened => return opened,
        }
    }
}

/// Begins an export as far as its list rows.
fn begin(log: &mut LogWriter, export_id: &str, refresh: bool) {
    let head = Head { export_id: export_id.into(), refresh, ..examples::head() };
    log.begin(&head).unwrap();
    log.end_rows(&Lists { lists: Vec::new(), digest: String::new() }).unwrap();
}

/// Leaves a manifest as a complete export has it.
fn finish(dir: &Path, export_id: &str) {
    let manifest = serde_json::json!({
        "schema_version": crate::tables::schema::SCHEMA_VERSION,
        "tool": {"name": "rtk-export", "version": "0"},
        "export_id": export_id,
        "started_at": "2026-11-23T00:00:00.000000Z",
        "finished_at": "2026-11-23T00:00:00.000000Z",
        "source": {"lists": [], "since": null, "until": null},
        "api": {"base_url": "", "account_id": "", "app_id": "", "filters": []},
        "requests": {"sent": 0, "ok": 0, "retried": 0, "rate_limited": 0, "saved_by_listing": 0},
        "tables": [],
        "totals": {"participants": 0, "peer_events": 0, "duration_minutes": null, "minutes_consumed": null},
        "failures": {"total": 0, "by_reason": {}},
        "warnings": [],
    });
    fs::write(dir.join(manifest::FILE_NAME), manifest.to_string()).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_new_output_is_made_and_taken_back() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a/b");
    let Output::New(log, place) = opened(&config(&dir, StartMode::Resume), &settings("app")).unwrap() else {
        panic!("not new")
    };
    assert_eq!(names(&dir.join(STATE_DIR)), ["lock", log::FILE_NAME]);
    place.abandon(&log);
    drop(log);
    assert_eq!(names(parent.path()), [""; 0]);
    // So is one that is refused, and one whose log is elsewhere.
    let mut elsewhere = config(&dir, StartMode::Resume);
    elsewhere.state_dir = Some(parent.path().join("state"));
    let Output::New(mut log, place) = opened(&elsewhere, &settings("app")).unwrap() else {
        panic!("not new")
    };
    assert_eq!(names(&dir.join(STATE_DIR)), ["lock"]);
    begin(&mut log, "first", false);
    drop((log, place));
    assert_eq!(names(&dir), [""; 0]);
    fs::remove_dir_all(parent.path().join("a")).unwrap();
    let refused = opened(&elsewhere, &settings("other")).unwrap_err();
    assert!(matches!(refused, Error::OutputOfAnotherExport { .. }), "{refused}");
    assert_eq!(names(parent.path()), ["state"]);
}

#[test]
fn one_process_at_a_time_has_an_output_wherever_its_logs_are() {
    let parent = tempfile::tempdir().unwrap();
    let at = |start, state: &str| {
        let state_dir = Some(parent.path().join(state));
        OutputConfig { state_dir, ..config(&parent.path().join("out"), start) }
    };
    let resume = at(StartMode::Resume, "one");
    let Output::New(log, place) = opened(&resume, &settings("app")).unwrap() else { panic!("not new") };
    for start in [StartMode::Resume, StartMode::Refresh] {
        assert!(matches!(
            open(&parent.path().join("out"), &at(start, "other"), &settings("app")),
            Err(Error::OutputBusy { .. })
        ));
    }
    drop((log, place));
    assert!(matches!(opened(&at(StartMode::Resume, "other"), &settings("app")), Ok(Output::New(..))));
}

#[test]
fn nothing_of_an_earlier_process_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let (resume, refresh) = (config(dir.path(), StartMode::Resume), config(dir.path(), StartMode::Refresh));
    let Output::New(mut log, place) = opened(&resume, &settings("app")).unwrap() else { panic!("not new") };
    begin(&mut log, "first", false);
    drop((log, place));
    let path = dir.path().join(STATE_DIR).join(log::FILE_NAME);
    let before = fs::read(&path).unwrap();
    // Neither what it could go on with, nor what it cannot read.
    for bytes in [&before[..], b"of another program"] {
        fs::write(&path, bytes).unwrap();
        let Output::New(log, place) = opened(&refresh, &settings("app")).unwrap() else { panic!("not new") };
        place.abandon(&log);
        drop((log, place));
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    let Output::New(mut log, place) = opened(&refresh, &settings("app")).unwrap() else { panic!("not new") };
    begin(&mut log, "second", true);
    place.abandon(&log);
    assert!(!path.exists(), "what it began itself is");
}

#[test]
fn a_half_made_refresh_that_cannot_be_read_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let (resume, refresh) = (config(dir.path(), StartMode::Resume), config(dir.path(), StartMode::Refresh));
    let Output::New(mut log, place) = opened(&resume, &settings("app")).unwrap() else { panic!("not new") };
    begin(&mut log, "first", false);
    drop((log, place));
    finish(dir.path(), "first");
    let next = dir.path().join(STATE_DIR).join(NEXT_LOG);
    fs::write(&next, "of another version").unwrap();
    assert!(matches!(opened(&resume, &settings("app")), Err(Error::OutputFinished { .. })));
    assert!(matches!(opened(&refresh, &settings("app")), Ok(Output::New(..))));
    assert_eq!(fs::read(&next).unwrap(), b"of another version", "not before the new one is begun");
}

#[test]
fn only_its_own_log_is_deleted_with_a_finished_export() {
    let dir = tempfile::tempdir().unwrap();
    let never = OutputConfig { keep_log: KeepLog::Never, ..config(dir.path(), StartMode::Resume) };
    let Output::New(mut log, place) = opened(&never, &settings("app")).unwrap() else { panic!("not new") };
    begin(&mut log, "first", false);
    drop((log, place));
    finish(dir.path(), "another");
    assert!(matches!(opened(&never, &settings("app")), Err(Error::OutputFinished { .. })));
    assert_eq!(names(&dir.path().join(STATE_DIR)), [log::FILE_NAME]);
    // A run was killed before it could.
    finish(dir.path(), "first");
    assert!(matches!(opened(&never, &settings("app")), Err(Error::OutputFinished { .. })));
    assert_eq!(names(dir.path()), [manifest::FILE_NAME]);
}

#[test]
fn a_directory_with_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.docx"), "years").unwrap();
    let refused = opened(&config(dir.path(), StartMode::Resume), &settings("app")).unwrap_err();
    assert!(matches!(&refused, Error::OutputForeign { found, .. } if found == "thesis.docx"), "{refused}");
    assert_eq!(names(dir.path()), ["thesis.docx"]);
    assert!(matches!(opened(&config(dir.path(), StartMode::Refresh), &settings("app")), Ok(Output::New(..))));
}

#[test]
fn an_unfinished_export_goes_on_under_the_same_settings_only() {
    let dir = tempfile::tempdir().unwrap();
    let resume = config(dir.path(), StartMode::Resume);
    let Output::New(mut log, _) = opened(&resume, &settings("app")).unwrap() else { panic!("not new") };
    begin(&mut log, "first", false);
    assert!(matches!(open(dir.path(), &resume, &settings("app")), Err(Error::OutputBusy { .. })));
    drop(log);
    let refused = opened(&resume, &settings("other")).unwrap_err();
    let names = |error: &Error| match error {
        Error::OutputOfAnotherExport { differences, .. } => differences.clone(),
        other => panic!("{other}"),
    };
    assert_eq!(names(&refused), ["--app-id"]);
    assert!(matches!(opened(&resume, &settings("app")), Ok(Output::Begun(..))));
    // --refresh begins anew what it did not begin itself.
    let refresh = config(dir.path(), StartMode::Refresh);
    let Output::New(mut log, _) = opened(&refresh, &settings("app")).unwrap() else { panic!("not new") };
    begin(&mut log, "second", true);
    drop(log);
    assert!(matches!(opened(&refresh, &settings("app")), Ok(Output::Begun(..))));
    assert!(matches!(opened(&refresh, &settings("other")), Ok(Output::New(..))));
}

#[test]
fn a_finished_export_stays_until_its_replacement_is_complete() {
    let dir = tempfile::tempdir().unwrap();
    let (resume, refresh) = (config(dir.path(), StartMode::Resume), config(dir.path(), StartMode::Refresh));
    let state = dir.path().join(STATE_DIR);
    let Output::New(mut log, _) = opened(&resume, &settings("app")).unwrap() else { panic!("not new") };
    begin(&mut log, "first", false);
    drop(log);
    finish(dir.path(), "first");
    assert!(matches!(opened(&resume, &settings("app")), Err(Error::OutputFinished { .. })));

    let Output::New(mut log, place) = opened(&refresh, &settings("app")).unwrap() else { panic!("not new") };
    begin(&mut log, "second", true);
    let final_log = place.final_log().to_owned();
    drop((log, place));
    let export_id =
        |name: &str| Log::open(&state.join(name), true).unwrap().unwrap().head().export_id.clone();
    assert_eq!((export_id(log::FILE_NAME), export_id(NEXT_LOG)), ("first".into(), "second".into()));
    // Interrupted, it goes on with its own log.
    assert!(matches!(opened(&refresh, &settings("app")), Ok(Output::Begun(..))));

    // Killed between the manifest and the log: the next start puts the log in place.
    finish(dir.path(), "second");
    assert!(matches!(opened(&resume, &settings("app")), Err(Error::OutputFinished { .. })));
    assert_eq!(names(&state), [log::FILE_NAME]);
    assert_eq!(export_id(log::FILE_NAME), "second");
    assert_eq!(final_log, state.join(log::FILE_NAME));
}

#[test]
fn a_refresh_killed_without_a_manifest_goes_on_with_its_own_log() {
    let dir = tempfile::tempdir().unwrap();
    let refresh = config(dir.path(), StartMode::Refresh);
    let resume = config(dir.path(), StartMode::Resume);
    let Output::New(mut log, _) = opened(&resume, &settings("app")).unwrap() else { panic!("not new") };
    begin(&mut log, "first", false);
    drop(log);
    finish(dir.path(), "first");
    let Output::New(mut log, _) = opened(&refresh, &settings("app")).unwrap() else { panic!("not new") };
    begin(&mut log, "second", true);
    drop(log);
    // The swap had retired the old manifest.
    fs::remove_file(dir.path().join(manifest::FILE_NAME)).unwrap();
    let Output::Begun(_, _, begun) = opened(&refresh, &settings("app")).unwrap() else { panic!("not begun") };
    assert_eq!(begun.head().export_id, "second");
}

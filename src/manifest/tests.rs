//! The text of a manifest, and what is refused.

use super::*;

/// A manifest with something in every field.
fn example() -> Manifest {
    let time = |text: &str| Time::try_from(text.to_owned()).unwrap();
    let staged = |table: &str, part: usize| StagedFile {
        table: table.to_owned(),
        path: format!("{table}/part-{part:05}.parquet"),
        staged: "/tmp/staged".into(),
        rows: 2,
        bytes: 100,
        sha256: "ab".repeat(32),
    };
    Manifest {
        schema_version: SCHEMA_VERSION,
        tool: Tool { version: "1.2.3".to_owned(), ..Tool::this() },
        export_id: "0198f1a2".to_owned(),
        started_at: time("2026-11-22T11:51:28.102+01:00"),
        finished_at: time("2026-11-22T10:52:00Z"),
        source: Source {
            lists: vec![SourceList { path: "list.csv".to_owned(), rows: 4, sha256: "cd".repeat(32) }],
            since: Some(time("2026-11-01T00:00:00Z")),
            until: None,
        },
        api: Api { filters: vec!["events".to_owned()], ..Api::default() },
        requests: Requests { sent: 5, ok: 4, retried: 1, rate_limited: 1, saved_by_listing: 0 },
        tables: TableFiles::of(&[staged("participants", 0), staged("participants", 1), staged("labels", 0)]),
        totals: Totals {
            participants: 4,
            peer_events: 0,
            duration_minutes: Some(MinutesTotal::from_units(-41_266_666_667)),
            minutes_consumed: None,
        },
        failures: Failures { total: 1, by_reason: [("not_found".to_owned(), 1)].into() },
        warnings: vec![Warning { code: "minutes_rounded".to_owned(), count: 2, example: None }],
    }
}

#[test]
fn text() {
    let json = example().to_json().unwrap();
    assert!(json.ends_with("}\n"));
    insta::assert_snapshot!(json, @r#"
    {
      "schema_version": 1,
      "tool": {
        "name": "rtk-export",
        "version": "1.2.3"
      },
      "export_id": "0198f1a2",
      "started_at": "2026-11-22T10:51:28.102000Z",
      "finished_at": "2026-11-22T10:52:00.000000Z",
      "source": {
        "lists": [
          {
            "path": "list.csv",
            "rows": 4,
            "sha256": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
          }
        ],
        "since": "2026-11-01T00:00:00.000000Z",
        "until": null
      },
      "api": {
        "base_url": "",
        "account_id": "",
        "app_id": "",
        "filters": [
          "events"
        ]
      },
      "requests": {
        "sent": 5,
        "ok": 4,
        "retried": 1,
        "rate_limited": 1,
        "saved_by_listing": 0
      },
      "tables": [
        {
          "name": "participants",
          "rows": 4,
          "files": [
            {
              "path": "participants/part-00000.parquet",
              "rows": 2,
              "bytes": 100,
              "sha256": "abababababababababababababababababababababababababababababababab"
            },
            {
              "path": "participants/part-00001.parquet",
              "rows": 2,
              "bytes": 100,
              "sha256": "abababababababababababababababababababababababababababababababab"
            }
          ]
        },
        {
          "name": "labels",
          "rows": 2,
          "files": [
            {
              "path": "labels/part-00000.parquet",
              "rows": 2,
              "bytes": 100,
              "sha256": "abababababababababababababababababababababababababababababababab"
            }
          ]
        }
      ],
      "totals": {
        "participants": 4,
        "peer_events": 0,
        "duration_minutes": "-41.266666667",
        "minutes_consumed": null
      },
      "failures": {
        "total": 1,
        "by_reason": {
          "not_found": 1
        }
      },
      "warnings": [
        {
          "code": "minutes_rounded",
          "count": 2,
          "example": null
        }
      ]
    }
    "#);
}

#[test]
fn round_trips() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), example().to_json().unwrap()).unwrap();
    assert_eq!(Manifest::read(file.path()).unwrap(), example());
}

#[test]
fn another_version_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "{\"schema_version\": 99, \"tables\": 7}").unwrap();
    let error = Manifest::read(file.path()).unwrap_err();
    assert!(matches!(error, Error::SchemaVersion { found: 99, .. }), "{error}");
    fs::write(file.path(), "{}").unwrap();
    assert!(matches!(Manifest::read(file.path()), Err(Error::Manifest { .. })));
}

#[test]
fn minutes_are_read_as_written() {
    let most = 10_i128.pow(38) - 1;
    for units in [0, 1, -1, 999_999_999, -1_500_000_000, most, -most] {
        let minutes = MinutesTotal::from_units(units);
        assert_eq!(minutes.to_string().parse(), Ok(minutes));
    }
    for text in ["", "1", "1.5", ".000000000", "+1.000000000", "--1.000000000", "1.00000000x"] {
        assert_eq!(text.parse::<MinutesTotal>(), Err(NotMinutes), "{text}");
    }
}

//! A log's first line, as tests begin with it.

use super::{Head, Settings, TypedWindow};

pub(crate) fn settings() -> Settings {
    Settings {
        account_id: "account".into(),
        app_id: "app".into(),
        base_url: "http://127.0.0.1/".into(),
        window: TypedWindow::default(),
        fetch: "auto".into(),
        filters: Vec::new(),
        stats_from: "auto".into(),
        peer_events: true,
        format: "parquet".into(),
        excel: false,
        dataset: None,
    }
}

pub(crate) fn head() -> Head {
    Head {
        export_id: "01900000-0000-7000-8000-000000000000".into(),
        tool_version: "0.1.0".into(),
        started_at: "2026-11-23T00:00:00Z".into(),
        refresh: false,
        after: None,
        asked_at: None,
        window: None,
        settings: settings(),
    }
}

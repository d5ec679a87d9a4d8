//! Every setting once: its name, its variable, its default and what a right value looks like.
//!
//! In: nothing. Out: one [`Setting`] a flag; the names of all environment variables read.
//! Guarantees: a default is text and is parsed like any other value; no other file names a variable.
//! Not here: reading them (`sources`), what they mean (`values`).

/// One thing that can be set, by flag, variable or key of the configuration file.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// The long flag without its dashes; also the key in the file, with hyphens or underscores.
    pub name: &'static str,
    /// The environment variable, where there is one.
    pub variable: Option<&'static str>,
    /// The value where none is given.
    pub default: Option<&'static str>,
    /// What a value is, with an example, to follow "is not".
    pub expected: &'static str,
    /// What a configuration file may hold for it beside text.
    pub kind: Kind,
}

/// What a value is written as in TOML, other than as text, which it always may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text only.
    Text,
    /// `true` or `false`.
    Truth,
    /// An integer.
    Number,
    /// A date or a time.
    Time,
}

/// The token itself, where its flag names a file.
pub const API_TOKEN_VARIABLE: &str = "CLOUDFLARE_API_TOKEN";
/// The health URL itself, where its flag names a file: whoever has it can use it.
pub const HEALTH_URL_VARIABLE: &str = "RTK_EXPORT_HEALTH_URL";
/// What a collector wants to be sent in headers (OpenTelemetry's own variable): there may be secrets in it.
pub const OTLP_HEADERS_VARIABLE: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// The configuration file, where `--config` is not given.
pub const CONFIG_VARIABLE: &str = "RTK_EXPORT_CONFIG";
/// The profile of the configuration file, where `--profile` is not given.
pub const PROFILE_VARIABLE: &str = "RTK_EXPORT_PROFILE";
/// No colour where it is set and not empty (no-color.org).
pub const NO_COLOR_VARIABLE: &str = "NO_COLOR";
/// The user's directory for state (XDG base directory specification).
pub const STATE_HOME_VARIABLE: &str = "XDG_STATE_HOME";
/// The user's directory.
pub const HOME_VARIABLE: &str = "HOME";
/// `dumb` for a terminal that knows no colour.
pub const TERM_VARIABLE: &str = "TERM";

const TRUE_OR_FALSE: &str = "true or false";
const AN_ID: &str = "an id: 1 to 64 characters, none of them blank or a control character";
const A_TIME: &str = "a time: RFC 3339 with its zone, such as 2026-11-22T00:00:00Z, a date such as 2026-11-22 \
                      (its midnight UTC), now, today, yesterday, or how long ago, such as 7d or 12h";
const A_DATE: &str = "a date, such as 2026-10-01: whole days are replaced";
const A_DIRECTORY: &str = "a directory, such as ./export";

/// A setting without a variable.
const fn setting(name: &'static str, default: Option<&'static str>, expected: &'static str) -> Setting {
    Setting { name, variable: None, default, expected, kind: Kind::Text }
}

/// A setting that is on or off, and off by default.
const fn switch(name: &'static str) -> Setting {
    setting(name, Some("false"), TRUE_OR_FALSE).written_as(Kind::Truth)
}

/// Settings with all that sets them, for a message.
#[must_use]
pub fn listed(settings: &[&Setting]) -> String {
    let listed = settings.iter().map(|setting| match setting.variable {
        Some(variable) => format!("--{} or {variable}", setting.name),
        None => format!("--{}", setting.name),
    });
    listed.collect::<Vec<_>>().join("; ")
}

/// Settings as keys of a file, with all else that sets them, for a message.
#[must_use]
pub fn listed_keys(settings: &[&Setting]) -> String {
    let listed = settings.iter().map(|setting| {
        let other = if **setting == API_TOKEN_FILE { " or api-token-command" } else { "" };
        format!("{}{other} ({})", setting.name, listed(&[setting]))
    });
    listed.collect::<Vec<_>>().join("; ")
}

impl Setting {
    /// The same setting, which a variable sets too.
    const fn or_variable(self, variable: &'static str) -> Self {
        Self { variable: Some(variable), ..self }
    }

    /// The same setting, which a file may hold in another form than text.
    const fn written_as(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}

/// `--account-id`
pub static ACCOUNT_ID: Setting = setting("account-id", None, AN_ID).or_variable("CLOUDFLARE_ACCOUNT_ID");
/// `--app-id`
pub static APP_ID: Setting = setting("app-id", None, AN_ID).or_variable("REALTIMEKIT_APP_ID");
/// `--api-token-file`
pub static API_TOKEN_FILE: Setting =
    setting("api-token-file", None, "a file that holds an API token").or_variable(API_TOKEN_VARIABLE);
/// A command that prints the token: a key of the configuration file only, in the place of `api-token-file`.
pub static API_TOKEN_COMMAND: Setting = setting(
    "api-token-command",
    None,
    "a command that prints an API token: a list of words, such as [\"pass\", \"show\", \"cloudflare\"], or a line \
     for the shell",
);
/// `--base-url`
pub static BASE_URL: Setting = setting(
    "base-url",
    Some("https://api.cloudflare.com/client/v4"),
    "an http or https URL without user name, query or fragment, such as https://api.cloudflare.com/client/v4",
)
.or_variable("CLOUDFLARE_BASE_URL");
/// `--sandbox`
pub static SANDBOX: Setting = switch("sandbox");
/// `--since`
pub static SINCE: Setting = setting("since", None, A_TIME).written_as(Kind::Time);
/// `--until`
pub static UNTIL: Setting = setting("until", None, A_TIME).written_as(Kind::Time);
/// `--meeting`
pub static MEETING: Setting = setting("meeting", None, AN_ID);
/// `--include-live`
pub static INCLUDE_LIVE: Setting = switch("include-live");
/// `--with-sessions`
pub static WITH_SESSIONS: Setting = switch("with-sessions");
/// `--filters`
pub static FILTERS: Setting = setting(
    "filters",
    Some("none"),
    "one of device_info, ip_information, precall_network_information, events and quality_stats, several of \
     them with commas, or all",
);
/// `--stats-from`
pub static STATS_FROM: Setting = setting("stats-from", Some("auto"), "auto, details or peer-report");
/// `--no-peer-events`
pub static NO_PEER_EVENTS: Setting = switch("no-peer-events");
/// `--no-rollups`
pub static NO_ROLLUPS: Setting = switch("no-rollups");
/// `--queries`
pub static QUERIES: Setting = setting("queries", None, A_DIRECTORY);
/// `--fetch`
pub static FETCH: Setting = setting("fetch", Some("auto"), "auto, detail or list");
/// `--rate`: the documented quota of a token, the stricter of the two that Cloudflare states.
pub static RATE: Setting = setting(
    "rate",
    Some("1200/5m"),
    "a number of requests per duration of at most a day, such as 1200/5m or 4/s",
)
.or_variable("RTK_EXPORT_RATE");
/// `--reserve`
pub static RESERVE: Setting =
    setting("reserve", Some("10%"), "a whole percentage from 0% to 99%, such as 10%")
        .written_as(Kind::Number);
/// `--concurrency`
pub static CONCURRENCY: Setting =
    setting("concurrency", Some("32"), "a number from 1 to 4096, such as 32").written_as(Kind::Number);
/// `--timeout`
pub static TIMEOUT: Setting =
    setting("timeout", Some("30s"), "a duration from 1ms to 1h with its unit, such as 500ms, 30s or 5m");
/// `--retries`
pub static RETRIES: Setting =
    setting("retries", Some("8"), "a number from 0 to 100, such as 8").written_as(Kind::Number);
/// `--max-failures`
pub static MAX_FAILURES: Setting =
    setting("max-failures", None, "a number of IDs, such as 1000").written_as(Kind::Number);
/// `--output`
pub static OUTPUT: Setting = setting(
    "output",
    None,
    "a directory, such as ./export, or a place in an object store, such as s3://bucket/export",
)
.or_variable("RTK_EXPORT_OUTPUT");
/// `--state-dir`
pub static STATE_DIR: Setting = setting("state-dir", None, A_DIRECTORY);
/// `--refresh`
pub static REFRESH: Setting = switch("refresh");
/// `--keep-log`
pub static KEEP_LOG: Setting = setting("keep-log", Some("always"), "always or never");
/// `--format`
pub static FORMAT: Setting = setting("format", Some("parquet"), "parquet or csv");
/// `--excel`
pub static EXCEL: Setting = switch("excel");
/// `--strict`
pub static STRICT: Setting = switch("strict");
/// `--deadline`
pub static DEADLINE: Setting = setting(
    "deadline",
    None,
    "a duration from 1s to 30days with its unit, such as 45m or 2h, or a time of RFC 3339 with its zone, such as \
     2026-11-23T05:30:00Z",
)
.or_variable("RTK_EXPORT_DEADLINE")
.written_as(Kind::Time);
/// `--summary-file`
pub static SUMMARY_FILE: Setting =
    setting("summary-file", None, "a file whose name ends in .json, such as nightly.json")
        .or_variable("RTK_EXPORT_SUMMARY_FILE");
/// `--metrics-file`
pub static METRICS_FILE: Setting =
    setting("metrics-file", None, "a file whose name ends in .prom, such as nightly.prom")
        .or_variable("RTK_EXPORT_METRICS_FILE");
/// `--health-url-file`
pub static HEALTH_URL_FILE: Setting =
    setting("health-url-file", None, "a file that holds an http or https URL")
        .or_variable(HEALTH_URL_VARIABLE);
/// `--otlp-endpoint`
pub static OTLP_ENDPOINT: Setting = setting(
    "otlp-endpoint",
    None,
    "an http or https URL without user, query and fragment, such as http://127.0.0.1:4318",
)
.or_variable("RTK_EXPORT_OTLP_ENDPOINT");
/// `--progress`
pub static PROGRESS: Setting = setting("progress", Some("auto"), "auto, always or never");
/// `--quiet`
pub static QUIET: Setting = switch("quiet");
/// `--verbose`
pub static VERBOSE: Setting = switch("verbose");
/// `--log-format`
pub static LOG_FORMAT: Setting = setting("log-format", Some("text"), "text or json");

/// `sync --from`, which is typed only.
pub static FROM: Setting = setting("from", None, A_DATE);
/// `sync --to`, which is typed only.
pub static TO: Setting = setting("to", None, A_DATE);
/// `sync --lookback`: what most records need to become final is a day or two.
pub static LOOKBACK: Setting =
    setting("lookback", Some("3d"), "a number of whole days up to 366d, such as 3d or 0d");
/// `sync --tz`: that of a dataset that is new, and of no other.
pub static DATASET_ZONE: Setting = setting("tz", None, "a time zone, such as Europe/Paris or UTC");
/// `sync --days-per-commit`: a month's tables are still a file a day, and a month's requests are lost time, not
/// lost replies, where a sync is given up.
pub static DAYS_PER_COMMIT: Setting =
    setting("days-per-commit", Some("31"), "a number of days from 1 to 366, such as 31")
        .written_as(Kind::Number);
/// `sync --wait-lock`
pub static WAIT_LOCK: Setting =
    setting("wait-lock", None, "true, false or a duration with its unit, such as 30m")
        .written_as(Kind::Truth);
/// `sync --accept-empty-days`
pub static ACCEPT_EMPTY_DAYS: Setting = switch("accept-empty-days");

/// `report --by`
pub static BY: Setting =
    setting("by", Some("day"), "a list of keys with commas between them, such as customer,day");
/// `report --minutes`: the kind whose meaning is known. It agrees with the vendor's own examples to the last
/// digit, and every participant has it, whatever else was exported.
pub static MINUTES: Setting = setting("minutes", Some("duration"), "duration, events or session");
/// `report --tz`
pub static TIME_ZONE: Setting = setting("tz", Some("UTC"), "a time zone, such as Europe/Paris or UTC");
/// `report --top`: what a person may still scroll through.
pub static TOP: Setting = setting("top", Some("1000"), "a number of rows from 1 to 100000, such as 20");
/// `report --price-list`
pub static PRICE_LIST: Setting = setting("price-list", None, "a file of prices, such as prices.toml");
/// `report --format`
pub static REPORT_FORMAT: Setting = setting("format", Some("text"), "text, csv, json, markdown or html");
/// `report --output`
pub static REPORT_OUTPUT: Setting = setting("output", None, "a file, such as usage.html");

/// `verify --minutes`: what the API calls minutes consumed, of sessions as of their participants' events.
pub static VERIFY_MINUTES: Setting = setting("minutes", Some("events"), "duration, events or session");
/// `verify --against`
pub static AGAINST: Setting = setting(
    "against",
    Some("sessions,daywise,usage"),
    "one of sessions, daywise and usage, or several of them with commas",
);

/// `--format` of `query`, which is typed only.
pub static QUERY_FORMAT: Setting = setting("format", None, "table, csv, jsonl or parquet");
/// `--param` of `query`, which is typed only.
pub static PARAM: Setting = setting("param", None, "NAME=VALUE, such as day=2026-11-22");

/// Those that `sync` has beside `run`'s: a configuration file may have them too, for both commands.
pub static SYNC: [&Setting; 5] = [&LOOKBACK, &DATASET_ZONE, &DAYS_PER_COMMIT, &WAIT_LOCK, &ACCEPT_EMPTY_DAYS];

/// Those of `run` that `sync` does not have.
pub static RUN_ONLY: [&Setting; 8] =
    [&SINCE, &UNTIL, &MEETING, &WITH_SESSIONS, &NO_ROLLUPS, &QUERIES, &FORMAT, &EXCEL];

/// Those of the main job, in the order of the help: the keys that a configuration file may have.
pub static ALL: [&Setting; 38] = [
    &ACCOUNT_ID,
    &APP_ID,
    &API_TOKEN_FILE,
    &BASE_URL,
    &SANDBOX,
    &SINCE,
    &UNTIL,
    &MEETING,
    &INCLUDE_LIVE,
    &WITH_SESSIONS,
    &FILTERS,
    &STATS_FROM,
    &NO_PEER_EVENTS,
    &NO_ROLLUPS,
    &QUERIES,
    &FETCH,
    &RATE,
    &RESERVE,
    &CONCURRENCY,
    &TIMEOUT,
    &RETRIES,
    &MAX_FAILURES,
    &OUTPUT,
    &STATE_DIR,
    &REFRESH,
    &KEEP_LOG,
    &FORMAT,
    &EXCEL,
    &STRICT,
    &DEADLINE,
    &SUMMARY_FILE,
    &METRICS_FILE,
    &HEALTH_URL_FILE,
    &OTLP_ENDPOINT,
    &PROGRESS,
    &QUIET,
    &VERBOSE,
    &LOG_FORMAT,
];

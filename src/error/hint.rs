//! What to do next about each error, as a command where possible.

use std::io;

use super::{Error, Resume};
use crate::config::settings;

/// Flags of `run` and `sync` that no configuration file has: what chooses the file, and what is of one command
/// and not of the next.
pub(crate) const TYPED_ONLY: [&str; 6] = ["all-profiles", "anew", "config", "from", "profile", "to"];

impl Error {
    /// What to do next, as a command where possible.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one arm for each error")]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Dataset(error) => Some(error.hint()),
            Self::SandboxNotLoopback { .. } => Some("leave --host out: it listens on 127.0.0.1".to_owned()),
            Self::SandboxListen { .. } => Some("choose another --port, or 0 for any free one".to_owned()),
            Self::SandboxFault { .. } => {
                Some("write it like 'every 10: 500', '7: reset' or 'match participants/: 503 x2'".to_owned())
            }
            Self::SandboxLate { .. } => Some("every seventh, up to 60 hours late, is 7:60h".to_owned()),
            Self::SandboxMinutes { .. } => {
                Some("write them like 1.5 or -0.25, to the millisecond, and every third session's like 3:1.5".to_owned())
            }
            Self::SandboxRateLimit { .. } => Some("write it like 1200/5m or 200/10s".to_owned()),
            Self::Io { source, .. }
                if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                Some("free some space, then run the same command again: what was fetched is kept".to_owned())
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::FileTooLarge => Some(
                "raise the limit on file sizes (ulimit -f), then run the same command again: what was fetched \
                 is kept"
                    .to_owned(),
            ),
            Self::BaseUrl { .. } => Some(
                "set --base-url or CLOUDFLARE_BASE_URL, as in https://api.cloudflare.com/client/v4"
                    .to_owned(),
            ),
            Self::UnusableToken => Some(
                "set CLOUDFLARE_API_TOKEN, or the file of --api-token-file, to the token alone".to_owned(),
            ),
            Self::HttpClient { .. } => Some("check HTTPS_PROXY and the system's certificates".to_owned()),
            Self::CredentialsRefused { .. } => Some(
                "check CLOUDFLARE_API_TOKEN, that it has the permission Realtime, and the account id; \
                 then run the same command again: it resumes"
                    .to_owned(),
            ),
            Self::ClientBlocked { edge_code, .. } => Some(format!(
                "ask whoever runs the network or the proxy, and Cloudflare, about error {edge_code}; \
                 then run the same command again: it resumes"
            )),
            Self::ApiUnreachable { .. } => Some(
                "check the network, HTTPS_PROXY and https://www.cloudflarestatus.com; \
                 then run the same command again: it resumes"
                    .to_owned(),
            ),
            Self::OutputFinished { .. } => Some(
                "export to another directory, or add --refresh to make it anew and replace it".to_owned(),
            ),
            Self::OutputForeign { .. } => Some(
                "export to an empty or new directory, or add --refresh to write beside what is there"
                    .to_owned(),
            ),
            Self::OutputOfAnotherExport { .. } => Some(
                "run the command that began it again, export to another directory, or add --refresh to \
                 start anew"
                    .to_owned(),
            ),
            Self::OutputUnfinished { .. } => Some(
                "rebuild to another directory, or first run the command that began it again".to_owned(),
            ),
            Self::NoValidRow { .. } => Some(
                "session and participant ids are UUIDs, as in 0f8fad5b-d9cb-469f-a165-70867728950e"
                    .to_owned(),
            ),
            Self::TooManyIds => {
                Some("split the lists or the window and export each part to its own directory".to_owned())
            }
            Self::NoLog { .. } => Some(
                "give the directory of an export; where its log was kept elsewhere, add --state-dir"
                    .to_owned(),
            ),
            Self::ExportUnfinished { .. } => {
                Some("run the command that began it again: it fetches what is missing".to_owned())
            }
            Self::TooManyFailures { .. } => Some(
                "see what fails, then run the same command again, perhaps with a higher --max-failures: it \
                 resumes"
                    .to_owned(),
            ),
            Self::Interrupted { resume: Some(resume), .. } => {
                let Resume { command, .. } = resume;
                Some(format!("{}; run the same command again, and it resumes: {command}", kept(resume)))
            }
            Self::DeadlinePassed { resume: Some(resume), .. } => {
                let Resume { command, .. } = resume;
                Some(format!(
                    "{}; run the same command again, with a later --deadline or none where it is a time, and it \
                     resumes: {command}",
                    kept(resume)
                ))
            }
            Self::DeadlinePassed { resume: None, .. } => Some(
                "run the same command again, with a later --deadline or none where it is a time: it resumes"
                    .to_owned(),
            ),
            Self::TellingFileRefused { .. } => {
                Some("name a file in a directory that is there and that this user may write to".to_owned())
            }
            Self::TellingFileTaken { .. } => Some(
                "it is replaced by each run: name a file of its own, outside the output and state directories"
                    .to_owned(),
            ),
            Self::TellingUnreachable { .. } | Self::TellingRefused { .. } => Some(format!(
                "the run itself is not touched by it; check {}",
                settings::listed(&[&settings::HEALTH_URL_FILE, &settings::OTLP_ENDPOINT])
            )),
            Self::HealthUrlUnreadable { .. } => Some(format!(
                "give a readable file with --health-url-file, or the URL itself in {}",
                settings::HEALTH_URL_VARIABLE
            )),
            Self::ClearTextHeaders { .. } => Some("send them to an https URL".to_owned()),
            Self::OtlpHeadersMalformed { .. } => Some(
                "write them as name=value with commas between, values percent-encoded, such as \
                 authorization=Basic%20dXNlcjpwYXNz"
                    .to_owned(),
            ),
            Self::HealthUrlMalformed { .. } => {
                Some("write it as the health check shows it, such as https://hc-ping.com/your-uuid".to_owned())
            }
            Self::Interrupted { resume: None, .. } => {
                Some("run the same command again: it resumes, and what was fetched is kept".to_owned())
            }
            Self::OutputBusy { .. } => {
                Some("wait for it to end, or export to another directory with --output".to_owned())
            }
            Self::LogOfDataset { .. } => {
                Some("sync makes days anew: rtk-export sync --from DATE --to DATE".to_owned())
            }
            Self::LogOfExport { .. } => {
                Some("finish the run that began it, or give the sync another --state-dir".to_owned())
            }
            Self::LogOfAnotherVersion { .. } => {
                Some("run again with --refresh to start anew, or with the version that wrote it".to_owned())
            }
            Self::LogDamaged { .. } => Some(
                "nothing was cut off: put back a good copy of it, or run with --refresh, which fetches \
                 everything anew"
                    .to_owned(),
            ),
            Self::ListUnreadable { source, .. } => Some(unreadable_list_hint(source.kind()).to_owned()),
            Self::ListEmpty { .. } => Some(
                "check what writes the list; a header alone is a valid list without rows: \
                 session_id,participant_id"
                    .to_owned(),
            ),
            Self::ListUnsupported { advice, .. } => Some((*advice).to_owned()),
            Self::ListWithoutIds { .. } => Some(
                "name the column session_id (Session ID and sessionId do as well), and the participants' \
                 participant_id; without a header the first column of UUIDs is the session"
                    .to_owned(),
            ),
            Self::NothingToReport => Some(
                "give the directory of one, or an ID list to export first: rtk-export report --list LIST"
                    .to_owned(),
            ),
            Self::ReportedAlready { dir } => Some(format!(
                "leave --list out to report on it: rtk-export report {}; or name another directory",
                dir.display()
            )),
            Self::SessionMinutesBy { .. } => Some(
                "go by session, day, meeting or a label, or count --minutes duration or events".to_owned(),
            ),
            Self::NoSuchLabel { .. } => Some(
                "besides labels there are session, person, day, preset, view-type and meeting".to_owned(),
            ),
            Self::NoSessions { .. } => Some(
                "export again with --with-sessions --refresh: it asks for each session, too".to_owned(),
            ),
            Self::NoPeerEvents { .. } => {
                Some("count --minutes duration; or export again without --no-peer-events".to_owned())
            }
            Self::TokenMissing => Some(
                "set it, or check files, keys and totals without the API: rtk-export verify DIR --offline".to_owned(),
            ),
            Self::OtherExport { .. } => Some(
                "leave it out: the account and the app are those of the export; or give the directory of another \
                 export"
                    .to_owned(),
            ),
            Self::PriceListUnreadable { .. } => {
                Some("give a readable file with --price-list, or leave it out".to_owned())
            }
            Self::PriceListMalformed { .. } => Some(
                "write it as in the README: [per-minute] with a price for each kind of minutes, [view-types] \
                 with the kind of each view type"
                    .to_owned(),
            ),
            Self::SumTooLarge | Self::ReportPart { .. } => {
                Some("rtk-export query shows the rows that it is made of".to_owned())
            }
            Self::Io { .. }
            | Self::Stdout { .. }
            | Self::Runtime { .. }
            | Self::Batch { .. }
            | Self::Stopped { .. }
            | Self::StageEnded { .. } => None,
            Self::SettingsMissing { missing } if missing.contains(&&settings::OUTPUT) => {
                Some("say where the export goes: -o DIR".to_owned())
            }
            Self::SettingsMissing { .. } => Some(
                "set what is missing, or try it without an account: rtk-export run LIST -o DIR --sandbox"
                    .to_owned(),
            ),
            Self::SettingMalformed { origin, .. }
            | Self::RemoteDirectory { origin, .. }
            | Self::ClearTextBaseUrl { origin, .. } => origin.remedy(),
            Self::SettingsConflict { second, .. } => Some(format!("leave {second} out")),
            Self::UnknownTable { .. } => Some("rtk-export schema shows them all".to_owned()),
            Self::LoadLocation { wanted, .. } => Some(format!("--from takes {wanted}")),
            Self::LoadDataset { instead, .. } => Some((*instead).to_owned()),
            Self::NoTableOfDataset { there, .. } => Some(format!("it has {}", there.join(", "))),
            Self::ExcelWithoutCsv { .. } => Some("add --format csv".to_owned()),
            Self::StatisticsFromPages { .. } => {
                Some("add --stats-from peer-report, or take another --fetch".to_owned())
            }
            Self::ConfigFileUnreadable { .. } => Some(format!(
                "give the right file with --config or {}, or leave both out",
                settings::CONFIG_VARIABLE
            )),
            Self::ConfigFileMalformed { .. } => {
                Some("write it as key = value, for example rate = \"1200/5m\"".to_owned())
            }
            Self::ConfigFileType { .. } => Some(
                "correct the file: text stands in quotes, whole numbers, true and false do not".to_owned(),
            ),
            Self::ConfigFileLacks { others, .. } if !others.is_empty() => {
                Some(format!("set what is missing, or choose a profile with --profile: {}", others.join(", ")))
            }
            Self::ConfigFileLacks { .. } => {
                Some("set it in the file, or by the flag or variable in brackets".to_owned())
            }
            Self::NoSuchProfile { known, .. } if !known.is_empty() => Some(format!("it has {}", known.join(", "))),
            Self::NoSuchProfile { .. } | Self::NoProfiles { .. } => Some(
                "give a file with --config in which each profile is a table of keys under its name: \
                 [profiles.acme]"
                    .to_owned(),
            ),
            Self::ProfilesShare { what, .. } => Some(format!("give each profile its own {what} in the file")),
            Self::ProfileOverridden { stronger, .. } => Some(format!(
                "leave {stronger} out, so that each profile has its own; or take one profile at a time, with \
                 --profile"
            )),
            Self::StdinForProfiles { .. } => Some("give the list as a file".to_owned()),
            Self::Profile { source, .. } => source.hint(),
            Self::Store(error) => error.hint(),
            Self::TokenCommand { .. } => Some(format!(
                "run the command by hand: it has to print the token and nothing else, without asking; or set {}",
                settings::API_TOKEN_VARIABLE
            )),
            Self::ConfigFileKey { key, .. } if TYPED_ONLY.contains(&key.replace('_', "-").as_str()) => {
                Some(format!("leave it out of the file: --{} is typed each time", key.replace('_', "-")))
            }
            Self::ConfigFileKey { .. } => Some(
                "the keys are the names of the flags: rtk-export run --help, rtk-export sync --help; a token is \
                 never one, see api-token-file and api-token-command"
                    .to_owned(),
            ),
            Self::TokenFileUnreadable { .. } => Some(format!(
                "give a readable file with --api-token-file, or the token itself in {}",
                settings::API_TOKEN_VARIABLE
            )),
            Self::TokenMalformed { .. } => {
                Some("the token is one word, as Cloudflare showed it when it was made".to_owned())
            }
            Self::NoList => Some(
                "give files of session and participant ids, rtk-export run LIST -o DIR (- for stdin), or a \
                 time: rtk-export run --since yesterday --until today -o DIR"
                    .to_owned(),
            ),
            Self::WindowReversed { .. } => {
                Some("give an earlier --since or a later --until; dates are of UTC".to_owned())
            }
            Self::LiveWithoutWindow { .. } => {
                Some("leave it out: sessions of a list are exported whether they are live or not".to_owned())
            }
            Self::SessionsUnlisted { reachable: false, .. } => Some(
                "check the network and https://www.cloudflarestatus.com; then run the same command again: it \
                 resumes"
                    .to_owned(),
            ),
            Self::SessionsUnlisted { reachable: true, .. } => Some(
                "check --account-id, --app-id and --meeting; then run the same command again: it asks for this \
                 page anew and keeps the rest"
                    .to_owned(),
            ),
            Self::StdinTwice => Some("leave one of the two out".to_owned()),
            Self::Output { source, path, .. } => Some(match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "free some space, then run the same command again: what was fetched is kept".to_owned()
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    format!("make {} writable, or choose another directory with --output", path.display())
                }
                _ => "run the same command again: what was fetched is kept".to_owned(),
            }),
            Self::Warnings { .. } => Some(
                "nothing was published and what was fetched is kept: run the same command without --strict, which \
                 asks for nothing again, and see the warnings in its manifest"
                    .to_owned(),
            ),
            Self::RowsLost { .. } | Self::FileChanged { .. } | Self::CsvCheck { .. } => {
                Some("check the disk, then run the same command again: what was fetched is kept".to_owned())
            }
            Self::Parquet { .. } | Self::CsvValue { .. } | Self::Engine { .. } => {
                Some("rtk-export rebuild makes the files again without a request".to_owned())
            }
            Self::Manifest { .. } => {
                Some("rtk-export rebuild writes the manifest again from the response log".to_owned())
            }
            Self::NotAnExport { .. } => Some(
                "give the directory or URL of a finished export or of a dataset; a run or sync that was stopped goes \
                 on with its own command"
                    .to_owned(),
            ),
            Self::NothingToVacuum { .. } => {
                Some("give the place of a dataset of rtk-export sync: of an export every file is needed".to_owned())
            }
            Self::Query { .. } => Some(
                "a query of your own is yours to change; otherwise rtk-export rebuild makes the files again \
                 without a request, with --no-rollups where a rollup is what fails"
                    .to_owned(),
            ),
            Self::QueryTooLarge { .. } => Some(
                "select fewer columns or fewer days, or group before joining: rows of one key have to fit"
                    .to_owned(),
            ),
            Self::QueriesUnreadable { .. } | Self::NoQueries { .. } => {
                Some("--queries names a directory of .sql files of UTF-8 text, one query a file".to_owned())
            }
            Self::QueryFile { .. } => {
                Some("give the file, or its column, another name".to_owned())
            }
            Self::NoSuchQuery { .. } | Self::SqlFileUnreadable { .. } => Some(
                "give SQL in quotes, a file of it, or a name of rtk-export query --list".to_owned(),
            ),
            Self::AnswerFile { .. } => Some("choose another file with -o".to_owned()),
            Self::AnswerNoFile { .. } => Some("leave -o out: the result goes to stdout".to_owned()),
            Self::ParquetWithoutFile { .. } => Some("add -o FILE".to_owned()),
            Self::Sql { .. } => Some(
                "SHOW TABLES lists the tables, DESCRIBE participants the columns of one".to_owned(),
            ),
            Self::SqlNotReading { .. } => Some(
                "an export is only read: SELECT, EXPLAIN, SHOW and DESCRIBE; write the answer with -o FILE"
                    .to_owned(),
            ),
            Self::SqlParameters { .. } => {
                Some("give one --param NAME=VALUE for each $NAME of the query".to_owned())
            }
            Self::SqlParameterValue { .. } => Some(
                "a day is like 2026-11-22, a time like 2026-11-22T10:51:28Z, minutes like 41.5; \
                 CAST($NAME AS ...) in the query says what it is to be"
                    .to_owned(),
            ),
            Self::SchemaVersion { .. } => Some(
                "rtk-export rebuild with this version writes the files again from the response log"
                    .to_owned(),
            ),
        }
    }
}

/// What a stopped run left.
fn kept(resume: &Resume) -> String {
    match resume.replies {
        0 => "nothing was fetched yet".to_owned(),
        1 => "1 reply is kept in the log".to_owned(),
        replies => format!("{replies} replies are kept in the log"),
    }
}

/// What to do about a list that cannot be read.
const fn unreadable_list_hint(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::NotFound => "check the path; - reads the list from standard input",
        io::ErrorKind::PermissionDenied => {
            "let this user read the file, or pipe it in and give - as the list"
        }
        io::ErrorKind::StorageFull => {
            "free some space for temporary files, or give the Parquet file by its path"
        }
        io::ErrorKind::IsADirectory => "name the files in it: DIR/*.csv",
        _ => "the file seems damaged or cut short; make it again",
    }
}

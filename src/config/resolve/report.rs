//! The settings of `report`. Those of the report itself are only typed: the configuration file and the
//! environment describe how exports are made.

use std::path::PathBuf;

use chrono_tz::Tz;

use super::{Sources, api, conflict, fetch, lists, local, published, user_state_dir, with_sessions};
use crate::cli::{AccountArgs, FetchArgs, ReportArgs};
use crate::config::file::ConfigFile;
use crate::config::report::{ListsConfig, MinutesKind, ReportConfig, ReportFormat, ReportKey, ReportSource};
use crate::config::settings::{self, Setting};
use crate::config::sources::{Origin, Sourced};
use crate::config::{Sessions, values};
use crate::error::{Error, Result};

/// More rows than this no person reads, and a page of them would not be shown.
const MOST_ROWS: usize = 100_000;

/// Resolves what was typed after `report`.
pub(super) fn report(
    args: ReportArgs,
    command_line: String,
    mut sources: Sources<'_>,
) -> Result<ReportConfig> {
    let mut typed_only = Sources::new(&|_| None, ConfigFile::default());
    let by = keys(&args.by, &mut typed_only)?;
    let kind = typed_only.sourced(&settings::MINUTES, args.minutes.as_deref(), values::choice)?;
    if kind.value == MinutesKind::Session
        && let Some(key) = by.iter().find(|key| !key.is_of_session())
    {
        return Err(Error::SessionMinutesBy { key: key.to_string() });
    }
    let minutes = kind.value;
    let time_zone =
        typed_only.value(&settings::TIME_ZONE, args.time_zone.as_deref(), |text| text.parse::<Tz>().ok())?;
    let price_list = file(&settings::PRICE_LIST, args.price_list)?;
    let output = file(&settings::REPORT_OUTPUT, args.output)?;
    let format = typed_only.sourced(&settings::REPORT_FORMAT, args.format.as_deref(), values::choice)?;
    let by_name = output.as_deref().and_then(ReportFormat::of_file);
    let format = match (&format.origin, by_name) {
        (Origin::Default(_), Some(by_name)) => by_name,
        _ => format.value,
    };
    let excel = typed_only.sourced(&settings::EXCEL, args.excel.as_deref(), values::truth)?;
    let format = match (format, excel.value) {
        (ReportFormat::Csv, true) => ReportFormat::CsvExcel,
        (_, true) => return Err(Error::ExcelWithoutCsv { origin: excel.origin }),
        (format, false) => format,
    };
    let top = typed_only
        .sourced(&settings::TOP, args.top.as_deref(), |text| values::number(text, &(1..=MOST_ROWS)))?;
    let top = match (format.is_exact(), top.origin) {
        (false, _) => Some(top.value),
        (true, Origin::Default(_)) => None,
        (true, origin) => return Err(conflict(Origin::Flag(settings::REPORT_FORMAT.name), origin)),
    };
    let source = if args.lists.is_empty() {
        ReportSource::Export(published(args.export.ok_or(Error::NothingToReport)?, &sources)?)
    } else {
        let dir = args.export.map(|path| directory(path.into_os_string())).transpose()?;
        let wants_sessions = minutes == MinutesKind::Session || by.contains(&ReportKey::Meeting);
        let export = export(&args.lists, &args.account, &mut sources, dir, wants_sessions, command_line)?;
        ReportSource::Lists(Box::new(export))
    };
    let mut settings = sources.into_shown();
    settings.extend(typed_only.into_shown());
    Ok(ReportConfig { source, by, time_zone, top, minutes, price_list, format, output, settings })
}

/// The keys of all `--by`, each once.
fn keys(typed: &[String], sources: &mut Sources<'_>) -> Result<Vec<ReportKey>> {
    let mut keys = Vec::new();
    let each = typed.iter().map(|text| Some(text.as_str()));
    let default = typed.is_empty().then_some(None);
    for text in each.chain(default) {
        for key in sources.value(&settings::BY, text, ReportKey::parse_all)? {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    Ok(keys)
}

/// How the lists' export is made: as `run` would make it.
fn export(
    typed: &[String],
    account: &AccountArgs,
    sources: &mut Sources<'_>,
    dir: Option<PathBuf>,
    wants_sessions: bool,
    command_line: String,
) -> Result<ListsConfig> {
    let lists = lists(typed, false)?;
    let api = api(account, sources)?;
    let set = with_sessions(None, sources)?;
    let sessions = if wants_sessions { Sessions::Fetched } else { set };
    let fetch = fetch(&FetchArgs::default(), sessions, sources)?;
    let stored_lists = sources.stored(&lists)?;
    let user_state_dir = user_state_dir(sources);
    Ok(ListsConfig { lists, stored_lists, api, fetch, dir, user_state_dir, command_line })
}

/// A file of this machine, where one was typed.
fn file(setting: &'static Setting, typed: Option<PathBuf>) -> Result<Option<PathBuf>> {
    let of = |path: PathBuf| {
        local(Sourced { value: path.into_os_string(), origin: Origin::Flag(setting.name) }, setting)
    };
    typed.map(of).transpose()
}

/// The export's directory.
fn directory(value: std::ffi::OsString) -> Result<PathBuf> {
    local(Sourced { value, origin: Origin::Argument("DIR") }, &settings::OUTPUT)
}

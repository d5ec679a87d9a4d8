//! Typed -> resolved: applies the sources in their order and checks what goes with what.

mod account;
mod keeping;
mod operation;
mod profiles;
mod report;
mod sync;
mod verify;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::Digest as _;

use super::file::ConfigFile;
use super::settings::{self, Setting};
use super::sources::{Environment, Origin, Sourced, Sources};
use super::values::{self, TypedFormat};
use super::{
    AnswerForm, AnswerTo, Colour, CommandConfig, Counting, Deadline, DoctorConfig, FaceConfig, FetchConfig,
    FetchMode, Filters, Format, Job, LogFormat, Moment, OnWarning, OperationConfig, OutputConfig, PeerEvents,
    PlaceConfig, PlanConfig, ProgressMode, QueryConfig, Rate, RateKind, RebuildConfig, Resolved, Rollups,
    RunConfig, Sessions, SetTime, StartMode, StatsSource, TextForm, Verbosity, WindowConfig,
};
use crate::cli::{
    AskArgs, Cli, Command, DoctorArgs, FaceArgs, OutputArgs, PaceArgs, PlanArgs, QueryArgs, RebuildArgs,
    RunArgs,
};
use crate::error::{Error, Result, StoreError};
use crate::model::{ParticipantId, SessionId};
use account::{Asked, api, asked};
use operation::Taken;
use profiles::Every;

/// Of the digits that name the log's directory of a place in a store: enough for no two to share one.
const STATE_NAME_LENGTH: usize = 32;

/// Resolves and checks what was typed. The command line is kept as it is, to be shown.
#[must_use]
pub fn resolve(cli: Cli, command_line: String, environment: &Environment<'_>) -> Resolved {
    let name = if matches!(cli.command, Command::Sync(_)) { "sync" } else { "run" };
    let mut face = typed_face(&cli.face, environment);
    let file = read_file(&cli.face, environment);
    let as_far_as_right = |typed| {
        let whole = file.as_ref().ok();
        let chosen = whole.and_then(|whole| profiles::chosen(&cli, environment, whole).ok());
        operation::as_far_as_right(&typed, environment, chosen.as_ref().or(whole))
    };
    let operation = match &cli.command {
        Command::Run(args) => as_far_as_right(operation::Typed::by_run(args)),
        Command::Sync(args) => as_far_as_right(operation::Typed::by_sync(args)),
        _ => OperationConfig::default(),
    };
    let command = file.and_then(|whole| {
        let file = profiles::chosen(&cli, environment, &whole)?;
        let mut sources = Sources::new(environment, file.clone());
        face = resolve_face(&cli.face, &mut sources, face)?;
        let every = Every { args: &cli.face, face, environment, whole: &whole, chosen: &file };
        command(cli.command, command_line, sources, &every).map_err(|error| file.located(error))
    });
    Resolved { face, name, operation, command }
}

fn command(
    typed: Command,
    command_line: String,
    sources: Sources<'_>,
    every: &Every<'_>,
) -> Result<CommandConfig> {
    match typed {
        Command::Run(args) if args.all_profiles => {
            Ok(CommandConfig::Profiles(every.run(&args, &command_line)?))
        }
        Command::Run(args) => Ok(CommandConfig::Job(Job::Run(Box::new(run(&args, command_line, sources)?)))),
        Command::Sync(args) if args.all_profiles => {
            Ok(CommandConfig::Profiles(every.sync(&args, &command_line)?))
        }
        Command::Sync(args) => {
            Ok(CommandConfig::Job(Job::Sync(Box::new(sync::sync(&args, command_line, sources)?))))
        }
        Command::Plan(args) => Ok(CommandConfig::Plan(Box::new(plan(&args, sources)?))),
        Command::Rebuild(args) => Ok(CommandConfig::Rebuild(rebuild(args, sources)?)),
        Command::Report(args) => {
            Ok(CommandConfig::Report(Box::new(report::report(*args, command_line, sources)?)))
        }
        Command::Query(args) => Ok(CommandConfig::Query(query(args, &sources)?)),
        Command::Verify(args) => Ok(CommandConfig::Verify(Box::new(verify::verify(args, sources)?))),
        Command::Files(args) => Ok(CommandConfig::Files(keeping::files(args, &sources)?)),
        Command::Vacuum(args) => Ok(CommandConfig::Vacuum(keeping::vacuum(args, &sources)?)),
        Command::Schema(args) => Ok(CommandConfig::Schema(args)),
        Command::Doctor(args) => Ok(CommandConfig::Doctor(doctor(&args, sources)?)),
        Command::Sandbox(args) => Ok(CommandConfig::Sandbox(args)),
        Command::Config(args) => Ok(CommandConfig::Config(every.check(*args, &command_line)?)),
        Command::Completions(args) => Ok(CommandConfig::Completions(args)),
        Command::Man(args) => Ok(CommandConfig::Man(args)),
    }
}

/// The configuration file that was named, or an empty one.
fn read_file(args: &FaceArgs, environment: &Environment<'_>) -> Result<ConfigFile> {
    let from_variable = || environment(settings::CONFIG_VARIABLE).filter(|path| !path.is_empty());
    match args.config.clone().or_else(|| from_variable().map(PathBuf::from)) {
        Some(path) => ConfigFile::read(&path),
        None => Ok(ConfigFile::default()),
    }
}

/// The face as far as the command line alone tells it: shows what is wrong with everything else.
fn typed_face(args: &FaceArgs, environment: &Environment<'_>) -> FaceConfig {
    let is_set = |name| environment(name).is_some_and(|value| !value.is_empty());
    let dumb = environment(settings::TERM_VARIABLE).is_some_and(|term| term == "dumb");
    FaceConfig {
        progress: ProgressMode::Auto,
        verbosity: if args.quiet { Verbosity::Quiet } else { Verbosity::Normal },
        log_format: args.log_format.as_deref().and_then(values::choice).unwrap_or(LogFormat::Text),
        colour: if is_set(settings::NO_COLOR_VARIABLE) || dumb { Colour::Never } else { Colour::Auto },
    }
}

fn resolve_face(args: &FaceArgs, sources: &mut Sources<'_>, typed: FaceConfig) -> Result<FaceConfig> {
    let progress = sources.value(&settings::PROGRESS, args.progress.as_deref(), values::choice)?;
    let log_format = sources.value(&settings::LOG_FORMAT, args.log_format.as_deref(), values::choice)?;
    let verbosity = verbosity(args, sources)?;
    Ok(FaceConfig { progress, verbosity, log_format, ..typed })
}

/// What is typed wins over what the file says, whichever of the two it is.
fn verbosity(args: &FaceArgs, sources: &mut Sources<'_>) -> Result<Verbosity> {
    let typed = |is_typed: bool| is_typed.then_some("true");
    let quiet = sources.sourced(&settings::QUIET, typed(args.quiet), values::truth)?;
    let verbose = sources.sourced(&settings::VERBOSE, typed(args.verbose), values::truth)?;
    match (quiet.value, verbose.value) {
        (true, true) if quiet.origin.rank() == verbose.origin.rank() => {
            Err(conflict(quiet.origin, verbose.origin))
        }
        (true, true) if quiet.origin.rank() < verbose.origin.rank() => Ok(Verbosity::Verbose),
        (true, _) => Ok(Verbosity::Quiet),
        (false, true) => Ok(Verbosity::Verbose),
        (false, false) => Ok(Verbosity::Normal),
    }
}

fn run(args: &RunArgs, command_line: String, mut sources: Sources<'_>) -> Result<RunConfig> {
    let window = window(&args.ask, &mut sources)?;
    let lists = lists(&args.ask.lists, window.is_some())?;
    let api = api(&args.ask.account, &mut sources)?;
    let fetch = fetch(&args.ask, &mut sources)?;
    let output = output(&args.output, &mut sources)?;
    let stored_lists = sources.stored(&lists)?;
    let deadline = args.operation.deadline.as_deref();
    let deadline = sources.optional(&settings::DEADLINE, deadline, Deadline::parse)?.map(|given| given.value);
    let taken = Taken::by(&lists, output.place.local(), output.state_dir.as_deref());
    let operation = operation::operation(&args.operation, &taken, &mut sources)?;
    let user_state_dir = user_state_dir(&sources);
    let settings = sources.into_shown();
    Ok(RunConfig {
        lists,
        stored_lists,
        window,
        api,
        fetch,
        output,
        deadline,
        operation,
        user_state_dir,
        command_line,
        settings,
    })
}

fn plan(args: &PlanArgs, mut sources: Sources<'_>) -> Result<PlanConfig> {
    let window = window(&args.ask, &mut sources)?;
    let lists = lists(&args.ask.lists, window.is_some())?;
    let counting = if args.count { Counting::Each } else { Counting::Nothing };
    // Where nothing is sent, nobody needs to be known who could be asked.
    let sends = counting == Counting::Each || window.is_some();
    let api = if sends { Some(api(&args.ask.account, &mut sources)?) } else { None };
    let fetch = fetch(&args.ask, &mut sources)?;
    let stored_lists = sources.stored(&lists)?;
    let user_state_dir = user_state_dir(&sources);
    let settings = sources.into_shown();
    Ok(PlanConfig {
        lists,
        stored_lists,
        window,
        api,
        fetch,
        counting,
        format: args.format,
        user_state_dir,
        settings,
    })
}

/// Where the XDG base directory specification puts what runs share; a relative path does not count there.
fn user_state_dir(sources: &Sources<'_>) -> Option<PathBuf> {
    let absolute = |variable| {
        let path = PathBuf::from(sources.variable(variable)?.value);
        path.is_absolute().then_some(path)
    };
    let state_home = absolute(settings::STATE_HOME_VARIABLE)
        .or_else(|| Some(absolute(settings::HOME_VARIABLE)?.join(".local/state")));
    Some(state_home?.join("rtk-export"))
}

fn rebuild(args: RebuildArgs, mut sources: Sources<'_>) -> Result<RebuildConfig> {
    // Only what is typed says where to and in which form: the file and the environment describe
    // `run`, and a rebuild without options is one in place.
    let typed_directory = |setting: &'static Setting, path: Option<PathBuf>| {
        path.map(|value| {
            local(Sourced { value: value.into_os_string(), origin: Origin::Flag(setting.name) }, setting)
        })
        .transpose()
    };
    let export = local(
        Sourced { value: args.export.into_os_string(), origin: Origin::Argument("DIR") },
        &settings::OUTPUT,
    )?;
    let destination = typed_directory(&settings::OUTPUT, args.output)?;
    let state_dir = directory(&settings::STATE_DIR, args.state_dir.as_deref(), &mut sources)?;
    let mut typed_only = Sources::new(&|_| None, ConfigFile::default());
    let format = match (&args.format, &args.excel) {
        (None, None) => None,
        (typed, excel) => Some(format(typed.as_deref(), excel.as_deref(), &mut typed_only)?),
    };
    let rollups = rollups(args.no_rollups.as_deref(), &mut typed_only)?;
    let queries = directory(&settings::QUERIES, args.queries.as_deref(), &mut sources)?;
    let on_warning = on_warning(args.strict.as_deref(), &mut typed_only)?;
    let mut settings = sources.into_shown();
    settings.extend(typed_only.into_shown());
    Ok(RebuildConfig { export, destination, state_dir, format, rollups, queries, on_warning, settings })
}

/// What is typed is all there is: a configuration file describes `run`.
fn query(args: QueryArgs, sources: &Sources<'_>) -> Result<QueryConfig> {
    let (Some(export), Some(query)) = (args.export, args.query) else { return Ok(QueryConfig::List) };
    let export = published(export, sources)?;
    let flag = |setting: &'static Setting| Origin::Flag(setting.name);
    let malformed = |setting: &'static Setting, value: &str| Error::SettingMalformed {
        origin: flag(setting),
        value: value.to_owned(),
        expected: setting.expected,
    };
    let mut parameters = Vec::with_capacity(args.param.len());
    for typed in args.param {
        match typed.split_once('=').filter(|(name, _)| !name.is_empty()) {
            Some((name, value)) => parameters.push((name.to_owned(), value.to_owned())),
            None => return Err(malformed(&settings::PARAM, &typed)),
        }
    }
    let parse =
        |text: &str| values::answer_form(text).ok_or_else(|| malformed(&settings::QUERY_FORMAT, text));
    let typed = args.format.as_deref().map(parse).transpose()?;
    let answer = match (args.output, typed) {
        (None, None) => AnswerTo::Stdout(TextForm::Table),
        (None, Some(AnswerForm::Text(form))) => AnswerTo::Stdout(form),
        (None, Some(AnswerForm::Parquet)) => {
            return Err(Error::ParquetWithoutFile { origin: flag(&settings::QUERY_FORMAT) });
        }
        (Some(path), typed) => {
            let ending = path.extension().and_then(OsStr::to_str).and_then(values::answer_form);
            let form = typed.or(ending).unwrap_or(AnswerForm::Text(TextForm::Table));
            AnswerTo::File(path, form)
        }
    };
    Ok(QueryConfig::Ask { export, query, parameters, answer })
}

/// Where an export or a dataset is that is looked at.
fn published(typed: PathBuf, sources: &Sources<'_>) -> Result<PlaceConfig> {
    let given = Sourced { value: typed.into_os_string(), origin: Origin::Argument("DIR") };
    if given.value.is_empty() {
        let expected = settings::OUTPUT.expected;
        return Err(Error::SettingMalformed { origin: given.origin, value: String::new(), expected });
    }
    sources.place(&given)
}

/// The rate, the reserve in percent and the timeout.
fn pace(args: &PaceArgs, sources: &mut Sources<'_>) -> Result<(Rate, u8, Duration)> {
    let rate = rate(args.rate.as_deref(), sources)?;
    let reserve_percent = sources.value(&settings::RESERVE, args.reserve.as_deref(), values::percent)?;
    let timeout = sources.value(&settings::TIMEOUT, args.timeout.as_deref(), values::timeout)?;
    Ok((rate, reserve_percent, timeout))
}

fn doctor(args: &DoctorArgs, mut sources: Sources<'_>) -> Result<DoctorConfig> {
    let api = api(&args.account, &mut sources)?;
    let (rate, reserve_percent, timeout) = pace(&args.pace, &mut sources)?;
    Ok(DoctorConfig {
        api,
        session: uuid("session", args.session.as_deref(), SessionId::parse)?,
        participant: uuid("participant", args.participant.as_deref(), ParticipantId::parse)?,
        rate,
        reserve_percent,
        timeout,
        format: args.format,
        user_state_dir: user_state_dir(&sources),
        settings: sources.into_shown(),
    })
}

/// An id that can only be typed.
fn uuid<T>(flag: &'static str, typed: Option<&str>, parse: fn(&str) -> Option<T>) -> Result<Option<T>> {
    typed
        .map(|text| {
            parse(text).ok_or_else(|| Error::SettingMalformed {
                origin: Origin::Flag(flag),
                value: text.to_owned(),
                expected: "a UUID, such as 0f8fad5b-d9cb-469f-a165-70867728950e",
            })
        })
        .transpose()
}

/// Which sessions are discovered, if any are.
fn window(args: &AskArgs, sources: &mut Sources<'_>) -> Result<Option<WindowConfig>> {
    let mut time = |setting, typed: Option<&str>| {
        let parse = |text: &str| Some((text.to_owned(), Moment::parse(text)?));
        let set = sources.optional(setting, typed, parse)?;
        Ok::<_, Error>(set.map(|Sourced { value: (text, moment), origin }| SetTime { text, origin, moment }))
    };
    let since = time(&settings::SINCE, args.since.as_deref())?;
    let until = time(&settings::UNTIL, args.until.as_deref())?;
    let meeting = sources.optional(&settings::MEETING, args.meeting.as_deref(), values::id)?;
    let live = sources.sourced(&settings::INCLUDE_LIVE, args.include_live.as_deref(), values::truth)?;
    if since.is_some() || until.is_some() || meeting.is_some() {
        let meeting = meeting.map(|meeting| meeting.value);
        return Ok(Some(WindowConfig { since, until, meeting, live: live.value }));
    }
    if live.value { Err(Error::LiveWithoutWindow { origin: live.origin }) } else { Ok(None) }
}

/// The lists; without a window there must be one. `-` is stdin, which can be read once.
fn lists(typed: &[String], has_window: bool) -> Result<Vec<String>> {
    if typed.is_empty() && !has_window {
        return Err(Error::NoList);
    }
    if typed.iter().filter(|list| *list == "-").count() > 1 {
        return Err(Error::StdinTwice);
    }
    Ok(typed.to_vec())
}

fn fetch(args: &AskArgs, sources: &mut Sources<'_>) -> Result<FetchConfig> {
    let with_sessions =
        sources.value(&settings::WITH_SESSIONS, args.with_sessions.as_deref(), values::truth)?;
    let filters = filters(args.filters.as_deref(), sources)?;
    let stats_from = sources.value(&settings::STATS_FROM, args.stats_from.as_deref(), values::choice)?;
    let no_peer_events =
        sources.value(&settings::NO_PEER_EVENTS, args.no_peer_events.as_deref(), values::truth)?;
    let mode = sources.sourced(&settings::FETCH, args.fetch.as_deref(), values::choice)?;
    if mode.value == FetchMode::List && !filters.is_empty() && stats_from != StatsSource::PeerReport {
        return Err(Error::StatisticsFromPages { origin: mode.origin });
    }
    let (rate, reserve_percent, timeout) = pace(&args.pace, sources)?;
    let concurrency = sources.value(&settings::CONCURRENCY, args.concurrency.as_deref(), |text| {
        values::number(text, &(1..=4096))
    })?;
    let retries = sources
        .value(&settings::RETRIES, args.retries.as_deref(), |text| values::number(text, &(0..=100)))?;
    let max_failures = sources.optional(&settings::MAX_FAILURES, args.max_failures.as_deref(), |text| {
        values::number(text, &(0..=u64::MAX))
    })?;
    Ok(FetchConfig {
        mode: mode.value,
        sessions: if with_sessions { Sessions::Fetched } else { Sessions::LeftOut },
        filters,
        stats_from,
        peer_events: if no_peer_events { PeerEvents::LeftOut } else { PeerEvents::Included },
        rate,
        reserve_percent,
        concurrency,
        timeout,
        retries,
        max_failures: max_failures.map(|given| given.value),
    })
}

fn rate(typed: Option<&str>, sources: &mut Sources<'_>) -> Result<Rate> {
    let rate = sources.sourced(&settings::RATE, typed, values::rate)?;
    let kind = if rate.origin.is_explicit() { RateKind::Ceiling } else { RateKind::Default };
    Ok(Rate { limit: rate.value, kind })
}

/// The filters; of a list, the name that is none is what the message shows.
fn filters(typed: Option<&str>, sources: &mut Sources<'_>) -> Result<Filters> {
    let setting = &settings::FILTERS;
    let Some(given) = sources.text(setting, typed.map(OsStr::new)) else { return Ok(Filters::NONE) };
    let text = given.value.to_string_lossy();
    match Filters::parse(&text) {
        Ok(filters) => {
            let shown = if filters.is_empty() { "none".to_owned() } else { filters.to_string() };
            sources.show(setting, shown, &given.origin);
            Ok(filters)
        }
        Err(name) => Err(Error::SettingMalformed {
            origin: given.origin,
            value: name.to_owned(),
            expected: setting.expected,
        }),
    }
}

fn output(args: &OutputArgs, sources: &mut Sources<'_>) -> Result<OutputConfig> {
    let rollups = rollups(args.no_rollups.as_deref(), sources)?;
    let queries = directory(&settings::QUERIES, args.queries.as_deref(), sources)?;
    let place = place(&settings::OUTPUT, args.output.as_deref(), sources)?
        .ok_or_else(|| Error::SettingsMissing { missing: vec![&settings::OUTPUT] })?;
    let state_dir = state_dir(args.state_dir.as_deref(), &place, sources)?;
    let refresh = sources.value(&settings::REFRESH, args.refresh.as_deref(), values::truth)?;
    let keep_log = sources.value(&settings::KEEP_LOG, args.keep_log.as_deref(), values::choice)?;
    let format = format(args.format.as_deref(), args.excel.as_deref(), sources)?;
    let on_warning = on_warning(args.strict.as_deref(), sources)?;
    let start = if refresh { StartMode::Refresh } else { StartMode::Resume };
    Ok(OutputConfig { place, state_dir, start, keep_log, format, rollups, queries, on_warning })
}

fn on_warning(typed: Option<&str>, sources: &mut Sources<'_>) -> Result<OnWarning> {
    let strict = sources.value(&settings::STRICT, typed, values::truth)?;
    Ok(if strict { OnWarning::Fail } else { OnWarning::Publish })
}

fn rollups(typed: Option<&str>, sources: &mut Sources<'_>) -> Result<Rollups> {
    let left_out = sources.value(&settings::NO_ROLLUPS, typed, values::truth)?;
    Ok(if left_out { Rollups::LeftOut } else { Rollups::Made })
}

fn format(typed: Option<&str>, excel: Option<&str>, sources: &mut Sources<'_>) -> Result<Format> {
    let format = sources.sourced(&settings::FORMAT, typed, values::choice)?;
    let excel = sources.sourced(&settings::EXCEL, excel, values::truth)?;
    match (format.value, excel.value) {
        (TypedFormat::Parquet, false) => Ok(Format::Parquet),
        (TypedFormat::Csv, false) => Ok(Format::Csv),
        (TypedFormat::Csv, true) => Ok(Format::CsvExcel),
        (TypedFormat::Parquet, true) => Err(Error::ExcelWithoutCsv { origin: excel.origin }),
    }
}

/// Where files go, where it is set: a directory of this machine, or a place in an object store.
fn place(
    setting: &'static Setting,
    typed: Option<&Path>,
    sources: &mut Sources<'_>,
) -> Result<Option<PlaceConfig>> {
    let Some(given) = sources.text(setting, typed.map(Path::as_os_str)) else { return Ok(None) };
    if given.value.is_empty() {
        let (origin, expected) = (given.origin, setting.expected);
        return Err(Error::SettingMalformed { origin, value: String::new(), expected });
    }
    let place = sources.place(&given)?;
    match place.remote() {
        Some(remote) => {
            sources.show(setting, remote.url.to_string(), &given.origin);
            sources.show_store(remote);
        }
        None => sources.show(setting, given.value.to_string_lossy().into_owned(), &given.origin),
    }
    Ok(Some(place))
}

/// The directory of an export's log. A store keeps none: its log is this user's, in a directory of its own.
fn state_dir(
    typed: Option<&Path>,
    place: &PlaceConfig,
    sources: &mut Sources<'_>,
) -> Result<Option<PathBuf>> {
    let set = directory(&settings::STATE_DIR, typed, sources)?;
    let (None, Some(remote)) = (&set, place.remote()) else { return Ok(set) };
    let digest = format!("{:x}", sha2::Sha256::digest(remote.identity()));
    let name = &digest[..STATE_NAME_LENGTH];
    let user =
        user_state_dir(sources).ok_or_else(|| StoreError::NoStateDir { url: remote.url.to_string() })?;
    let dir = user.join("outputs").join(name);
    let origin = Origin::Default(settings::STATE_DIR.name);
    sources.show(&settings::STATE_DIR, dir.display().to_string(), &origin);
    Ok(Some(dir))
}

/// A directory of this machine, where one is given.
fn directory(
    setting: &'static Setting,
    typed: Option<&Path>,
    sources: &mut Sources<'_>,
) -> Result<Option<PathBuf>> {
    let Some(given) = sources.text(setting, typed.map(Path::as_os_str)) else { return Ok(None) };
    let (shown, origin) = (given.value.to_string_lossy().into_owned(), given.origin.clone());
    let path = local(given, setting)?;
    sources.show(setting, shown, &origin);
    Ok(Some(path))
}

/// A path, unless it is empty or a URL.
fn local(given: Sourced<std::ffi::OsString>, setting: &'static Setting) -> Result<PathBuf> {
    let Sourced { value, origin } = given;
    let text = value.to_string_lossy();
    if text.is_empty() {
        return Err(Error::SettingMalformed { origin, value: text.into_owned(), expected: setting.expected });
    }
    match values::scheme(&text) {
        Some(scheme) => Err(Error::RemoteDirectory { origin, scheme: scheme.to_owned() }),
        None => Ok(PathBuf::from(value)),
    }
}

const fn conflict(first: Origin, second: Origin) -> Error {
    Error::SettingsConflict { first, second }
}

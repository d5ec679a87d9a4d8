//! Typed -> resolved: applies the sources in their order and checks what goes with what.

mod account;
mod asking;
mod check;
mod keeping;
mod operation;
mod output;
mod profiles;
mod report;
mod sync;
mod verify;

use std::ffi::OsStr;
use std::path::PathBuf;

use super::file::ConfigFile;
use super::settings::{self, Setting};
use super::sources::{Environment, Origin, Sourced, Sources};
use super::values;
use super::{
    AnswerForm, AnswerTo, Colour, CommandConfig, Counting, Deadline, DoctorConfig, FaceConfig, Job,
    LogFormat, OperationConfig, PlaceConfig, PlanConfig, ProgressMode, QueryConfig, RebuildConfig, Resolved,
    RunConfig, TextForm, Verbosity,
};
use crate::cli::{Cli, Command, DoctorArgs, FaceArgs, PlanArgs, QueryArgs, RebuildArgs, RunArgs};
use crate::error::{Error, Result};
use crate::model::{ParticipantId, SessionId};
use account::{Asked, api, asked};
use asking::{fetch, lists, pace, window, with_sessions};
use operation::Taken;
use output::{directory, format, local, on_warning, output, place, rollups, state_dir};
use profiles::Every;

/// Resolves and checks what was typed. The command line is kept as it is, to be shown.
#[must_use]
pub fn resolve(cli: Cli, command_line: String, environment: &Environment<'_>) -> Resolved {
    let name = if matches!(cli.command, Command::Sync(_)) { "sync" } else { "run" };
    let mut face = typed_face(&cli.face, environment);
    let tells_all = matches!(cli.command, Command::Config(_));
    let (file, mut faults) = match read_file(&cli.face, environment) {
        Ok((file, faults)) if tells_all => (Ok(file), faults),
        Ok((file, faults)) => (faults.into_iter().next().map_or(Ok(file), Err), Vec::new()),
        Err(error) => (Err(error), Vec::new()),
    };
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
        let mut unless_told = |error| {
            if !tells_all {
                return Err(error);
            }
            faults.push(error);
            Ok(())
        };
        let file = match profiles::chosen(&cli, environment, &whole) {
            Ok(file) => file,
            Err(error) => unless_told(error).map(|()| whole.clone())?,
        };
        let mut sources = Sources::new(environment, file.clone());
        match resolve_face(&cli.face, &mut sources, face) {
            Ok(resolved) => face = resolved,
            Err(error) => unless_told(error)?,
        }
        let every = Every { args: &cli.face, face, environment, whole: &whole, chosen: &file };
        command(cli.command, command_line, sources, &every, faults).map_err(|error| file.located(error))
    });
    Resolved { face, name, operation, command }
}

/// The command; what is already known to be wrong is there for the one that tells it.
fn command(
    typed: Command,
    command_line: String,
    sources: Sources<'_>,
    every: &Every<'_>,
    faults: Vec<Error>,
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
        Command::Schema(args) => Ok(CommandConfig::Schema(Box::new(keeping::schema(args, &sources)?))),
        Command::Doctor(args) => Ok(CommandConfig::Doctor(doctor(&args, sources)?)),
        Command::Sandbox(args) => Ok(CommandConfig::Sandbox(args)),
        Command::Config(args) => Ok(CommandConfig::Config(every.check(*args, faults))),
        Command::Completions(args) => Ok(CommandConfig::Completions(args)),
        Command::Man(args) => Ok(CommandConfig::Man(args)),
    }
}

/// The configuration file that was named, or an empty one, and all that is wrong with it.
fn read_file(args: &FaceArgs, environment: &Environment<'_>) -> Result<(ConfigFile, Vec<Error>)> {
    let from_variable = || environment(settings::CONFIG_VARIABLE).filter(|path| !path.is_empty());
    match args.config.clone().or_else(|| from_variable().map(PathBuf::from)) {
        Some(path) => ConfigFile::read(&path),
        None => Ok(Default::default()),
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
    let fetch = fetch(
        &args.ask.fetch,
        with_sessions(args.ask.with_sessions.as_deref(), &mut sources)?,
        &mut sources,
    )?;
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
    let fetch = fetch(
        &args.ask.fetch,
        with_sessions(args.ask.with_sessions.as_deref(), &mut sources)?,
        &mut sources,
    )?;
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

const fn conflict(first: Origin, second: Origin) -> Error {
    Error::SettingsConflict { first, second }
}

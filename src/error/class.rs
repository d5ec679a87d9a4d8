//! What kind of ending an error is, and the exit code of each kind.

use super::Error;

/// What kind of ending an error is: decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Something broke; nothing was published.
    Failed,
    /// Usage, configuration, a list that is none, or an output that is finished or another's.
    Usage,
    /// 401 or 403: stopped at once, resumable.
    CredentialsRefused,
    /// The API or an object store is unreachable, or `--max-failures` was passed: stopped, resumable.
    Unreachable,
    /// Another process holds the output.
    Busy,
    /// Stopped by a signal with the log made durable: resumable.
    Interrupted(Signal),
    /// Stopped by `--deadline` with the log made durable: resumable.
    Deadline,
}

/// The signals that stop a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// A polite kill.
    Terminate,
}

impl Signal {
    /// The system's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

impl Class {
    /// The exit code, as the contract has it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::CredentialsRefused => 4,
            Self::Unreachable => 5,
            Self::Busy => 6,
            Self::Interrupted(Signal::Interrupt) => 130,
            // As whatever else stops a job in time would have it.
            Self::Interrupted(Signal::Terminate) | Self::Deadline => 143,
        }
    }

    /// The class as a word, for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::CredentialsRefused => "credentials_refused",
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            Self::Interrupted(_) => "interrupted",
            Self::Deadline => "deadline",
        }
    }

    /// Whether the same command goes on where a run stopped.
    #[must_use]
    pub const fn is_resumable(self) -> bool {
        match self {
            Self::CredentialsRefused | Self::Unreachable | Self::Interrupted(_) | Self::Deadline => true,
            Self::Failed | Self::Usage | Self::Busy => false,
        }
    }
}

impl Error {
    /// What kind of ending this is.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one line for each error")]
    pub fn class(&self) -> Class {
        match self {
            Self::Profile { source, .. } => source.class(),
            Self::Dataset(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::Io { .. }
            | Self::StageEnded { .. }
            | Self::HttpClient { .. }
            | Self::TellingUnreachable { .. }
            | Self::TellingRefused { .. }
            | Self::LogDamaged { .. }
            | Self::Stdout { .. }
            | Self::Runtime { .. }
            | Self::Batch { .. }
            | Self::Warnings { .. }
            | Self::Output { .. }
            | Self::Parquet { .. }
            | Self::CsvValue { .. }
            | Self::CsvCheck { .. }
            | Self::RowsLost { .. }
            | Self::FileChanged { .. }
            | Self::Manifest { .. }
            | Self::SchemaVersion { .. }
            | Self::Engine { .. }
            | Self::AnswerFile { .. }
            | Self::Query { .. }
            | Self::SumTooLarge
            | Self::ReportPart { .. }
            | Self::QueryTooLarge { .. }
            | Self::SessionsUnlisted { reachable: true, .. }
            | Self::SandboxListen { .. } => Class::Failed,
            Self::OutputBusy { .. } => Class::Busy,
            Self::Interrupted { signal, .. } | Self::Stopped { signal } => Class::Interrupted(*signal),
            Self::DeadlinePassed { .. } => Class::Deadline,
            Self::CredentialsRefused { .. } | Self::ClientBlocked { .. } => Class::CredentialsRefused,
            Self::ApiUnreachable { .. }
            | Self::TooManyFailures { .. }
            | Self::SessionsUnlisted { reachable: false, .. } => Class::Unreachable,
            Self::OutputFinished { .. }
            | Self::OutputForeign { .. }
            | Self::OutputOfAnotherExport { .. }
            | Self::OutputUnfinished { .. }
            | Self::NoValidRow { .. }
            | Self::TooManyIds
            | Self::NoLog { .. }
            | Self::LogOfDataset { .. }
            | Self::LogOfExport { .. }
            | Self::ExportUnfinished { .. }
            | Self::BaseUrl { .. }
            | Self::UnusableToken
            | Self::ListUnreadable { .. }
            | Self::ListEmpty { .. }
            | Self::ListUnsupported { .. }
            | Self::ListWithoutIds { .. }
            | Self::SettingsMissing { .. }
            | Self::SettingMalformed { .. }
            | Self::SettingsConflict { .. }
            | Self::UnknownTable { .. }
            | Self::LoadLocation { .. }
            | Self::LoadDataset { .. }
            | Self::NoTableOfDataset { .. }
            | Self::ExcelWithoutCsv { .. }
            | Self::StatisticsFromPages { .. }
            | Self::ClearTextBaseUrl { .. }
            | Self::ClearTextHeaders { .. }
            | Self::OtlpHeadersMalformed { .. }
            | Self::RemoteDirectory { .. }
            | Self::ConfigFileUnreadable { .. }
            | Self::ConfigFileMalformed { .. }
            | Self::ConfigFileKey { .. }
            | Self::ConfigFileType { .. }
            | Self::ConfigFileLacks { .. }
            | Self::NoSuchProfile { .. }
            | Self::NoProfiles { .. }
            | Self::ProfilesShare { .. }
            | Self::ProfileOverridden { .. }
            | Self::StdinForProfiles { .. }
            | Self::TokenCommand { .. }
            | Self::TokenFileUnreadable { .. }
            | Self::TokenMalformed { .. }
            | Self::HealthUrlUnreadable { .. }
            | Self::HealthUrlMalformed { .. }
            | Self::TellingFileRefused { .. }
            | Self::TellingFileTaken { .. }
            | Self::NoList
            | Self::WindowReversed { .. }
            | Self::LiveWithoutWindow { .. }
            | Self::StdinTwice
            | Self::NothingToReport
            | Self::ReportedAlready { .. }
            | Self::SessionMinutesBy { .. }
            | Self::NoSuchLabel { .. }
            | Self::NoSessions { .. }
            | Self::NoPeerEvents { .. }
            | Self::PriceListUnreadable { .. }
            | Self::PriceListMalformed { .. }
            | Self::NotAnExport { .. }
            | Self::NothingToVacuum { .. }
            | Self::Sql { .. }
            | Self::NoSuchQuery { .. }
            | Self::SqlFileUnreadable { .. }
            | Self::AnswerNoFile { .. }
            | Self::ParquetWithoutFile { .. }
            | Self::QueriesUnreadable { .. }
            | Self::NoQueries { .. }
            | Self::QueryFile { .. }
            | Self::SqlNotReading { .. }
            | Self::SqlParameters { .. }
            | Self::SqlParameterValue { .. }
            | Self::TokenMissing
            | Self::OtherExport { .. }
            | Self::SandboxNotLoopback { .. }
            | Self::SandboxFault { .. }
            | Self::SandboxRateLimit { .. }
            | Self::SandboxLate { .. }
            | Self::SandboxMinutes { .. }
            | Self::LogOfAnotherVersion { .. } => Class::Usage,
        }
    }
}

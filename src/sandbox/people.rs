//! Names, presets and view types of the people in the world.
//!
//! In: numbers. Out: text in many scripts, with what CSV and JSON must quote.
//! Not here: names that are odd on purpose (`record.rs`).

/// A meeting's kind, which is that of its presets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    GroupCall,
    Webinar,
    AudioRoom,
    Livestream,
}

/// Of 16 sessions, ten are group calls.
pub(super) const VIEWS: [View; 16] = [
    View::GroupCall,
    View::GroupCall,
    View::AudioRoom,
    View::GroupCall,
    View::Webinar,
    View::GroupCall,
    View::GroupCall,
    View::AudioRoom,
    View::GroupCall,
    View::GroupCall,
    View::Webinar,
    View::GroupCall,
    View::AudioRoom,
    View::GroupCall,
    View::GroupCall,
    View::Livestream,
];

impl View {
    /// The API's word.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::GroupCall => "GROUP_CALL",
            Self::Webinar => "WEBINAR",
            Self::AudioRoom => "AUDIO_ROOM",
            Self::Livestream => "LIVESTREAM",
        }
    }

    /// The preset of a session's nth participant: the first is the host.
    pub(super) const fn preset(self, ordinal: u64) -> &'static str {
        match (self, ordinal) {
            (Self::GroupCall, 0) => "group_call_host",
            (Self::GroupCall, _) => "group_call_participant",
            (Self::Webinar, 0) => "webinar_presenter",
            (Self::Webinar, _) => "webinar_viewer",
            (Self::AudioRoom, 0) => "audio_room_host",
            (Self::AudioRoom, _) => "audio_room_guest",
            (Self::Livestream, 0) => "livestream_host",
            (Self::Livestream, _) => "livestream_viewer",
        }
    }

    /// The session's `type`.
    pub(super) const fn session_type(self) -> &'static str {
        match self {
            Self::Livestream => "livestream",
            _ => "meeting",
        }
    }
}

pub(super) const FIRST_NAMES: [&str; 24] = [
    "Anna",
    "Ben",
    "Zoë",
    "José",
    "Łukasz",
    "Maya",
    "Иван",
    "美咲",
    "Chidi",
    "Renée",
    "Søren",
    "Fatima",
    "Γιώργος",
    "Priya",
    "Noah",
    "Aylin",
    "Dmytro",
    "Nguyễn",
    "Omar",
    "Ingrid",
    "김민준",
    "Mateus",
    "Siobhán",
    "محمد",
];

pub(super) const LAST_NAMES: [&str; 16] = [
    "Müller",
    "O'Brien",
    "García Lorca",
    "Nowak",
    "Sato",
    "de Vries",
    "Okafor",
    "Smith, Jr.",
    "Åkesson",
    "Kaya",
    "Петров",
    "\"Rocky\" Rossi",
    "Chen",
    "D'Souza",
    "Özdemir",
    "Lee",
];

pub(super) const TITLES: [&str; 10] = [
    "Weekly stand-up",
    "Maths, year 9",
    "Consultation Dr. Åkesson",
    "Q&A: \"What's new?\"",
    "Réunion d'équipe",
    "Sales / EMEA",
    "第3回 勉強会",
    "Office hours",
    "Onboarding; day 1",
    "Retro\t(old title)",
];

/// One of several, the same for the same number.
pub(super) fn pick<T: Copy>(values: &[T], number: u64) -> T {
    let count = u64::try_from(values.len()).unwrap_or(1);
    values[usize::try_from(number % count).unwrap_or_default()]
}

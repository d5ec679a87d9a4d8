//! Where call statistics come from, told by what comes back.
//!
//! Facts: API page, sections 0 and 5 to 7. Contracts up to May 2026 have statistics in the details, later
//! ones in the peer report only; the peer report has them under each of them. A participant may have
//! none at all: they are kept for six months.
//!
//! With `--stats-from auto` one participant at a time is asked, its details first, and where these carry no
//! statistics its peer report too, until one of them tells: statistics in details, that the server
//! answers filters there; statistics in the report beside details without, that it does not. After
//! [`PROBES`] participants that have none in either the peer report is taken, which is right under
//! every contract. Should details carry statistics later, they are taken from then on.
//! Guarantees: a function of the replies alone, so that a resumed run goes on as the first one.

use super::asks::Outcome;
use super::wants::SessionNo;
use crate::config::StatsSource;
use crate::model::{IdKey, RequestKey};
use crate::wire::Gave;

/// Participants without any statistics after which the peer report is taken.
pub(super) const PROBES: u32 = 4;

/// What replies tell of where call statistics come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Whether details carried statistics.
    details_with: bool,
    /// Whether a peer report did.
    reports_with: bool,
    /// Details that came without.
    details_without: u32,
    /// Peer reports that brought none.
    reports_without: u32,
}

impl Evidence {
    /// Adds a reply to a details request; one that did not come tells nothing.
    pub const fn add_details(&mut self, found: bool, gave: Gave) {
        if gave.statistics {
            self.details_with = true;
        } else if found {
            self.details_without = self.details_without.saturating_add(1);
        }
    }

    /// Adds a reply to a peer-report request, or the lack of one.
    pub const fn add_report(&mut self, gave: Gave) {
        if gave.statistics {
            self.reports_with = true;
        } else {
            self.reports_without = self.reports_without.saturating_add(1);
        }
    }

    /// Where statistics come from, as far as that is told.
    fn endpoint(self) -> Option<Endpoint> {
        let probed = self.details_without.min(self.reports_without);
        match self {
            Self { details_with: true, .. } => Some(Endpoint::Details),
            Self { reports_with: true, .. } => Some(Endpoint::PeerReport),
            _ => (probed >= PROBES).then_some(Endpoint::PeerReport),
        }
    }
}

/// The endpoints that give call statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Details,
    PeerReport,
}

/// Where call statistics come from: set, or still to be told.
#[derive(Debug)]
pub(super) struct Source {
    setting: StatsSource,
    evidence: Evidence,
    /// The one participant that is asked while nothing is told.
    probe: Option<(SessionNo, IdKey)>,
}

impl Source {
    pub(super) const fn new(setting: StatsSource, evidence: Evidence) -> Self {
        Self { setting, evidence, probe: None }
    }

    /// Where statistics come from; `None` while nothing is told.
    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        match self.setting {
            StatsSource::Details => Some(Endpoint::Details),
            StatsSource::PeerReport => Some(Endpoint::PeerReport),
            StatsSource::Auto => self.evidence.endpoint(),
        }
    }

    /// Whether nobody else is to be asked until the one who is has answered.
    pub(super) fn is_awaited(&self) -> bool {
        self.probe.is_some() && self.endpoint().is_none()
    }

    /// Notes who is asked.
    pub(super) fn ask(&mut self, session: SessionNo, participant: IdKey) {
        if self.endpoint().is_none() {
            self.probe = Some((session, participant));
        }
    }

    /// Notes that everything was asked of someone.
    pub(super) fn answered(&mut self, session: SessionNo, participant: IdKey) {
        self.probe.take_if(|probe| *probe == (session, participant));
    }

    /// Learns of an answer that came while the run went on.
    pub(super) fn learn(&mut self, request: &RequestKey, outcome: &Outcome) {
        let (found, gave) = match outcome {
            Outcome::Found(gave) => (true, *gave),
            _ => (false, Gave::default()),
        };
        match request {
            RequestKey::Details { .. } => self.evidence.add_details(found, gave),
            RequestKey::PeerReport { .. } => self.evidence.add_report(gave),
            RequestKey::Page { .. } | RequestKey::Session { .. } | RequestKey::Sessions { .. } => {}
        }
    }
}

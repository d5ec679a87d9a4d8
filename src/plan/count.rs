//! Asks for the first page of every session, and no more: counting before a run.
//!
//! A page of one record would tell the total as well. The first page as a run asks for it costs the same
//! request, which is what is scarce, and tells more: which of the pairs are on it, so what the planner
//! will do next, and the minutes of those who are.

use std::collections::VecDeque;
use std::sync::Arc;

use super::asks::{Asks, Next, Outcome, Taken};
use super::listing::PAGE_RECORDS;
use super::wants::{SessionNo, Wants};
use crate::error::Result;
use crate::model::{PageSize, RequestKey, SessionId};

/// Asks for the first page of every session.
#[derive(Debug)]
pub struct Count {
    wants: Arc<Wants>,
    /// The first session that was not asked for.
    next: SessionNo,
    /// Sessions whose page was refused for its size.
    again: VecDeque<SessionId>,
    /// The size that pages are asked for; left to the server once it refused one.
    size: PageSize,
    in_flight: usize,
    refused: u64,
}

impl Count {
    /// A count of which nothing was asked for.
    #[must_use]
    pub fn new(wants: Arc<Wants>) -> Self {
        let size = PageSize::Records(PAGE_RECORDS);
        Self { wants, next: 0, again: VecDeque::new(), size, in_flight: 0, refused: 0 }
    }

    fn first_page(&mut self, session: SessionId) -> Next {
        self.in_flight += 1;
        Next::Request(RequestKey::Page { session, page_no: 1, size: self.size })
    }
}

impl Asks for Count {
    fn next_request(&mut self) -> Result<Next> {
        if let Some(session) = self.again.pop_front() {
            return Ok(self.first_page(session));
        }
        if (self.next as usize) < self.wants.sessions() {
            let session = self.wants.session_id(self.next);
            self.next += 1;
            return Ok(self.first_page(session));
        }
        Ok(if self.in_flight == 0 { Next::Done } else { Next::Wait })
    }

    fn answered(&mut self, request: &RequestKey, outcome: &Outcome) -> Taken {
        self.in_flight -= 1;
        if let (Some(session), Outcome::Failed { http_status }) = (request.session(), outcome)
            && request.may_be_refused_for_its_size(*http_status)
        {
            self.size = PageSize::ServerDefault;
            self.refused += 1;
            self.again.push_back(session);
            return Taken::GoesOn { lost: 0 };
        }
        Taken::GoesOn { lost: u64::from(!matches!(outcome, Outcome::Page(_))) }
    }

    fn is_done(&self) -> bool {
        self.in_flight == 0 && self.again.is_empty() && self.next as usize == self.wants.sessions()
    }

    fn kept(&self) -> u64 {
        0
    }

    fn requests(&self) -> u64 {
        self.wants.sessions() as u64 + self.refused
    }
}

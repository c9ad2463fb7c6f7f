//! What happens to a connection or a request, and why.

use std::fmt;

use crate::{Alert, Change, Phase, Verdict, Window};

/// What is done. Ordered by how hard it is on the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Nothing is said.
    #[default]
    Serve,
    /// Served, and told in headers.
    Warn,
    /// The handshake completes. At a request: answered with an explanation, and it goes no further. At the
    /// hello: to be decided at the first request.
    Explain,
    /// A TLS alert, before any cryptography. Only at the hello.
    Refuse(Alert),
}

impl Action {
    /// A stable word for it: `serve`, `warn`, `explain` or `refuse`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Warn => "warn",
            Self::Explain => "explain",
            Self::Refuse(_) => "refuse",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the whole plan does, by the sunset that is hardest on this client. Small and without heap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// What is done.
    pub action: Action,
    /// The index in the plan of the sunset that decided: one the client misses and that has begun. `None`
    /// when there is none such; the client is then served and the other fields are empty.
    pub sunset: Option<usize>,
    /// The phase of that sunset; observe while it is on hold.
    pub phase: Option<Phase>,
    /// What the client lacks for that sunset's floor.
    pub verdict: Verdict,
    /// The index in the plan of the exception that lifted the action to warn.
    pub exception: Option<usize>,
    /// Decided on a preview name, by the date it shows.
    pub preview: bool,
    /// The brownout window that decided.
    pub window: Option<Window>,
    /// Would be refused, but the account is not certain yet, and an account exception is in force or the sunset is
    /// for a cohort: the first request decides.
    pub deferred: bool,
    /// The sunset is on hold.
    pub held: bool,
}

/// How a client stands with one sunset: what `/ssl/` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The index of the sunset in the plan.
    pub sunset: usize,
    /// Whether the client meets the sunset's floor.
    pub verdict: Verdict,
    /// Whether the sunset is for this client at all: false for who is not in its cohort. There is then no phase,
    /// action, exception or window.
    pub applies: bool,
    /// The phase at this moment, `None` before the first; observe while the sunset is on hold.
    pub phase: Option<Phase>,
    /// What this sunset alone does to the client.
    pub action: Action,
    /// The next change of phase, as planned: while the sunset is on hold it changes nothing.
    pub next: Option<Change>,
    /// The index in the plan of the exception that lifts the action to warn.
    pub exception: Option<usize>,
    /// The brownout window that decides.
    pub window: Option<Window>,
    /// See [`Decision::deferred`].
    pub deferred: bool,
    /// The sunset is on hold.
    pub held: bool,
}

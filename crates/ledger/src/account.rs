//! Who a connection belongs to, and whether a customer is behind it at all.

use std::net::IpAddr;
use std::sync::Arc;

use hello::OfferId;
use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

/// Candidates that are kept for one connection; behind an address with more, the latest seen are listed.
pub const MOST_CANDIDATES: usize = 8;

/// Who a connection belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// The account showed itself on this connection. The id is never a key or a token.
    Known(Arc<str>),
    /// No account showed itself; these were last seen at this address with this offer.
    Inferred(Inferred),
}

/// Accounts that were seen before where a connection came from. One candidate is an inference, several are a
/// choice that nobody can make from here; neither is a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inferred {
    /// The latest seen first; never empty, at most [`MOST_CANDIDATES`].
    pub candidates: Vec<Candidate>,
    /// There were more candidates than are listed.
    pub more: bool,
}

/// An account that was seen where a connection came from, or whose network or server name that is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The account's id.
    pub id: Arc<str>,
    /// How long before this connection it was last seen there, in seconds.
    pub age_seconds: u64,
}

impl Serialize for Account {
    /// One account has an `id`, certain or inferred; several are `candidates` and have none.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Known(id) => {
                map.serialize_entry("id", id)?;
                map.serialize_entry("inferred", &false)?;
            }
            Self::Inferred(Inferred { candidates, more }) => {
                match candidates.as_slice() {
                    [only] if !more => {
                        map.serialize_entry("id", &only.id)?;
                        map.serialize_entry("age_seconds", &only.age_seconds)?;
                    }
                    several => {
                        map.serialize_entry("candidates", several)?;
                        map.serialize_entry("more", more)?;
                    }
                }
                map.serialize_entry("inferred", &true)?;
            }
        }
        map.end()
    }
}

/// Where an account was last seen: by this a connection without an account is attributed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// The client's address, as far as the privacy setting kept it.
    pub address: IpAddr,
    /// What the client offered.
    pub offer: OfferId,
    /// The account's id.
    pub account: Arc<str>,
    /// When it was last seen there, on the plan's clock.
    pub last: Timestamp,
}

/// Whether a customer is behind a connection.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Visitor {
    /// As far as anybody can tell.
    #[default]
    Customer,
    /// A load balancer or a monitor that asks whether the edge is alive.
    HealthCheck,
    /// Somebody who looks at servers, not at this API.
    Scanner,
    /// A crawler.
    Bot,
}

impl Visitor {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Customer, Self::HealthCheck, Self::Scanner, Self::Bot];

    /// A stable word for it: `customer`, `health-check`, `scanner` or `bot`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::HealthCheck => "health-check",
            Self::Scanner => "scanner",
            Self::Bot => "bot",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_candidates_never_become_one_id() {
        let candidate = |id: &str| Candidate {
            id: id.into(),
            age_seconds: 7,
        };
        let json = |candidates, more| {
            serde_json::to_value(Account::Inferred(Inferred { candidates, more })).expect("data")
        };
        let one = json(vec![candidate("acme")], false);
        assert_eq!(
            one,
            serde_json::json!({"id": "acme", "age_seconds": 7, "inferred": true})
        );
        let two = json(vec![candidate("acme"), candidate("globex")], false);
        assert!(two.get("id").is_none() && two["candidates"][1]["id"] == "globex");
        let cut = json(vec![candidate("acme")], true);
        assert!(cut.get("id").is_none(), "one of many is not the one");
    }
}

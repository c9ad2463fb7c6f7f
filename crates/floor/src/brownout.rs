//! Brownouts: short, announced windows in which a floor bites, so that a forgotten client shows itself while
//! there is time.

use std::fmt;
use std::hash::Hasher;

use jiff::{SignedDuration, Timestamp};
use siphasher::sip::SipHasher24;

use crate::who::{Moment, Who};

/// A run of brownout windows. Window `k` (from 0) starts at `from + offset + k × every` and lasts `length`;
/// only starts before `to` count, and no window goes past `to`.
#[derive(Clone, Debug, PartialEq)]
pub struct Brownout {
    /// Start of the run. From here on, clients outside windows are warned.
    pub from: Timestamp,
    /// End of the run, not in it.
    pub to: Timestamp,
    /// How long a window lasts; above zero.
    pub length: SignedDuration,
    /// From one window's start to the next; no shorter than `length`.
    pub every: SignedDuration,
    /// From `from` to the first window's start; not negative.
    pub offset: SignedDuration,
    /// Which accounts are hit.
    pub share: Share,
    /// Paths that are spared, whole segments: `/ssl` spares `/ssl` and `/ssl/x`, not `/ssls`.
    pub exempt: Vec<String>,
    /// What happens inside a window.
    pub measure: Measure,
}

/// What a window does to a client that misses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// As the explain phase.
    #[default]
    Explain,
    /// As the refuse phase.
    Refuse,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Explain => "explain",
            Self::Refuse => "refuse",
        })
    }
}

/// One window: from `start` to `end`, `end` not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its first moment.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
}

impl Brownout {
    /// Whether `now` is in the run, in a window or between two.
    pub fn covers(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.to
    }

    /// The window that `now` is in.
    pub fn window_at(&self, now: Timestamp) -> Option<Window> {
        if !self.covers(now) {
            return None;
        }
        let window = self.window(self.index_at(now)?)?;
        (now < window.end).then_some(window)
    }

    /// The first window that starts after `now`.
    pub fn next_window(&self, now: Timestamp) -> Option<Window> {
        self.window(
            self.index_at(now)
                .map_or(0, |index| index.saturating_add(1)),
        )
    }

    /// All windows in order. Their number has no bound of its own: a run of years can have a great many.
    pub fn windows(&self) -> impl Iterator<Item = Window> {
        (0..self.count()).map_while(|index| self.window(index))
    }

    /// The windows that have a moment in `from..to`, in order.
    pub fn windows_between(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Window> {
        let first = self.index_at(from).unwrap_or(0);
        (first..self.count())
            .map_while(|index| self.window(index))
            .skip_while(move |window| window.end <= from)
            .take_while(move |window| window.start < to)
    }

    /// How many windows there are.
    pub fn count(&self) -> u64 {
        let Ok(first) = self.from.checked_add(self.offset) else {
            return 0;
        };
        let room = self.to.duration_since(first).as_nanos();
        let (room, every) = (
            u128::try_from(room).unwrap_or(0),
            u128::try_from(self.every.as_nanos()).unwrap_or(0),
        );
        room.checked_next_multiple_of(every)
            .and_then(|room| room.checked_div(every))
            .map_or(0, |count| u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// The last window that starts no later than `now`, whether or not it is in the run.
    fn index_at(&self, now: Timestamp) -> Option<u64> {
        let first = self.from.checked_add(self.offset).ok()?;
        let since = now.duration_since(first).as_nanos();
        if since < 0 {
            return None;
        }
        u64::try_from(since.checked_div(self.every.as_nanos())?).ok()
    }

    fn window(&self, index: u64) -> Option<Window> {
        let since = self.every.as_nanos().checked_mul(index.into())?;
        let since = SignedDuration::try_from_nanos_i128(since)?;
        let start = self
            .from
            .checked_add(self.offset)
            .ok()?
            .checked_add(since)
            .ok()?;
        let end = start
            .checked_add(self.length)
            .map_or(self.to, |end| end.min(self.to));
        (start < self.to).then_some(Window { start, end })
    }

    /// Whether this client is hit when a window is open.
    pub(crate) fn hits(
        &self,
        sunset: &str,
        who: &Who<'_>,
        moment: Moment<'_>,
        key: &[u8; 16],
    ) -> bool {
        let spared = match moment {
            Moment::Hello => false,
            Moment::Request { path } => self.exempt.iter().any(|exempt| is_under(path, exempt)),
        };
        !spared && self.share.includes(sunset, who, key)
    }
}

/// Whether a request path is `root` or below it, by whole segments. A path that climbs (`..`), in plain or
/// percent-encoded form, is under nothing: what it will be upstream cannot be told from here.
pub(crate) fn is_under(path: &str, root: &str) -> bool {
    let path = path.split_once(['?', '#']).map_or(path, |(path, _)| path);
    let root = root.strip_suffix('/').unwrap_or(root);
    let climbs = path.split('/').any(is_dot_dot);
    !climbs
        && path
            .strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `..` with either dot, or both, as `%2e`.
fn is_dot_dot(segment: &str) -> bool {
    ["..", ".%2e", "%2e.", "%2e%2e"]
        .iter()
        .any(|climb| segment.eq_ignore_ascii_case(climb))
}

/// A share of all accounts. An account is in it or not by a keyed hash, so it stays so from window to window,
/// nobody outside can tell who is next, and a larger share includes a smaller one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(f64);

impl Share {
    /// Everybody.
    pub const ALL: Self = Self(1.0);

    /// A share, above 0 and at most 1.
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share <= 1.0).then_some(Self(share))
    }

    /// The share, above 0 and at most 1.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// Whether this client's account is in it; a client without an account counts by its address.
    fn includes(self, sunset: &str, who: &Who<'_>, key: &[u8; 16]) -> bool {
        self.0 >= 1.0 || position(sunset, who, key) < self.0
    }
}

/// Where between 0 and 1 an account stands for a sunset.
fn position(sunset: &str, who: &Who<'_>, key: &[u8; 16]) -> f64 {
    let mut hasher = SipHasher24::new_with_key(key);
    hasher.write(sunset.as_bytes());
    // No UTF-8 text holds these bytes, so the parts cannot run into one another.
    match (who.account.name(), who.address) {
        (Some(account), _) => {
            hasher.write_u8(0xff);
            hasher.write(account.as_bytes());
        }
        (None, Some(address)) => {
            hasher.write_u8(0xfe);
            match address.to_canonical() {
                std::net::IpAddr::V4(address) => hasher.write(&address.octets()),
                std::net::IpAddr::V6(address) => hasher.write(&address.octets()),
            }
        }
        (None, None) => hasher.write_u8(0xfd),
    }
    // The upper 53 bits: what an f64 holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
    let position = (hasher.finish() >> 11) as f64;
    position / 9_007_199_254_740_992.0
}

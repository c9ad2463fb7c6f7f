//! What is counted together: everything that is kept of a connection, apart from how much and when.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use floor::Phase;
use hello::OfferId;
use sha2::{Digest as _, Sha256};

use crate::{Account, Entry, Visitor, Who};

/// The longest server name that is kept (RFC 1035 section 2.3.4).
const MOST_SNI: usize = 255;
/// The longest User-Agent that is kept, as in a sighting.
const MOST_USER_AGENT: usize = 256;
/// The longest account id that is kept. Ids are names, claims or hashes; what is longer is cut.
const MOST_ACCOUNT: usize = 256;
/// The longest name of a listener or of a sunset; both come from the configuration.
const MOST_NAME: usize = 256;

/// What a requests' row says before its connection has ended.
pub(crate) const OPEN: &str = "open";

/// The identity of a [`Key`]: the first 16 bytes of the SHA-256 of its canonical bytes. A client chooses much of a
/// key; with a weaker hash it could choose another client's.
pub(crate) type Digest = [u8; 16];

/// The key of a roll-up row, without its hour. Most of its texts come from tables of the program, and are not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    /// Counted without its details; all else but the visitor is empty then.
    pub(crate) is_other: bool,
    pub(crate) visitor: Visitor,
    pub(crate) who: Who,
    pub(crate) offer: Option<OfferId>,
    pub(crate) edge: Cow<'a, str>,
    pub(crate) sni: Option<Cow<'a, str>>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) user_agent: Option<Cow<'a, str>>,
    pub(crate) version: Option<Cow<'static, str>>,
    pub(crate) cipher: Option<Cow<'static, str>>,
    pub(crate) group: Option<Cow<'static, str>>,
    pub(crate) sunset: Option<Cow<'a, str>>,
    pub(crate) phase: Option<Phase>,
    pub(crate) action: Cow<'static, str>,
    /// Seconds of the Unix epoch.
    pub(crate) window: Option<i64>,
    pub(crate) preview: bool,
    pub(crate) outcome: Cow<'static, str>,
}

impl<'a> Key<'a> {
    /// The key of an entry whose offer has this identity.
    pub(crate) fn of(entry: &'a Entry, offer: Option<OfferId>) -> Self {
        let sighting = &entry.sighting;
        let negotiated = sighting.negotiated.as_ref();
        let judged = sighting.judged.as_ref();
        Self {
            is_other: false,
            visitor: sighting.visitor,
            who: who(sighting.account.as_ref()),
            offer,
            edge: cut(&sighting.edge, MOST_NAME).into(),
            sni: sighting.sni.as_deref().map(|sni| cut(sni, MOST_SNI).into()),
            address: sighting.address,
            user_agent: sighting
                .user_agent
                .as_deref()
                .map(|agent| cut(agent, MOST_USER_AGENT).into()),
            version: negotiated.map(|negotiated| match negotiated.version.name() {
                Some(name) => name.into(),
                None => negotiated.version.to_string().into(),
            }),
            cipher: negotiated.map(|negotiated| negotiated.cipher.into()),
            group: negotiated.and_then(|negotiated| negotiated.group.map(Into::into)),
            sunset: judged
                .and_then(|judged| judged.sunset.as_deref())
                .map(|name| cut(name, MOST_NAME).into()),
            phase: judged.and_then(|judged| judged.phase),
            action: judged.map_or("", |judged| judged.action).into(),
            window: judged
                .and_then(|judged| judged.window)
                .map(jiff::Timestamp::as_second),
            preview: judged.is_some_and(|judged| judged.preview),
            outcome: if entry.is_last {
                sighting.outcome.label().into()
            } else {
                OPEN.into()
            },
        }
    }

    /// The key of what is counted without its details.
    pub(crate) fn other(visitor: Visitor) -> Key<'static> {
        Key {
            is_other: true,
            visitor,
            who: Who::Nobody,
            offer: None,
            edge: "".into(),
            sni: None,
            address: None,
            user_agent: None,
            version: None,
            cipher: None,
            group: None,
            sunset: None,
            phase: None,
            action: "".into(),
            window: None,
            preview: false,
            outcome: "".into(),
        }
    }

    /// The same, holding its own text.
    pub(crate) fn into_owned(self) -> Key<'static> {
        let own = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Key {
            is_other: self.is_other,
            visitor: self.visitor,
            who: self.who,
            offer: self.offer,
            edge: Cow::Owned(self.edge.into_owned()),
            sni: own(self.sni),
            address: self.address,
            user_agent: own(self.user_agent),
            version: self.version,
            cipher: self.cipher,
            group: self.group,
            sunset: own(self.sunset),
            phase: self.phase,
            action: self.action,
            window: self.window,
            preview: self.preview,
            outcome: self.outcome,
        }
    }

    /// Its identity. `scratch` is written over; it spares an allocation for each entry.
    ///
    /// Fields are told apart by their order and by a length before each, so that no two keys have the same bytes.
    pub(crate) fn digest(&self, scratch: &mut Vec<u8>) -> Digest {
        scratch.clear();
        scratch.push(u8::from(self.is_other));
        scratch.push(visitor_code(self.visitor));
        let (kind, ids) = who_parts(&self.who);
        scratch.push(kind);
        scratch.push(u8::try_from(ids.len()).unwrap_or(u8::MAX));
        for id in ids {
            field(scratch, Some(id.as_bytes()));
        }
        field(scratch, self.offer.as_ref().map(|id| id.0.as_slice()));
        field(scratch, Some(self.edge.as_bytes()));
        field(scratch, self.sni.as_deref().map(str::as_bytes));
        match self.address {
            Some(IpAddr::V4(address)) => field(scratch, Some(&address.octets())),
            Some(IpAddr::V6(address)) => field(scratch, Some(&address.octets())),
            None => field(scratch, None),
        }
        for text in [
            &self.user_agent,
            &self.version,
            &self.cipher,
            &self.group,
            &self.sunset,
        ] {
            field(scratch, text.as_deref().map(str::as_bytes));
        }
        scratch.push(self.phase.map_or(u8::MAX, phase_code));
        field(scratch, Some(self.action.as_bytes()));
        field(
            scratch,
            self.window
                .map(i64::to_be_bytes)
                .as_ref()
                .map(<[u8; 8]>::as_slice),
        );
        scratch.push(u8::from(self.preview));
        field(scratch, Some(self.outcome.as_bytes()));
        let digest = Sha256::digest(&scratch);
        digest.first_chunk().copied().unwrap_or_default()
    }

    /// About how many bytes of memory it holds.
    pub(crate) fn weight(&self) -> usize {
        let texts = [
            &self.sni,
            &self.user_agent,
            &self.version,
            &self.cipher,
            &self.group,
            &self.sunset,
        ];
        let text: usize = texts
            .into_iter()
            .flatten()
            .map(|text| text.len())
            .chain([self.edge.len(), self.action.len(), self.outcome.len()])
            .sum();
        let ids: usize = who_parts(&self.who).1.iter().map(|id| id.len() + 32).sum();
        size_of::<Self>() + text + ids
    }
}

/// A field: absent, or its length and its bytes. Every field is shorter than 64 KiB.
fn field(bytes: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => bytes.push(0),
        Some(value) => {
            bytes.push(1);
            bytes.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(value);
        }
    }
}

/// The same accounts, in whatever order and at whatever age they were found, are one `who`.
fn who(account: Option<&Account>) -> Who {
    match account {
        None => Who::Nobody,
        Some(Account::Inferred(inferred)) if inferred.candidates.is_empty() => Who::Nobody,
        Some(Account::Known(id)) => Who::Known(cut_id(id)),
        Some(Account::Inferred(inferred)) => {
            let mut candidates: Vec<Arc<str>> = inferred
                .candidates
                .iter()
                .take(crate::MOST_CANDIDATES)
                .map(|candidate| cut_id(&candidate.id))
                .collect();
            candidates.sort_unstable();
            candidates.dedup();
            Who::Inferred {
                candidates,
                more: inferred.more || inferred.candidates.len() > crate::MOST_CANDIDATES,
            }
        }
    }
}

/// The kind of a `who` as it is stored, and its ids.
pub(crate) fn who_parts(who: &Who) -> (u8, &[Arc<str>]) {
    match who {
        Who::Nobody => (0, &[]),
        Who::Known(id) => (1, std::slice::from_ref(id)),
        Who::Inferred {
            candidates,
            more: false,
        } => (2, candidates),
        Who::Inferred {
            candidates,
            more: true,
        } => (3, candidates),
    }
}

/// The reverse of [`who_parts`].
pub(crate) fn who_from_parts(kind: u8, ids: Vec<Arc<str>>) -> Option<Who> {
    match (kind, ids.as_slice()) {
        (0, []) => Some(Who::Nobody),
        (1, [id]) => Some(Who::Known(id.clone())),
        (2 | 3, [_, ..]) => Some(Who::Inferred {
            candidates: ids,
            more: kind == 3,
        }),
        _ => None,
    }
}

/// A visitor as it is stored. These numbers are the file's and never change.
pub(crate) const fn visitor_code(visitor: Visitor) -> u8 {
    match visitor {
        Visitor::Customer => 0,
        Visitor::HealthCheck => 1,
        Visitor::Scanner => 2,
        Visitor::Bot => 3,
    }
}

/// The reverse of [`visitor_code`].
pub(crate) fn visitor_from_code(code: u8) -> Option<Visitor> {
    Visitor::ALL
        .into_iter()
        .find(|visitor| visitor_code(*visitor) == code)
}

/// A phase as it is stored. These numbers are the file's and never change.
pub(crate) const fn phase_code(phase: Phase) -> u8 {
    match phase {
        Phase::Observe => 0,
        Phase::Warn => 1,
        Phase::Brownout => 2,
        Phase::Explain => 3,
        Phase::Refuse => 4,
    }
}

/// The reverse of [`phase_code`].
pub(crate) fn phase_from_code(code: u8) -> Option<Phase> {
    Phase::ALL
        .into_iter()
        .find(|phase| phase_code(*phase) == code)
}

fn cut_id(id: &Arc<str>) -> Arc<str> {
    match cut(id, MOST_ACCOUNT) {
        whole if whole.len() == id.len() => id.clone(),
        short => short.into(),
    }
}

/// At most `most` bytes of a text, whole characters.
fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

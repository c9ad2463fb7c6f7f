//! What the columns are.

use hello::Offer;

use crate::Who;
use crate::amounts::Amounts;
use crate::rollup::Key;

/// A key as it is shown.
pub(super) struct Named {
    key: Key<'static>,
    account_is: &'static str,
    candidates: Option<String>,
    address: Option<String>,
    offer: Option<String>,
    offered: Option<String>,
    ja3: Option<String>,
    ja4: Option<String>,
}

impl Named {
    pub(super) fn new(key: Key<'static>, offer: Option<&Offer>) -> Self {
        let (account_is, candidates) = match &key.who {
            Who::Nobody => ("nobody", None),
            Who::Known(_) => ("known", None),
            // Ids may hold commas; a JSON list keeps them apart.
            Who::Inferred { candidates, .. } => {
                ("inferred", serde_json::to_string(candidates).ok())
            }
        };
        // Of a part of an offer there is no fingerprint.
        let whole = offer.filter(|offer| !offer.is_partial());
        Self {
            account_is,
            candidates,
            address: key.address.map(|address| address.to_string()),
            offer: key.offer.map(|identity| identity.to_string()),
            offered: offer.map(|offer| offer.max_version().to_string()),
            ja3: whole.map(hello::ja3),
            ja4: whole.map(hello::ja4),
            key,
        }
    }
}

/// One line of the table.
pub(super) struct Line<'a> {
    pub(super) period: &'static str,
    /// Seconds of the Unix epoch.
    pub(super) start: i64,
    pub(super) named: &'a Named,
    pub(super) amounts: Amounts,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Seconds of the Unix epoch.
    Time,
    Number,
    Flag,
}

/// What a column of a line holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Nothing,
    Text(&'a str),
    Time(i64),
    Number(u64),
    Flag(bool),
}

/// A column.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Some lines have nothing in it.
    pub(super) is_optional: bool,
    pub(super) value: for<'a> fn(&'a Line<'a>) -> Value<'a>,
}

const fn always(
    name: &'static str,
    kind: Kind,
    value: for<'a> fn(&'a Line<'a>) -> Value<'a>,
) -> Column {
    Column {
        name,
        kind,
        is_optional: false,
        value,
    }
}

const fn sometimes(
    name: &'static str,
    kind: Kind,
    value: for<'a> fn(&'a Line<'a>) -> Value<'a>,
) -> Column {
    Column {
        name,
        kind,
        is_optional: true,
        value,
    }
}

fn text(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Nothing, Value::Text)
}

/// Every column, in their order.
pub(super) const COLUMNS: [Column; 34] = [
    always("period", Kind::Text, |line| Value::Text(line.period)),
    always("start", Kind::Time, |line| Value::Time(line.start)),
    always("edge", Kind::Text, |line| Value::Text(&line.named.key.edge)),
    sometimes("account", Kind::Text, |line| match &line.named.key.who {
        Who::Known(id) => Value::Text(id),
        _ => Value::Nothing,
    }),
    always("account_is", Kind::Text, |line| {
        Value::Text(line.named.account_is)
    }),
    sometimes("candidates", Kind::Text, |line| {
        text(line.named.candidates.as_deref())
    }),
    always("more_candidates", Kind::Flag, |line| {
        Value::Flag(matches!(
            line.named.key.who,
            Who::Inferred { more: true, .. }
        ))
    }),
    sometimes("age_seconds", Kind::Number, |line| {
        line.amounts.age.map_or(Value::Nothing, Value::Number)
    }),
    always("visitor", Kind::Text, |line| {
        Value::Text(line.named.key.visitor.name())
    }),
    sometimes("address", Kind::Text, |line| {
        text(line.named.address.as_deref())
    }),
    sometimes("sni", Kind::Text, |line| {
        text(line.named.key.sni.as_deref())
    }),
    sometimes("user_agent", Kind::Text, |line| {
        text(line.named.key.user_agent.as_deref())
    }),
    sometimes("offer", Kind::Text, |line| {
        text(line.named.offer.as_deref())
    }),
    sometimes("offered", Kind::Text, |line| {
        text(line.named.offered.as_deref())
    }),
    sometimes("ja3", Kind::Text, |line| text(line.named.ja3.as_deref())),
    sometimes("ja4", Kind::Text, |line| text(line.named.ja4.as_deref())),
    sometimes("version", Kind::Text, |line| {
        text(line.named.key.version.as_deref())
    }),
    sometimes("cipher", Kind::Text, |line| {
        text(line.named.key.cipher.as_deref())
    }),
    sometimes("group", Kind::Text, |line| {
        text(line.named.key.group.as_deref())
    }),
    sometimes("sunset", Kind::Text, |line| {
        text(line.named.key.sunset.as_deref())
    }),
    sometimes("phase", Kind::Text, |line| {
        text(line.named.key.phase.map(floor::Phase::name))
    }),
    always("action", Kind::Text, |line| {
        Value::Text(&line.named.key.action)
    }),
    sometimes("window", Kind::Time, |line| {
        line.named.key.window.map_or(Value::Nothing, Value::Time)
    }),
    always("preview", Kind::Flag, |line| {
        Value::Flag(line.named.key.preview)
    }),
    always("outcome", Kind::Text, |line| {
        Value::Text(&line.named.key.outcome)
    }),
    always("without_details", Kind::Flag, |line| {
        Value::Flag(line.named.key.is_other)
    }),
    always("connections", Kind::Number, |line| {
        Value::Number(line.amounts.connections)
    }),
    always("refused", Kind::Number, |line| {
        Value::Number(line.amounts.refused)
    }),
    always("served", Kind::Number, |line| {
        Value::Number(line.amounts.requests.served)
    }),
    always("warned", Kind::Number, |line| {
        Value::Number(line.amounts.requests.warned)
    }),
    always("explained", Kind::Number, |line| {
        Value::Number(line.amounts.requests.explained)
    }),
    always("answered", Kind::Number, |line| {
        Value::Number(line.amounts.requests.answered)
    }),
    always("first", Kind::Time, |line| Value::Time(line.amounts.first)),
    always("last", Kind::Time, |line| Value::Time(line.amounts.last)),
];

//! The newest rows of the ledger, as server-sent events.
//!
//! Once a second the current hour is asked for, and what has grown since is told. That works beside an edge in the same
//! process and in another, and needs nothing from it. However many watch, the ledger is asked once; while nobody does, it
//! is not asked.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use hello::{Offer, OfferId};
use ledger::{Counts, Group, LedgerError, Who};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::console::Console;
use crate::fault::Fault;
use crate::view::recent::{Row, amount, lately, user_agent};

/// How often the ledger is asked.
const EVERY: Duration = Duration::from_secs(1);
/// Asking takes one part of this many of a processor's time.
const SHARE: u32 = 10;
/// Rows of one event: more than can be read in a second help nobody.
const MOST: usize = 8;
/// Who watches at once: each is a connection that stays open.
pub(crate) const FEEDS: usize = 256;
/// Events that wait for a slow reader; older ones are left out.
const WAITING: usize = 4;

/// What everybody who watches is told.
#[derive(Debug)]
pub(crate) struct Feed {
    /// Rows as JSON.
    sender: broadcast::Sender<Arc<str>>,
    is_asking: AtomicBool,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(WAITING).0,
            is_asking: AtomicBool::new(false),
        }
    }
}

/// Who did how much with what.
type Key = (Who, Option<OfferId>);

pub(crate) async fn live(State(console): State<Arc<Console>>) -> Response {
    if console.feed.sender.receiver_count() >= FEEDS {
        return Fault::broken("As many watch as there can be.").into_response();
    }
    let receiver = console.feed.sender.subscribe();
    if !console.feed.is_asking.swap(true, Ordering::AcqRel) {
        tokio::spawn(ask(console.clone()));
    }
    let events = stream::unfold(receiver, |mut receiver| async move {
        loop {
            match receiver.recv().await {
                Ok(rows) => {
                    let event = Event::default().event("rows").data(&*rows);
                    return Some((Ok::<_, Infallible>(event), receiver));
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    Sse::new(events)
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response()
}

/// Asks for as long as somebody watches.
async fn ask(console: Arc<Console>) {
    let mut before: Option<HashMap<Key, Counts>> = None;
    loop {
        let watch = Instant::now();
        if let Ok(rows) = rows(&console, &mut before).await
            && !rows.is_empty()
            && let Ok(text) = serde_json::to_string(&rows)
        {
            // Nobody may be there any more.
            console.feed.sender.send(text.into()).ok();
        }
        tokio::time::sleep(EVERY.max(watch.elapsed() * SHARE)).await;
        if console.feed.sender.receiver_count() == 0 {
            console.feed.is_asking.store(false, Ordering::Release);
            // Somebody may have come in between, and found that somebody asks.
            let is_watched = console.feed.sender.receiver_count() > 0;
            if !is_watched || console.feed.is_asking.swap(true, Ordering::AcqRel) {
                return;
            }
        }
    }
}

/// What has grown, the oldest first; nothing the first time.
async fn rows(
    console: &Arc<Console>,
    before: &mut Option<HashMap<Key, Counts>>,
) -> Result<Vec<Row>, Fault> {
    let now = console.clock.now();
    let range = lately(now);
    let in_force = console.source.in_force();
    let known = before.take();
    let asked = console.ask(move |ledger| {
        let groups = ledger.groups(range)?;
        let offers: HashMap<OfferId, Offer> = ledger.offers()?.into_iter().collect();
        let mut grown: Vec<(&Group, u64)> = Vec::new();
        if let Some(known) = &known {
            for group in &groups {
                let before = known.get(&(group.who.clone(), group.offer));
                let more = amount(&group.counts).saturating_sub(before.map_or(0, amount));
                if more > 0 {
                    grown.push((group, more));
                }
            }
        }
        grown.sort_by_key(|(group, _)| group.counts.last);
        let from = grown.len().saturating_sub(MOST);
        let latest = grown.get(from..).unwrap_or_default().iter();
        let rows = latest.map(|(group, more)| {
            let user_agent = user_agent(ledger, range, group)?;
            let agent = user_agent.as_ref();
            Ok(Row::new(group, agent, *more, &offers, &in_force.plan, now))
        });
        let rows = rows.collect::<Result<Vec<Row>, LedgerError>>()?;
        let counts = groups
            .into_iter()
            .map(|group| ((group.who, group.offer), group.counts));
        Ok((rows, counts.collect()))
    });
    match asked.await {
        Ok((rows, counts)) => {
            *before = Some(counts);
            Ok(rows)
        }
        Err(fault) => {
            console.forget_readers();
            Err(fault)
        }
    }
}

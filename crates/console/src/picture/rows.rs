//! From how everybody stands to the rows that are kept of it.

use std::collections::HashMap;
use std::sync::Arc;

use hello::{Offer, OfferId};
use ledger::standings::Standing as Kept;
use ledger::{LedgerError, Query, Who};
use report::Recogniser;
use report::model::{Ranked, Ranking, Ready};

use crate::view::accounts::{Lacking, Standing, state_number};

/// Names of programs that are remembered while rows are made. A client can send any User-Agent; what programs really
/// send comes again and again.
const MOST_NAMES: usize = 50_000;

/// What everybody was last seen with.
pub(super) struct Programs<'a> {
    recogniser: Recogniser<'a>,
    by_offer: HashMap<(Who, OfferId), Option<Arc<str>>>,
    /// Of an account, whatever it offered.
    by_account: HashMap<Arc<str>, Pair>,
    names: HashMap<Pair, Arc<str>>,
}

type Pair = (OfferId, Option<Arc<str>>);

impl<'a> Programs<'a> {
    pub(super) fn new(
        reader: &dyn Query,
        offers: &'a HashMap<OfferId, Offer>,
    ) -> Result<Self, LedgerError> {
        let mut programs = Self {
            recogniser: Recogniser::new(offers),
            by_offer: HashMap::new(),
            by_account: HashMap::new(),
            names: HashMap::new(),
        };
        reader.programs(&mut |client, user_agent| {
            let Some(offer) = client.offer else {
                return;
            };
            if let Who::Known(id) = &client.who {
                let pair = (offer, user_agent.clone());
                programs.by_account.insert(id.clone(), pair);
            }
            let key = (client.who.clone(), offer);
            programs.by_offer.insert(key, user_agent);
        })?;
        Ok(programs)
    }

    fn of_offer(&mut self, who: &Who, offer: OfferId) -> Arc<str> {
        let key = (who.clone(), offer);
        let user_agent = self.by_offer.get(&key).cloned().flatten();
        self.name((offer, user_agent))
    }

    fn of_account(&mut self, id: &str) -> Option<Arc<str>> {
        let pair = self.by_account.get(id)?.clone();
        Some(self.name(pair))
    }

    fn name(&mut self, pair: Pair) -> Arc<str> {
        if let Some(name) = self.names.get(&pair) {
            return name.clone();
        }
        if self.names.len() >= MOST_NAMES {
            self.names.clear();
        }
        let name: Arc<str> = self.recogniser.program(pair.0, pair.1.as_ref()).into();
        self.names.insert(pair, name.clone());
        name
    }
}

/// The rows of a sunset, in order. What shows no account is nobody's row.
pub(super) fn of(ranking: &Ranking, programs: &mut Programs<'_>) -> Vec<Kept> {
    let mut lacks: HashMap<OfferId, Arc<str>> = HashMap::new();
    let missing = ranking.missing.iter();
    let mut rows: Vec<Kept> = missing
        .filter(|ranked| ranked.who.0 != Who::Nobody)
        .map(|ranked| missing_row(ranked, programs, &mut lacks))
        .collect();
    rows.extend(ranking.ready.iter().map(|ready| ready_row(ready, programs)));
    rows
}

fn missing_row(
    ranked: &Ranked,
    programs: &mut Programs<'_>,
    lacks: &mut HashMap<OfferId, Arc<str>>,
) -> Kept {
    let share = if ranked.all.requests > 0 {
        report::words::share(ranked.misses.requests, ranked.all.requests)
    } else {
        report::words::share(ranked.misses.connections, ranked.all.connections)
    };
    let worst = ranked.worst;
    Kept {
        who: ranked.who.0.clone(),
        standing: Standing::of(ranked).number(),
        state: Some(state_number(ranked.state)),
        program: worst.map(|offer| programs.of_offer(&ranked.who.0, offer)),
        lacks: worst.map(|offer| {
            let text = lacks.entry(offer);
            text.or_insert_with(|| Lacking::to_text(&ranked.lacks).into())
                .clone()
        }),
        requests_a_day: ranked.requests_a_day,
        share,
        missed: Some(ranked.misses.last),
        seen: Some(ranked.last),
    }
}

fn ready_row(ready: &Ready, programs: &mut Programs<'_>) -> Kept {
    Kept {
        who: Who::Known(ready.id.clone()),
        standing: Standing::Ready.number(),
        state: None,
        program: programs.of_account(&ready.id),
        lacks: None,
        requests_a_day: ready.requests_a_day,
        share: 0.0,
        missed: None,
        seen: Some(ready.last),
    }
}

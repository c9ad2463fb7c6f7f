//! From the details of one account to its client programs, addresses and server names.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use advice::{Advice, Clues, Confidence, Knowledge, Runtime};
use floor::{Shortfall, Verdict};
use hello::{Offer, OfferId, Version};
use ledger::Detail;

use crate::model::{AddressUse, Lack, Listed, Named, Program, Usage};
use crate::tally::add;
use crate::words;

/// Programs kept for one account. A client can send any User-Agent, so there is no end to them; an operator who
/// has read twenty knows enough.
const MOST_PROGRAMS: usize = 20;
/// Addresses, server names and the like kept for one account, for the same reason.
const MOST_LISTED: usize = 100;
/// User-Agents and fingerprints kept for one program.
const MOST_CLUES: usize = 5;

/// Offers, and what was recognised so far.
pub(crate) struct Clients<'a> {
    offers: &'a HashMap<OfferId, Offer>,
    prints: HashMap<OfferId, Prints>,
    runtimes: HashMap<Pair, Option<Runtime>>,
}

/// What a program is recognised by.
type Pair = (OfferId, Option<Arc<str>>);

/// Pairs whose runtime is remembered over all accounts. A client can send any User-Agent; what programs really send
/// comes again and again.
const MOST_REMEMBERED: usize = 20_000;

/// What is derived from an offer.
struct Prints {
    /// None of a part of an offer.
    fingerprints: Option<(String, String)>,
    max: Version,
}

/// What is one program: the same runtime, or the same unknown User-Agent, with the same lack.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    runtime: Option<(String, Option<String>, Option<String>)>,
    user_agent: Option<Arc<str>>,
    max: Version,
    lacks: [Option<String>; 3],
}

/// A program as it adds up.
struct Sum {
    runtime: Option<Runtime>,
    verdict: Verdict,
    usage: Option<Usage>,
    user_agents: HashMap<Arc<str>, Usage>,
    ja4: HashMap<String, Usage>,
}

impl<'a> Clients<'a> {
    pub(crate) fn new(offers: &'a HashMap<OfferId, Offer>) -> Self {
        Self {
            offers,
            prints: HashMap::new(),
            runtimes: HashMap::new(),
        }
    }

    /// The programs behind these, most used first, with what each lacks by the verdict on its offer.
    pub(crate) fn programs<'d>(
        &mut self,
        details: impl Iterator<Item = &'d Detail>,
        verdict: impl Fn(OfferId) -> Verdict,
    ) -> Listed<Program> {
        // Many rows differ only in address or hour: each pair of offer and User-Agent is recognised once.
        let mut pairs: HashMap<Pair, Usage> = HashMap::new();
        for detail in details {
            if let Some(offer) = detail.offer {
                sum(
                    &mut pairs,
                    (offer, detail.user_agent.clone()),
                    Usage::new(&detail.counts),
                );
            }
        }
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.sort_by(|(pair, usage), (other, other_usage)| {
            (usage.rank(), pair).cmp(&(other_usage.rank(), other))
        });
        let mut programs: HashMap<Key, Sum> = HashMap::new();
        for (pair, usage) in pairs {
            let (id, user_agent) = &pair;
            let Some(runtime) = self.runtime(&pair) else {
                continue;
            };
            let Some((_, prints)) = self.prints(*id) else {
                continue;
            };
            let ja4 = prints.fingerprints.as_ref().map(|(_, ja4)| ja4);
            let verdict = verdict(*id);
            let mut lacks = verdict
                .shortfalls()
                .map(|shortfall| shortfall.to_string())
                .fuse();
            let key = Key {
                user_agent: user_agent.clone().filter(|_| runtime.is_none()),
                runtime: runtime.as_ref().map(|runtime| {
                    (
                        runtime.runtime.clone(),
                        runtime.version.clone(),
                        runtime.library.clone(),
                    )
                }),
                max: prints.max,
                lacks: std::array::from_fn(|_| lacks.next()),
            };
            let program = programs.entry(key).or_insert_with(|| Sum {
                runtime: runtime.clone(),
                verdict,
                usage: None,
                user_agents: HashMap::new(),
                ja4: HashMap::new(),
            });
            add(&mut program.usage, usage);
            // Of several answers the surest stands: one clue more may have been there.
            if confidence(&runtime) > confidence(&program.runtime) {
                program.runtime = runtime;
            }
            if let Some(user_agent) = user_agent {
                sum(&mut program.user_agents, user_agent.clone(), usage);
            }
            if let Some(ja4) = ja4 {
                sum(&mut program.ja4, ja4.clone(), usage);
            }
        }
        let mut programs: Vec<Program> = programs
            .into_iter()
            .filter_map(|(key, sum)| program(key.max, sum))
            .collect();
        programs.sort_by_cached_key(|program| {
            (
                program.usage.rank(),
                program.ja4.items.first().cloned(),
                program.user_agents.items.first().cloned(),
            )
        });
        Listed::new(programs, MOST_PROGRAMS)
    }

    /// What a pair is recognised as; `None` where there is no such offer.
    fn runtime(&mut self, pair: &Pair) -> Option<Option<Runtime>> {
        if let Some(known) = self.runtimes.get(pair) {
            return Some(known.clone());
        }
        let (id, user_agent) = pair;
        let (offer, prints) = self.prints(*id)?;
        let prints_of = prints.fingerprints.as_ref();
        let (ja3, ja4) = prints_of.map(|(ja3, ja4)| (ja3, ja4)).unzip();
        let clues = Clues {
            user_agent: user_agent.as_deref(),
            ja4: ja4.map(String::as_str),
            ja3: ja3.map(String::as_str),
            max_protocol: prints.max,
        };
        let runtime = if offer.is_partial() {
            Knowledge::embedded().recognise(&clues)
        } else {
            Knowledge::embedded().recognise_offer(&clues, offer)
        };
        if self.runtimes.len() >= MOST_REMEMBERED {
            self.runtimes.clear();
        }
        self.runtimes.insert(pair.clone(), runtime.clone());
        Some(runtime)
    }

    fn prints(&mut self, id: OfferId) -> Option<(&'a Offer, &Prints)> {
        let offer = self.offers.get(&id)?;
        let prints = self.prints.entry(id).or_insert_with(|| Prints {
            fingerprints: (!offer.is_partial()).then(|| (hello::ja3(offer), hello::ja4(offer))),
            max: offer.max_version(),
        });
        Some((offer, prints))
    }
}

fn confidence(runtime: &Option<Runtime>) -> Option<Confidence> {
    runtime.as_ref().map(|runtime| runtime.confidence)
}

fn program(max: Version, sum: Sum) -> Option<Program> {
    Some(Program {
        runtime: sum.runtime,
        user_agents: names(sum.user_agents, MOST_CLUES),
        ja4: names(sum.ja4, MOST_CLUES),
        max_protocol: max.to_string(),
        shortfalls: sum.verdict.shortfalls().map(lack).collect(),
        advice: None,
        usage: sum.usage?,
        verdict: sum.verdict,
    })
}

pub(crate) fn lack(shortfall: Shortfall) -> Lack {
    Lack {
        code: shortfall.code(),
        because: shortfall.because().to_string(),
        needed: shortfall.needed().to_string(),
    }
}

/// The change that fixes a program.
pub(crate) fn advise(program: &Program, check_url: &str) -> Option<Advice> {
    Knowledge::embedded().advise_verdict(program.runtime.as_ref(), &program.verdict, check_url)
}

/// The addresses behind these, most used first.
pub(crate) fn addresses<'d>(details: impl Iterator<Item = &'d Detail>) -> Listed<AddressUse> {
    let mut all: HashMap<Option<IpAddr>, Usage> = HashMap::new();
    for detail in details {
        sum(&mut all, detail.address, Usage::new(&detail.counts));
    }
    let mut all: Vec<AddressUse> = all
        .into_iter()
        .map(|(address, usage)| AddressUse { address, usage })
        .collect();
    all.sort_by_key(|one| (one.usage.rank(), one.address));
    Listed::new(all, MOST_LISTED)
}

/// One part of each detail, or a few of them together, most used first.
pub(crate) fn named<'d, const N: usize>(
    details: impl Iterator<Item = &'d Detail>,
    parts: impl Fn(&'d Detail) -> [Option<&'d str>; N],
) -> Listed<Named> {
    let mut all: HashMap<[Option<&str>; N], Usage> = HashMap::new();
    for detail in details {
        sum(&mut all, parts(detail), Usage::new(&detail.counts));
    }
    let mut all: Vec<Named> = all
        .into_iter()
        .map(|(names, usage)| Named {
            names: names.map(|name| name.unwrap_or_default().to_owned()).into(),
            usage,
        })
        .collect();
    all.sort_by(|one, other| {
        (one.usage.rank(), &one.names).cmp(&(other.usage.rank(), &other.names))
    });
    Listed::new(all, MOST_LISTED)
}

fn names<K: Ord>(all: HashMap<K, Usage>, most: usize) -> Listed<K> {
    let mut all: Vec<(K, Usage)> = all.into_iter().collect();
    all.sort_by(|(one, used), (other, used_too)| (used.rank(), one).cmp(&(used_too.rank(), other)));
    Listed::new(all.into_iter().map(|(name, _)| name).collect(), most)
}

fn sum<K: Eq + Hash>(all: &mut HashMap<K, Usage>, key: K, usage: Usage) {
    all.entry(key)
        .and_modify(|sum| sum.add(usage))
        .or_insert(usage);
}

/// Tells what runs behind an offer and a User-Agent, each pair looked at once.
pub struct Recogniser<'a>(Clients<'a>);

impl<'a> Recogniser<'a> {
    /// Of these offers.
    pub fn new(offers: &'a HashMap<OfferId, Offer>) -> Self {
        Self(Clients::new(offers))
    }

    /// What a pair is recognised as; `None` where nothing knows it.
    pub fn runtime(&mut self, offer: OfferId, user_agent: Option<&Arc<str>>) -> Option<Runtime> {
        self.0.runtime(&(offer, user_agent.cloned())).flatten()
    }

    /// The same in words, as a report names it.
    pub fn program(&mut self, offer: OfferId, user_agent: Option<&Arc<str>>) -> String {
        let runtime = self.runtime(offer, user_agent);
        let prints = self.0.prints(offer);
        let ja4 = prints.and_then(|(_, prints)| prints.fingerprints.as_ref());
        words::client(
            runtime.as_ref(),
            user_agent.map(AsRef::as_ref),
            ja4.map(|(_, ja4)| ja4.as_str()),
        )
    }
}

/// The names of the client programs behind these details, most used first.
pub fn runtimes(offers: &HashMap<OfferId, Offer>, details: &[Detail]) -> Vec<String> {
    let mut clients = Clients::new(offers);
    let programs = clients.programs(details.iter(), |_| Verdict::default());
    programs.items.iter().map(words::program).collect()
}

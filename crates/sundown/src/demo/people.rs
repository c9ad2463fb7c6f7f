//! The demo's accounts: who they are, how much they call, what they run, and when they fix it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use fastrand::Rng;

use super::calendar::DAYS;
use super::programs::Program;

const FIRST: [&str; 40] = [
    "northwind",
    "blue-heron",
    "lakeside",
    "summit",
    "harbor",
    "cedar",
    "granite",
    "maple",
    "riverbend",
    "prairie",
    "silver-oak",
    "beacon",
    "pinnacle",
    "meadow",
    "ironwood",
    "copper",
    "willow",
    "juniper",
    "falcon",
    "aurora",
    "keystone",
    "orchard",
    "redwood",
    "sunrise",
    "tidewater",
    "evergreen",
    "cascade",
    "bluff",
    "canyon",
    "delta",
    "foxglove",
    "garnet",
    "hazel",
    "indigo",
    "kestrel",
    "larkspur",
    "monarch",
    "nimbus",
    "opal",
    "quarry",
];
const SECOND: [&str; 18] = [
    "health",
    "dental",
    "pharmacy",
    "clinic",
    "labs",
    "logistics",
    "market",
    "travel",
    "billing",
    "insurance",
    "energy",
    "foods",
    "media",
    "freight",
    "retail",
    "software",
    "payments",
    "analytics",
];

/// When in a day somebody calls.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rhythm {
    /// Working hours, little on weekends.
    Office,
    /// People at home: evenings, weekends as well.
    Consumer,
    /// A job once a night.
    Nightly,
}

impl Rhythm {
    /// The share of a day's calls in an hour of the account's own clock; of a day, 1 in all.
    pub(super) fn share(self, hour: i64) -> f64 {
        let weight = |hour: i64| match self {
            Self::Office => match hour {
                8..=11 | 13..=16 => 8.0,
                12 | 17 => 5.0,
                7 | 18 | 19 => 2.0,
                _ => 0.4,
            },
            Self::Consumer => match hour {
                18..=21 => 8.0,
                9..=17 => 4.0,
                22 | 23 | 7 | 8 => 2.5,
                _ => 0.5,
            },
            Self::Nightly => f64::from(u8::from(hour == 2)),
        };
        let all: f64 = (0..24).map(weight).sum();
        weight(hour) / all
    }

    /// How much of a working day's calls a weekend day has.
    pub(super) const fn weekend(self) -> f64 {
        match self {
            Self::Office => 0.12,
            Self::Consumer => 1.15,
            Self::Nightly => 1.0,
        }
    }
}

/// A program that an account runs from one day of the demo to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) program: usize,
    /// The share of the account's calls.
    pub(super) share: f64,
    pub(super) from: i64,
    pub(super) until: i64,
}

/// One account.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: Arc<str>,
    pub(super) requests_a_day: f64,
    pub(super) rhythm: Rhythm,
    /// Hours that its clock is ahead of UTC.
    pub(super) zone: i64,
    pub(super) runs: Vec<Run>,
    pub(super) addresses: Vec<IpAddr>,
    /// The day on which its last old program is gone; `None` for one that still has it.
    pub(super) fixed: Option<i64>,
    /// Whether it ever had one.
    pub(super) was_old: bool,
}

/// Accounts that there can be: the names run out then.
pub(super) const MOST: usize = FIRST.len() * SECOND.len();

/// Makes so many accounts.
pub(super) fn people(count: usize, programs: &[Program], random: &mut Rng) -> Vec<Person> {
    let mut names: Vec<String> = FIRST
        .iter()
        .flat_map(|first| SECOND.iter().map(move |second| format!("{first}-{second}")))
        .collect();
    random.shuffle(&mut names);
    names.truncate(count);
    let mut people: Vec<Person> = names
        .into_iter()
        .enumerate()
        .map(|(index, name)| person(index, name.into(), programs, random))
        .collect();
    // One of those that stay old sits behind the gateway that the plan excepts.
    let stays = |person: &&mut Person| person.was_old && person.fixed.is_none();
    if let Some(person) = people.iter_mut().filter(stays).nth(2) {
        person.addresses = vec![Ipv4Addr::new(198, 18, 40, 17).into()];
    }
    people
}

fn person(index: usize, id: Arc<str>, programs: &[Program], random: &mut Rng) -> Person {
    // From a few calls a day to tens of thousands: most are small.
    let size = (random.f64() + random.f64() + random.f64()) / 3.0;
    let requests_a_day = 10_f64.powf(0.6 + 4.0 * size.powf(1.6));
    let rhythm = match random.u8(0..10) {
        0..6 => Rhythm::Office,
        6..9 => Rhythm::Consumer,
        _ => Rhythm::Nightly,
    };
    let zone = [-8, -7, -6, -5, -5, -5, 0, 1, 1, 2, 5, 9];
    let mut person = Person {
        id,
        requests_a_day,
        rhythm,
        zone: zone
            .get(random.usize(..zone.len()))
            .copied()
            .unwrap_or_default(),
        runs: Vec::new(),
        addresses: addresses(index, random),
        fixed: None,
        was_old: false,
    };
    let first = pick(programs, random, |_| true);
    // Some moved in meanwhile.
    let moved_in = if random.u8(0..12) == 0 {
        random.i64(5..DAYS - 10)
    } else {
        0
    };
    let is_old = |program: usize| programs.get(program).is_some_and(|program| program.is_old);
    let with_old_job = !is_old(first) && random.u8(0..100) < 9;
    let share = if with_old_job { 0.93 } else { 1.0 };
    person.run(first, share, moved_in, programs, random);
    if with_old_job {
        let job = pick(programs, random, |program| program.is_old);
        person.run(job, 1.0 - share, moved_in, programs, random);
    }
    person
}

impl Person {
    /// Runs a program until it is replaced, where it is.
    fn run(
        &mut self,
        program: usize,
        share: f64,
        from: i64,
        programs: &[Program],
        random: &mut Rng,
    ) {
        let Some(found) = programs.get(program) else {
            return;
        };
        let change = if found.is_old {
            self.was_old = true;
            fix(random).filter(|day| *day > from)
        } else {
            // Others are updated as they always are.
            (random.u8(0..100) < 22).then(|| random.i64(from + 1..DAYS + 1))
        };
        let (Some(day), Some(after)) = (change, found.after) else {
            self.add(Run {
                program,
                share,
                from,
                until: i64::MAX,
            });
            return;
        };
        if found.is_old {
            self.fixed = Some(self.fixed.unwrap_or_default().max(day));
        }
        // A release goes out over some days, where there is more than one machine.
        let overlap = if share > 0.5 && random.bool() {
            random.i64(1..5)
        } else {
            0
        };
        self.add(Run {
            program,
            share,
            from,
            until: day,
        });
        if overlap > 0 {
            self.add(Run {
                program,
                share: share * 0.4,
                from: day,
                until: day + overlap,
            });
            self.add(Run {
                program: after,
                share: share * 0.6,
                from: day,
                until: day + overlap,
            });
        }
        self.add(Run {
            program: after,
            share,
            from: day + overlap,
            until: i64::MAX,
        });
    }

    fn add(&mut self, run: Run) {
        self.runs.push(run);
    }
}

/// The day on which somebody fixes what is old: a few on their own, many once they are warned, and after each brownout
/// those whom it woke. `None` for who has not yet.
fn fix(random: &mut Rng) -> Option<i64> {
    match random.u8(0..100) {
        0..10 => Some(random.i64(4..30)),
        10..38 => Some(random.i64(31..60)),
        38..54 => Some(random.i64(62..70)),
        54..62 => Some(random.i64(70..84)),
        62..70 => Some(random.i64(85..91)),
        _ => None,
    }
}

fn pick(programs: &[Program], random: &mut Rng, fits: impl Fn(&Program) -> bool) -> usize {
    let fitting = || {
        programs
            .iter()
            .enumerate()
            .filter(|(_, program)| fits(program))
    };
    let all: u32 = fitting().map(|(_, program)| program.weight).sum();
    let mut left = random.u32(0..all.max(1));
    for (index, program) in fitting() {
        match left.checked_sub(program.weight) {
            Some(rest) => left = rest,
            None => return index,
        }
    }
    0
}

/// Addresses that nobody has: RFC 2544 and RFC 3849.
fn addresses(index: usize, random: &mut Rng) -> Vec<IpAddr> {
    let [_, _, high, low] = (index as u32).to_be_bytes();
    let mut addresses: Vec<IpAddr> = (0..random.u8(1..4))
        .map(|host| Ipv4Addr::new(198, 19, low, high.wrapping_mul(64) + 10 + host).into())
        .collect();
    if random.u8(0..6) == 0 {
        let network = Ipv6Addr::new(0x2001, 0xdb8, index as u16, 0, 0, 0, 0, 0x10);
        addresses.push(network.into());
    }
    addresses
}

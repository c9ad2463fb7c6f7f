//! All accounts, worst first: filtered, searched, a page at a time. What stands here was judged when the picture was made.

use jiff::Timestamp;
use ledger::LedgerError;
use ledger::standings::{self, Order, Placed, Standings, Turn};
use report::model::{Ranked, RowWho, State};
use serde::{Deserialize, Serialize};

use crate::picture::Picture;

/// Rows of a page.
pub(crate) const SIZE: u64 = 50;
/// The longest text that is searched for: ids are 256 bytes at most.
const LONGEST: usize = 256;
/// Programs and owners that are offered to choose from: who wants another one types it.
const MOST_CHOICES: u64 = 100;

/// How an account stands with a sunset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// Misses the floor, and still comes.
    NotReady,
    /// Misses, and an exception lets it past.
    Excepted,
    /// Missed, and has shown only what meets since.
    Fixed,
    /// Missed, and has not been seen since.
    Quiet,
    /// Somebody who was refused, and showed no account: who was seen there before may be it.
    Inferred,
    /// Nothing of it misses.
    Ready,
}

impl Standing {
    pub(crate) const ALL: [Self; 6] = [
        Self::NotReady,
        Self::Excepted,
        Self::Fixed,
        Self::Quiet,
        Self::Inferred,
        Self::Ready,
    ];

    /// Its number where it is kept; these never change.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::NotReady => 0,
            Self::Excepted => 1,
            Self::Fixed => 2,
            Self::Quiet => 3,
            Self::Inferred => 4,
            Self::Ready => 5,
        }
    }

    /// The reverse of [`Standing::number`].
    pub(crate) fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.number() == number)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NotReady => "not-ready",
            Self::Excepted => "excepted",
            Self::Fixed => "fixed",
            Self::Quiet => "quiet",
            Self::Inferred => "inferred",
            Self::Ready => "ready",
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::NotReady => "not ready",
            Self::Excepted => "exception",
            Self::Fixed => "fixed",
            Self::Quiet => "gone quiet",
            Self::Inferred => "inferred",
            Self::Ready => "ready",
        }
    }

    pub(crate) fn of(ranked: &Ranked) -> Self {
        if ranked.who.attribution() != "known" {
            return Self::Inferred;
        }
        match ranked.state {
            State::SeemsFixed => Self::Fixed,
            State::GoneQuiet => Self::Quiet,
            _ if !ranked.breaks => Self::Excepted,
            State::Active | State::PerhapsRefused => Self::NotReady,
        }
    }
}

/// The number of a state where it is kept; these never change.
pub(crate) const fn state_number(state: State) -> u8 {
    match state {
        State::Active => 0,
        State::GoneQuiet => 1,
        State::SeemsFixed => 2,
        State::PerhapsRefused => 3,
    }
}

fn numbered_state(number: u8) -> Option<State> {
    [
        State::Active,
        State::GoneQuiet,
        State::SeemsFixed,
        State::PerhapsRefused,
    ]
    .into_iter()
    .find(|state| state_number(*state) == number)
}

/// One thing that is lacking, as it is kept: see [`report::model::Lack`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Lacking {
    /// `version`, `suites` or `groups`.
    pub(crate) code: String,
    /// What is offered instead.
    pub(crate) because: String,
    /// What would do, as one name.
    pub(crate) needed: String,
}

impl Lacking {
    pub(crate) fn to_text(lacks: &[report::model::Lack]) -> String {
        // Texts alone: there is nothing that JSON could not hold.
        serde_json::to_string(lacks).unwrap_or_default()
    }

    /// All of them in words.
    pub(crate) fn words(all: &[Self]) -> String {
        let words = all
            .iter()
            .map(|one| report::words::lack(&one.code, &one.because, &one.needed));
        words.collect::<Vec<_>>().join("; ")
    }
}

/// By what the list is ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sort {
    /// The worst first.
    #[default]
    Worst,
    /// By id.
    Account,
    /// Those with most requests first.
    Requests,
    /// The last seen first.
    Seen,
}

impl Sort {
    pub(crate) const ALL: [Self; 4] = [Self::Worst, Self::Account, Self::Requests, Self::Seen];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Account => "account",
            Self::Requests => "requests",
            Self::Seen => "seen",
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Worst => "worst first",
            Self::Account => "by id",
            Self::Requests => "those with most requests first",
            Self::Seen => "the last seen first",
        }
    }

    const fn order(self) -> Order {
        match self {
            Self::Worst => Order::Harm,
            Self::Account => Order::Account,
            Self::Requests => Order::Requests,
            Self::Seen => Order::Seen,
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    /// The sunset, by its place in the plan.
    pub(crate) sunset: usize,
    /// The standing; empty for those that are not ready.
    pub(crate) show: String,
    /// A part of the id.
    pub(crate) q: String,
    /// Who looks after the account.
    pub(crate) owner: String,
    /// A part of the program's name.
    pub(crate) program: String,
    /// What is lacking: `version`, `suites` or `groups`.
    pub(crate) lacks: String,
    /// The order.
    pub(crate) sort: String,
    /// From the one behind this place on.
    pub(crate) after: Option<u64>,
    /// Up to the one before this place.
    pub(crate) before: Option<u64>,
}

/// A page of accounts.
#[derive(Debug, Serialize)]
pub(crate) struct Accounts {
    /// The version of this form.
    pub(crate) format: u32,
    /// When the ledger was read.
    pub(crate) at: Timestamp,
    /// The sunset that they are judged by.
    pub(crate) sunset: Option<String>,
    /// Its place in the plan.
    pub(crate) index: usize,
    /// What is shown: a standing, or `missing` for all but those that are ready, or `all`.
    pub(crate) show: String,
    /// What was searched for.
    pub(crate) q: String,
    /// Whose accounts alone.
    pub(crate) owner: String,
    /// The programs that were searched for.
    pub(crate) program: String,
    /// The lack alone.
    pub(crate) lacks: String,
    /// The order.
    pub(crate) sort: Sort,
    /// How many accounts fit what was asked.
    pub(crate) total: u64,
    /// How many of them stand before this page.
    pub(crate) skipped: u64,
    /// What `after` is on the next page; absent on the last.
    pub(crate) next: Option<u64>,
    /// What `before` is on the page before; absent on the first.
    pub(crate) previous: Option<u64>,
    /// How many there are of each standing, whatever is searched for.
    pub(crate) counts: Vec<Count>,
    /// The programs that most of those who are not ready are seen with.
    pub(crate) programs: Vec<SeenWith>,
    /// Who looks after accounts.
    pub(crate) owners: Vec<String>,
    /// The rows of this page.
    pub(crate) rows: Vec<Row>,
}

/// How many of a standing.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Count {
    /// The standing.
    pub(crate) standing: Standing,
    /// Accounts.
    pub(crate) accounts: u64,
}

/// How many are seen with a program.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SeenWith {
    /// The program.
    pub(crate) program: String,
    /// Accounts.
    pub(crate) accounts: u64,
}

/// One account.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Who.
    pub(crate) who: RowWho,
    /// How it stands.
    pub(crate) standing: Standing,
    /// Whether what misses still comes; absent for who is ready.
    pub(crate) state: Option<State>,
    /// Requests that miss by day; of who is ready, all.
    pub(crate) requests_a_day: f64,
    /// The share of its own requests, or of its connections where it made none, that misses.
    pub(crate) share: f64,
    /// When something of it last missed.
    pub(crate) last_missed: Option<Timestamp>,
    /// When it last showed itself.
    pub(crate) last_seen: Option<Timestamp>,
    /// What it lacks.
    pub(crate) lacks: Vec<Lacking>,
    /// The program that it was last seen with.
    pub(crate) program: Option<String>,
    /// Who looks after it; empty for nobody.
    pub(crate) owner: String,
    /// Where it is written to; empty where that is not known.
    pub(crate) contact: String,
}

/// What was asked, as it is understood.
pub(crate) struct Understood {
    show: String,
    sort: Sort,
    q: String,
    owner: String,
    program: String,
    lacks: String,
    asked: standings::Asked,
}

impl Understood {
    /// `None` for a sunset that is not counted yet.
    pub(crate) fn new(picture: &Picture, asked: &Asked) -> Option<Self> {
        let show = match asked.show.as_str() {
            "" => Standing::NotReady.name(),
            show => show,
        };
        let only = Standing::ALL.into_iter().find(|one| one.name() == show);
        let (show, standings) = match only {
            Some(standing) => (standing.name(), vec![standing]),
            None if show == "missing" => {
                let all = Standing::ALL.into_iter();
                let missing = all.filter(|one| *one != Standing::Ready);
                ("missing", missing.collect())
            }
            None => ("all", Vec::new()),
        };
        let cut = |text: &str| text.trim().chars().take(LONGEST).collect::<String>();
        let (q, owner, program) = (cut(&asked.q), cut(&asked.owner), cut(&asked.program));
        let lacks = ["version", "suites", "groups"]
            .into_iter()
            .find(|code| *code == asked.lacks);
        let sort = Sort::ALL.into_iter().find(|one| one.name() == asked.sort);
        let sort = sort.unwrap_or_default();
        let place = picture.places.get(asked.sunset).copied().flatten()?;
        // No list has as many places as a number of SQLite's.
        let within = |place: u64| place.min(i64::MAX as u64);
        Some(Self {
            asked: standings::Asked {
                sunset: place as u64,
                standings: standings.into_iter().map(Standing::number).collect(),
                text: q.to_lowercase(),
                owner: owner.clone(),
                program: program.to_lowercase(),
                lacks: lacks.map_or(String::new(), |code| format!("\"code\":\"{code}\"")),
                order: sort.order(),
                turn: match (asked.after, asked.before) {
                    (Some(place), _) => Turn::After(within(place)),
                    (None, Some(place)) => Turn::Before(within(place)),
                    (None, None) => Turn::First,
                },
                most: SIZE,
            },
            show: show.to_owned(),
            sort,
            q,
            owner,
            program,
            lacks: lacks.unwrap_or_default().to_owned(),
        })
    }

    /// All rows in their order, one at a time.
    pub(crate) fn each(
        &self,
        kept: &Standings,
        mut each: impl FnMut(Row),
    ) -> Result<(), LedgerError> {
        kept.each(&self.asked, |placed| each(row(placed)))
    }
}

impl Accounts {
    pub(crate) fn new(
        picture: &Picture,
        kept: &Standings,
        asked: &Asked,
    ) -> Result<Self, LedgerError> {
        let sunset = picture.in_force.plan.sunsets.get(asked.sunset);
        let mut accounts = Self {
            format: 1,
            at: picture.at,
            sunset: sunset.map(|sunset| sunset.name.clone()),
            index: asked.sunset,
            show: Standing::NotReady.name().to_owned(),
            q: String::new(),
            owner: String::new(),
            program: String::new(),
            lacks: String::new(),
            sort: Sort::default(),
            total: 0,
            skipped: 0,
            next: None,
            previous: None,
            counts: Vec::new(),
            programs: Vec::new(),
            owners: Vec::new(),
            rows: Vec::new(),
        };
        let Some(understood) = Understood::new(picture, asked) else {
            return Ok(accounts);
        };
        let of = understood.asked.sunset;
        let counts = kept.counts(of)?;
        accounts.counts = Standing::ALL
            .into_iter()
            .map(|standing| Count {
                standing,
                accounts: counts
                    .iter()
                    .find(|(number, _)| *number == standing.number())
                    .map_or(0, |(_, accounts)| *accounts),
            })
            .collect();
        let programs = kept.programs(of, Standing::Ready.number(), MOST_CHOICES)?;
        accounts.programs = programs
            .into_iter()
            .map(|(program, accounts)| SeenWith { program, accounts })
            .collect();
        accounts.owners = kept.owners(MOST_CHOICES)?;
        let page = kept.page(&understood.asked)?;
        let shown = page.rows.len() as u64;
        let (first, last) = (page.rows.first(), page.rows.last());
        accounts.previous = first.filter(|_| page.before > 0).map(|row| row.place);
        let is_more = page.before + shown < page.total;
        accounts.next = last.filter(|_| is_more).map(|row| row.place);
        accounts.total = page.total;
        accounts.skipped = page.before;
        accounts.rows = page.rows.into_iter().map(row).collect();
        accounts.show = understood.show;
        accounts.q = understood.q;
        accounts.owner = understood.owner;
        accounts.program = understood.program;
        accounts.lacks = understood.lacks;
        accounts.sort = understood.sort;
        Ok(accounts)
    }
}

fn row(placed: Placed) -> Row {
    let Placed {
        standing,
        owner,
        contact,
        ..
    } = placed;
    let lacks = standing
        .lacks
        .and_then(|text| serde_json::from_str(&text).ok());
    Row {
        who: RowWho(standing.who),
        // What another version numbered differently is made anew by this one.
        standing: Standing::numbered(standing.standing).unwrap_or(Standing::Quiet),
        state: standing.state.and_then(numbered_state),
        requests_a_day: standing.requests_a_day,
        share: standing.share,
        last_missed: standing.missed,
        last_seen: standing.seen,
        lacks: lacks.unwrap_or_default(),
        program: standing.program.map(|program| program.to_string()),
        owner,
        contact,
    }
}

/// How the list is written for a spreadsheet.
pub(crate) const COLUMNS: [&str; 12] = [
    "sunset",
    "account",
    "attribution",
    "standing",
    "program",
    "lacks",
    "requests_a_day",
    "share_of_own",
    "last_missed",
    "last_seen",
    "owner",
    "contact",
];

/// A row for a spreadsheet; no cell of it is a formula.
pub(crate) fn cells(sunset: &str, row: &Row) -> [String; 12] {
    let time = |at: Option<Timestamp>| at.map_or(String::new(), |at| at.to_string());
    [
        sunset.to_owned(),
        report::words::who(&row.who),
        row.who.attribution().to_owned(),
        row.standing.name().to_owned(),
        row.program.clone().unwrap_or_default(),
        Lacking::words(&row.lacks),
        format!("{:.3}", row.requests_a_day),
        format!("{:.6}", row.share),
        time(row.last_missed),
        time(row.last_seen),
        row.owner.clone(),
        row.contact.clone(),
    ]
    .map(|cell| report::cell(&cell))
}

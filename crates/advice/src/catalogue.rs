//! What is known, to be listed: every family, and its releases in a table.

use serde::Serialize;

use crate::{
    data::{Answer, Family, Kind, Rule, Support},
    goal::Goal,
    knowledge::Knowledge,
    template,
    version::{Range, Version},
};

/// A family.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its stable name.
    pub id: &'static str,
    /// Its name.
    pub name: String,
    /// What kind of thing it is.
    pub kind: Kind,
    /// What else it is called.
    pub aliases: Vec<String>,
    /// How to see its version.
    pub find: String,
    /// How many rules it has.
    pub rules: usize,
}

/// Some releases of a family, and how they stand with one goal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The releases, as a reader would say them.
    pub versions: String,
    /// Facts beside the version that this needs.
    pub when: Option<String>,
    /// Whether they can.
    pub support: Support,
    /// What to do; empty where nothing needs doing.
    pub fix: String,
    /// The line that does it.
    pub snippet: Option<String>,
    /// What that is written in.
    pub language: Option<String>,
    #[serde(skip)]
    span: Span,
}

/// The releases of a row, as they are written and as they compare.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    first: Option<String>,
    below: Option<String>,
    from: Option<Version>,
    end: Option<Version>,
}

impl Knowledge {
    /// Every family, by name.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self.families.iter().map(entry).collect();
        entries.sort_by_key(|entry| entry.name.to_lowercase());
        entries
    }

    /// The families that a public notice names, in its order.
    pub fn in_notice(&self) -> Vec<Entry> {
        let mut families: Vec<&Family<'static>> = self
            .families
            .iter()
            .filter(|family| family.notice.is_some())
            .collect();
        families.sort_by_key(|family| family.notice);
        families.into_iter().map(entry).collect()
    }

    /// How a family's releases stand with one goal: neighbours that are told the same share a row, what needs
    /// a further fact comes after what it is an exception to.
    pub fn table(&self, id: &str, goal: Goal) -> Vec<Row> {
        let Some(family) = self.family(id) else {
            return Vec::new();
        };
        let mut rows: Vec<Row> = Vec::new();
        for rule in &family.rule {
            let row = row(self, family, rule, rule.answer(goal));
            let same = rows.last_mut().filter(|last| {
                last.when == row.when
                    && last.support == row.support
                    && last.fix == row.fix
                    && last.snippet == row.snippet
                    && last.span.meets(&row.span)
            });
            match same {
                Some(last) => last.extend(row.span),
                None => rows.push(row),
            }
        }
        rows
    }

    /// The spans of releases that stand alike before one goal, whatever is to be done about it; rules that
    /// need a further fact are left out.
    pub fn spans(&self, id: &str, goal: Goal) -> Vec<(Support, String)> {
        let mut rows: Vec<Row> = Vec::new();
        for row in self.table(id, goal) {
            if row.when.is_some() {
                continue;
            }
            match rows
                .last_mut()
                .filter(|last| last.support == row.support && last.span.meets(&row.span))
            {
                Some(last) => last.extend(row.span),
                None => rows.push(row),
            }
        }
        rows.into_iter()
            .map(|row| (row.support, row.versions))
            .collect()
    }

    /// Pages that what is said of a family's releases comes from, the oldest release first.
    pub fn sources(&self, id: &str) -> Vec<&str> {
        let rules = self.family(id).map_or(&[][..], |family| &family.rule);
        let mut sources: Vec<&str> = Vec::new();
        for source in rules.iter().flat_map(|rule| &rule.sources) {
            if !sources.contains(&source.as_str()) {
                sources.push(source);
            }
        }
        sources
    }

    /// The command that proves a fix in this family, with the address in it.
    pub fn verify(&self, id: &str, check_url: &str) -> Option<String> {
        Some(template::fill(&self.family(id)?.verify, check_url))
    }
}

fn entry(family: &Family<'static>) -> Entry {
    Entry {
        id: family.id,
        name: family.name.clone(),
        kind: family.kind,
        aliases: family.aliases.clone(),
        find: family.find.clone(),
        rules: family.rule.len(),
    }
}

fn row(knowledge: &Knowledge, family: &Family<'_>, rule: &Rule, answer: &Answer) -> Row {
    let first = rule.versions.first();
    let name = first.map_or_else(
        || family.name.clone(),
        |first| format!("{} {}", family.name, called(family, first)),
    );
    let fix = match &answer.fix {
        Some(fix) => fix.replace("{name}", &name),
        None => match answer.support {
            Support::Depends if !answer.on.is_empty() => {
                let on: Vec<String> = answer
                    .on
                    .iter()
                    .filter_map(|(id, range)| {
                        let library = knowledge.family(id)?;
                        let name = &library.name;
                        let first = range.first().map(|first| called(library, first));
                        Some(format!("{name} {}", first.unwrap_or_default()))
                    })
                    .collect();
                format!("It takes {} or later under it.", on.join(" or "))
            }
            Support::Depends => "It offers what it runs on does.".to_owned(),
            Support::Never => "Move to a release that can.".to_owned(),
            Support::Default | Support::OptIn | Support::Unknown => String::new(),
        },
    };
    let span = Span {
        first: first.map(|first| called(family, first)),
        below: below(&rule.versions).map(|below| called(family, &below)),
        from: rule.versions.from,
        end: rule.versions.below,
    };
    Row {
        versions: span.words(),
        when: rule.condition(),
        support: answer.support,
        fix,
        snippet: answer.snippet.clone(),
        language: answer.language.clone(),
        span,
    }
}

/// A release by the names it has, where it has any: `7/Server 2008 R2` for 6.1.
fn called(family: &Family<'_>, version: &str) -> String {
    let names: Vec<&str> = family
        .names
        .iter()
        .filter(|(_, named)| *named == version)
        .map(|(name, _)| name.as_str())
        .collect();
    if names.is_empty() {
        version.to_owned()
    } else {
        names.join("/")
    }
}

fn below(range: &Range) -> Option<String> {
    range
        .text
        .split(',')
        .find_map(|bound| bound.trim().strip_prefix('<'))
        .map(str::to_owned)
}

impl Row {
    /// Whether every release of `other` is in this row.
    pub fn covers(&self, other: &Self) -> bool {
        let starts = self.span.from.is_none()
            || other.span.from.is_some() && other.span.from >= self.span.from;
        let ends =
            self.span.end.is_none() || other.span.end.is_some() && other.span.end <= self.span.end;
        starts && ends
    }

    fn extend(&mut self, by: Span) {
        self.span.below = by.below;
        self.span.end = by.end;
        self.versions = self.span.words();
    }
}

impl Span {
    /// Whether `next` begins where this ends.
    fn meets(&self, next: &Self) -> bool {
        self.end.is_some() && self.end == next.from
    }

    fn words(&self) -> String {
        match (&self.first, &self.below) {
            (Some(first), Some(below)) => format!("{first} to before {below}"),
            (Some(first), None) => format!("{first} and later"),
            (None, Some(below)) => format!("before {below}"),
            (None, None) => "all".to_owned(),
        }
    }
}

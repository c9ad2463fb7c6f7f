//! What is known, to be listed: every family, and its releases in a table.

use serde::Serialize;

use crate::{
    data::{Answer, Family, Kind, Rule, Support},
    goal::Goal,
    knowledge::Knowledge,
    template,
    version::Range,
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
    versions_of: (Option<String>, Option<String>),
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
                    && last.versions_of.1 == row.versions_of.0
            });
            match same {
                Some(last) => {
                    last.versions_of.1 = row.versions_of.1;
                    last.versions = words(&last.versions_of);
                }
                None => rows.push(row),
            }
        }
        rows
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
        |first| format!("{} {first}", family.name),
    );
    let fix = match &answer.fix {
        Some(fix) => fix.replace("{name}", &name),
        None => match answer.support {
            Support::Depends if !answer.on.is_empty() => {
                let on: Vec<String> = answer
                    .on
                    .iter()
                    .filter_map(|(id, range)| {
                        let name = &knowledge.family(id)?.name;
                        Some(format!("{name} {}", range.first().unwrap_or_default()))
                    })
                    .collect();
                format!("It takes {} or later under it.", on.join(" or "))
            }
            Support::Depends => "It offers what it runs on does.".to_owned(),
            Support::Never => "Move to a release that can.".to_owned(),
            Support::Default | Support::OptIn | Support::Unknown => String::new(),
        },
    };
    let of = (first.map(str::to_owned), below(&rule.versions));
    Row {
        versions: words(&of),
        when: rule.condition(),
        support: answer.support,
        fix,
        snippet: answer.snippet.clone(),
        language: answer.language.clone(),
        versions_of: of,
    }
}

fn below(range: &Range) -> Option<String> {
    range
        .text
        .split(',')
        .find_map(|bound| bound.trim().strip_prefix('<'))
        .map(str::to_owned)
}

fn words((first, below): &(Option<String>, Option<String>)) -> String {
    match (first, below) {
        (Some(first), Some(below)) => format!("{first} to before {below}"),
        (Some(first), None) => format!("{first} and later"),
        (None, Some(below)) => format!("before {below}"),
        (None, None) => "all".to_owned(),
    }
}

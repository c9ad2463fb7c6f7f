//! The table: each language and platform, release by release, with the exact settings.

use advice::{Goal, Kind, Knowledge, Row, Support};

use super::content::Subject;
use super::document::{Block, NONE, code};

/// Pages named for each language and platform.
const SOURCES: usize = 2;

/// What the plan asks for, the easiest first, each once.
fn goals(subject: &Subject<'_>) -> Vec<Goal> {
    let asked: Vec<Goal> = subject
        .plan
        .sunsets
        .iter()
        .flat_map(|sunset| Goal::of_floor(&sunset.floor))
        .collect();
    Goal::ALL
        .into_iter()
        .filter(|goal| asked.contains(goal))
        .collect()
}

pub(super) fn blocks(subject: &Subject<'_>) -> Vec<Block> {
    let knowledge = Knowledge::embedded();
    let mut blocks = vec![Block::Paragraph(format!(
        "Find the program that calls us, see its version, and do what its row says. Then run the last command: it calls {} with that very runtime.",
        subject.check_url()
    ))];
    let several = goals(subject).len() > 1;
    for entry in knowledge.in_notice() {
        blocks.push(Block::Heading(entry.name.clone()));
        blocks.push(Block::Paragraph(format!(
            "To see the version, {}.",
            entry.find
        )));
        for goal in goals(subject) {
            let rows = knowledge.table(entry.id, goal);
            if several {
                blocks.push(Block::Paragraph(format!("For {goal}:")));
            }
            blocks.push(Block::Table {
                head: vec!["Version", "Works", "What to do"],
                rows: telling(&rows).map(row).collect(),
            });
        }
        if let Some(verify) = knowledge.verify(entry.id, &subject.check_url()) {
            blocks.push(if matches!(entry.kind, Kind::Browser) {
                Block::Paragraph(format!("To prove it: {}.", verify.trim_end_matches('.')))
            } else {
                Block::Code(verify)
            });
        }
        let sources: Vec<String> = knowledge
            .sources(entry.id)
            .into_iter()
            .take(SOURCES)
            .map(str::to_owned)
            .collect();
        if !sources.is_empty() {
            blocks.push(Block::Paragraph(format!("More: {}", sources.join(" and "))));
        }
    }
    blocks
}

/// Of the rows that need a further fact, those that are no different without it say nothing new.
fn telling(rows: &[Row]) -> impl Iterator<Item = &Row> {
    rows.iter().enumerate().filter_map(|(index, row)| {
        let plain = rows
            .iter()
            .take(index)
            .rfind(|before| before.when.is_none() && before.covers(row));
        let same = plain.is_some_and(|plain| plain.support == row.support);
        (row.when.is_none() || !same).then_some(row)
    })
}

fn row(row: &Row) -> Vec<String> {
    let versions = match &row.when {
        Some(when) => format!("{} ({when})", row.versions),
        None => row.versions.clone(),
    };
    let what = match row.support {
        Support::Default => "Nothing.".to_owned(),
        _ => match &row.snippet {
            Some(snippet) => format!("{} {}", row.fix, code(snippet)),
            None => row.fix.clone(),
        },
    };
    vec![versions, works(row.support).to_owned(), what]
}

fn works(support: Support) -> &'static str {
    match support {
        Support::Default => "yes",
        Support::OptIn => "with a setting",
        Support::Depends => "depends",
        Support::Never => "no",
        Support::Unknown => "not known",
    }
}

/// One line for each language and platform.
pub(super) fn at_a_glance(subject: &Subject<'_>) -> Vec<Block> {
    let knowledge = Knowledge::embedded();
    let mut blocks = Vec::new();
    for goal in goals(subject) {
        let rows = knowledge
            .in_notice()
            .into_iter()
            .map(|entry| {
                let spans = knowledge.spans(entry.id, goal);
                let of = |wanted: Support| {
                    let found: Vec<&str> = spans
                        .iter()
                        .filter(|(support, _)| *support == wanted)
                        .map(|(_, versions)| versions.as_str())
                        .collect();
                    if found.is_empty() {
                        NONE.to_owned()
                    } else {
                        found.join("; ")
                    }
                };
                vec![
                    entry.name,
                    of(Support::Default),
                    of(Support::OptIn),
                    of(Support::Depends),
                    of(Support::Never),
                ]
            })
            .collect();
        blocks.push(Block::Paragraph(format!(
            "Which releases offer {goal}, at a glance:"
        )));
        blocks.push(Block::Table {
            head: vec![
                "",
                "By itself",
                "With a setting",
                "As what it runs on does",
                "Not at all",
            ],
            rows,
        });
    }
    blocks
}

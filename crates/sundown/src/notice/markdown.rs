//! The notice as Markdown, with GitHub's tables.

use super::document::{Block, Document, Run, Section, runs};

pub(super) fn whole(document: &Document) -> String {
    let sections: Vec<String> = document.sections.iter().map(section).collect();
    format!("# {}\n\n{}", words(&document.title), sections.concat())
}

pub(super) fn section(section: &Section) -> String {
    let mut text = section
        .heading
        .map(|heading| format!("## {heading}\n\n"))
        .unwrap_or_default();
    for block in &section.blocks {
        text.push_str(&self::block(block));
        text.push('\n');
    }
    text
}

fn block(block: &Block) -> String {
    match block {
        Block::Paragraph(text) => format!("{}\n", line(text)),
        Block::Heading(text) => format!("### {}\n", words(text)),
        Block::List(items) => items
            .iter()
            .map(|item| format!("- {}\n", line(item)))
            .collect(),
        Block::Code(text) => format!("```\n{text}\n```\n"),
        Block::Table { head, rows } => {
            let mut text = format!(
                "| {} |\n|{}\n",
                head.join(" | "),
                " --- |".repeat(head.len())
            );
            for row in rows {
                // A bar ends a cell even within code.
                let cells: Vec<String> = row
                    .iter()
                    .map(|cell| line(cell).replace('|', "\\|"))
                    .collect();
                text.push_str(&format!("| {} |\n", cells.join(" | ")));
            }
            text
        }
    }
}

fn line(text: &str) -> String {
    runs(text)
        .into_iter()
        .map(|run| match run {
            Run::Words(text) => words(text),
            Run::Code(text) => format!("`{text}`"),
            Run::Link(address) => format!("<{address}>"),
        })
        .collect()
}

/// What Markdown would read as its own, made plain. An underscore within a word is one to it too.
fn words(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut before = ' ';
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        let within =
            before.is_alphanumeric() && letters.peek().is_some_and(|c| c.is_alphanumeric());
        match c {
            '<' => plain.push_str("&lt;"),
            '_' if within => plain.push('_'),
            '*' | '_' | '[' | ']' | '\\' | '#' => {
                plain.push('\\');
                plain.push(c);
            }
            _ => plain.push(c),
        }
        before = c;
    }
    plain
}

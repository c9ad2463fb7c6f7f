//! The notice as plain text, 80 columns wide but for what must not be broken: commands and addresses.

use textwrap::{Options, WordSeparator, WordSplitter};

use super::document::{Block, Document, NONE, Run, Section, runs};

const WIDTH: usize = 80;

pub(crate) fn whole(document: &Document) -> String {
    let title = &document.title;
    let sections: Vec<String> = document.sections.iter().map(section).collect();
    format!(
        "{title}\n{}\n\n{}",
        "=".repeat(title.chars().count()),
        sections.concat()
    )
}

pub(crate) fn section(section: &Section) -> String {
    let mut text = section
        .heading
        .map(|heading| format!("{heading}\n{}\n\n", "-".repeat(heading.len())))
        .unwrap_or_default();
    for block in &section.blocks {
        text.push_str(&self::block(block));
        text.push('\n');
    }
    text
}

fn block(block: &Block) -> String {
    match block {
        Block::Paragraph(text) => wrapped(text, "", ""),
        Block::Heading(text) => format!("{text}:\n"),
        Block::List(items) => items.iter().map(|item| wrapped(item, "* ", "  ")).collect(),
        Block::Code(text) => text.lines().map(|line| format!("    {line}\n")).collect(),
        Block::Table { head, rows } => rows.iter().map(|row| record(head, row)).collect(),
    }
}

/// A row of a table: its first cell, and the others below it by the names of their columns.
fn record(head: &[&str], row: &[String]) -> String {
    let mut text = String::new();
    for (index, (name, cell)) in head.iter().zip(row).enumerate() {
        if index == 0 {
            text.push_str(&wrapped(cell, "* ", "  "));
        } else if cell != NONE {
            let (words, commands) = apart(cell);
            // Two columns need no names.
            let label = match head.len() {
                2 => words,
                _ => format!("{name}: {words}"),
            };
            text.push_str(&wrapped(&label, "    ", "      "));
            for command in commands {
                text.push_str(&format!("\n        {command}\n\n"));
            }
        }
    }
    text
}

/// Shortest code that gets a line of its own.
const COMMAND: usize = 20;

/// The words of a cell, and the commands in it, which must not be broken.
fn apart(cell: &str) -> (String, Vec<&str>) {
    let mut commands = Vec::new();
    let words = runs(cell)
        .into_iter()
        .map(|run| match run {
            Run::Code(code) if code.len() >= COMMAND && code.contains(' ') => {
                commands.push(code);
                ""
            }
            Run::Code(text) | Run::Words(text) | Run::Link(text) => text,
        })
        .collect::<String>();
    (words.trim().to_owned(), commands)
}

fn wrapped(text: &str, first: &str, then: &str) -> String {
    let options = Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(then)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation);
    textwrap::fill(&text.replace('`', ""), options) + "\n"
}

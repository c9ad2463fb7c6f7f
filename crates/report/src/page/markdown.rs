//! A page as Markdown (GitHub's).

use std::io::{self, Write};

use super::{Block, Page, Table};
use crate::safe::markdown as text;

/// Writes the page.
///
/// # Errors
///
/// When it cannot be written.
pub fn markdown(page: &Page, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "# {}\n", text(&page.title))?;
    for block in &page.blocks {
        match block {
            Block::Heading(heading) => writeln!(out, "## {}\n", text(heading))?,
            Block::Text(sentence) => writeln!(out, "{}\n", text(sentence))?,
            Block::Verdict(_, sentence) => writeln!(out, "**{}**\n", text(sentence))?,
            Block::Table(table) => self::table(table, out)?,
        }
    }
    Ok(())
}

fn table(table: &Table, out: &mut impl Write) -> io::Result<()> {
    let mut row = |cells: Vec<String>| writeln!(out, "| {} |", cells.join(" | "));
    row(table
        .columns
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect())?;
    row(table
        .columns
        .iter()
        .map(|(_, is_number)| if *is_number { "---:" } else { "---" }.to_owned())
        .collect())?;
    for cells in &table.rows {
        row(cells.iter().map(|cell| text(cell)).collect())?;
    }
    writeln!(out)
}

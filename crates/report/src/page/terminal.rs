//! A page for a terminal of any width. It reads the same without colour.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table as Grid};

use super::{Block, Page, Table, Tone};
use crate::safe::line;

/// Narrower than this, lines are as long as this: there is nothing to gain.
const LEAST: usize = 24;

/// Writes the page for so many columns. Styles are ANSI escapes, and the only ones in it.
///
/// # Errors
///
/// When it cannot be written.
pub fn terminal(page: &Page, width: usize, out: &mut impl Write) -> io::Result<()> {
    let width = width.max(LEAST);
    let bold = Style::new().bold();
    let mut is_first = true;
    for block in &page.blocks {
        match block {
            Block::Heading(text) => {
                if !is_first {
                    writeln!(out)?;
                }
                for line in wrapped(text, width) {
                    writeln!(out, "{bold}{line}{bold:#}")?;
                }
            }
            Block::Text(text) => {
                for line in wrapped(text, width) {
                    writeln!(out, "{line}")?;
                }
            }
            Block::Verdict(tone, text) => {
                let colour = match tone {
                    Tone::Good => AnsiColor::Green,
                    Tone::Bad => AnsiColor::Red,
                    Tone::Unsure => AnsiColor::Yellow,
                };
                let style = bold.fg_color(Some(colour.into()));
                for line in wrapped(text, width) {
                    writeln!(out, "{style}{line}{style:#}")?;
                }
            }
            Block::Table(table) => self::table(table, width, out)?,
        }
        is_first = false;
    }
    Ok(())
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    textwrap::wrap(&line(text), width)
        .into_iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

fn table(table: &Table, width: usize, out: &mut impl Write) -> io::Result<()> {
    let mut grid = Grid::new();
    grid.load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX));
    let cell = |text: &str, is_number: bool| {
        let cell = Cell::new(line(text));
        if is_number {
            cell.set_alignment(CellAlignment::Right)
        } else {
            cell
        }
    };
    let head = table.columns.iter();
    grid.set_header(head.map(|(name, is_number)| cell(&name.to_uppercase(), *is_number)));
    for row in &table.rows {
        let cells = row.iter().zip(&table.columns);
        grid.add_row(cells.map(|(text, (_, is_number))| cell(text, *is_number)));
    }
    for line in grid.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

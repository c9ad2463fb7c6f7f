//! A page as HTML that needs nothing else: no script, no font, no image from elsewhere. In light and dark, and on paper.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Block, Page, Table, Tone};
use crate::safe::line;

const STYLE: &str = include_str!("../format/html/style.css");

/// The page.
pub fn html(page: &Page) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (line(&page.title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (line(&page.title)) }
                @for block in &page.blocks { (self::block(block)) }
            }
        }
    };
    page.into_string()
}

fn block(block: &Block) -> Markup {
    html! {
        @match block {
            Block::Heading(text) => h2 { (line(text)) },
            Block::Text(text) => p { (line(text)) },
            Block::Verdict(tone, text) => p class={ "verdict " (class(*tone)) } { b { (line(text)) } },
            Block::Table(table) => (self::table(table)),
        }
    }
}

const fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Unsure => "unsure",
    }
}

fn table(table: &Table) -> Markup {
    let number = |is_number: &bool| is_number.then_some("n");
    html! {
        div class="wide" { table {
            thead { tr { @for (name, is_number) in &table.columns { th class=[number(is_number)] { (name) } } } }
            tbody {
                @for row in &table.rows {
                    tr { @for (cell, (_, is_number)) in row.iter().zip(&table.columns) { td class=[number(is_number)] { (line(cell)) } } }
                }
            }
        } }
    }
}

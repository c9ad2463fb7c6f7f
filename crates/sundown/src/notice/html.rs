//! The notice as one HTML page, without scripts and outside files.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::document::{Block, Document, Run, Section, runs};

const STYLE: &str = "body{font:16px/1.5 Verdana,Arial,sans-serif;color:#222;background:#fff;max-width:52em;margin:2em auto;padding:0 1em;overflow-wrap:break-word}\
h1{font-size:27px;line-height:1.3}h2{font-size:21px;margin:2em 0 .4em;border-bottom:1px solid #ccc}h3{font-size:17px;margin:1.8em 0 .2em}\
table{border-collapse:collapse;width:100%;margin:.6em 0 1em}td,th{border-bottom:1px solid #ddd;padding:5px 12px 5px 0;text-align:left;vertical-align:top}\
th{font-weight:normal;color:#555}td:first-child{min-width:8em}\
pre{background:#f3f3f3;border:1px solid #ddd;padding:8px;white-space:pre-wrap;overflow-wrap:anywhere}code{font-size:14px;background:#f3f3f3;overflow-wrap:anywhere}\
@media (max-width:480px){body{margin:1em auto}td,th{display:block;padding-right:0}th{display:none}}";

pub(crate) fn whole(document: &Document) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (document.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (document.title) }
                @for section in &document.sections { (part(section)) }
            }
        }
    }
    .into_string()
        + "\n"
}

pub(crate) fn section(section: &Section) -> String {
    part(section).into_string()
}

fn part(section: &Section) -> Markup {
    html! {
        @if let Some(heading) = section.heading { h2 id=(section.name) { (heading) } }
        @for block in &section.blocks { (self::block(block)) }
    }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Paragraph(text) => html! { p { (line(text)) } },
        Block::Heading(text) => html! { h3 { (text) } },
        Block::List(items) => html! { ul { @for item in items { li { (line(item)) } } } },
        Block::Code(text) => html! { pre { (text) } },
        Block::Table { head, rows } => html! {
            table {
                thead { tr { @for cell in head { th scope="col" { (cell) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (line(cell)) } } } } }
            }
        },
    }
}

/// Our own words, with code and addresses in them.
pub(crate) fn line(text: &str) -> Markup {
    html! {
        @for run in runs(text) {
            @match run {
                Run::Words(text) => (text),
                Run::Code(text) => code { (text) },
                Run::Link(address) => a href=(address) { (address) },
            }
        }
    }
}

//! Tables that fit the terminal.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Row, Table};

/// A table with this head: no lines, columns as wide as they need, wrapped to the terminal's width.
pub(crate) fn new(head: impl Into<Row>) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head);
    table
}

//! Tables that fit the terminal.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

/// A table with this head: no lines, columns as wide as they need, wrapped to the terminal's width.
pub(crate) fn new<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(head);
    table
}

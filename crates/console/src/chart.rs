//! Pictures as SVG in the page: no script, and no style but that of the page.

mod bars;
mod burn_down;
mod scale;

pub(crate) use bars::{history, share};
pub(crate) use burn_down::burn_down;

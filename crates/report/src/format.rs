//! A report in the form that somebody reads or a program takes.

mod csv;
mod html;
mod json;
mod markdown;
mod terminal;

pub use csv::csv;
pub use html::html;
pub use json::json;
pub use markdown::markdown;
pub use terminal::terminal;

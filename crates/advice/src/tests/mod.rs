//! What the data must be, row by row, and what it says, as text.

mod data;
mod recorded;
mod snapshot;

//! Access logs of servers, load balancers and monitors.
//!
//! In: files, packed or not, or a stream. Out: [`Evidence`](crate::Evidence), one for all lines of an hour that say the
//! same of the same client.
//!
//! ```text
//! open: plain, gzip, zstd ─> lines ─> format: a line's fields, borrowed ─> groups: equal lines are one
//!   ─> servers: what the server speaks ─> show: names to code points ─> Evidence
//! ```
//!
//! A format is one file of `formats/` and one line in `format.rs`.

mod beginning;
mod builder;
mod columns;
mod format;
mod formats;
mod groups;
mod line;
mod lines;
mod log;
mod names;
mod object;
mod open;
mod parts;
mod patterned;
mod reading;
mod records;
mod servers;
mod show;
mod stamp;
mod template;

pub use beginning::{Beginning, HEAD, MARKED, Place, Stream, TAIL};
pub use format::{
    Escape, FORMATS, Format, FormatError, Framing, Kind, Said, Sample, Tells, Wanted, choose,
};
pub use line::{Fault, Field, Line, MOST_HEADERS, Taken, Written};
pub use log::{Log, LogError, Start, Step};
pub use open::{Packing, Progress};
pub use parts::Parts;
pub use reading::{Counts, Malformed};

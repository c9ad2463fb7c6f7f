//! The formats, one a file.

pub(crate) mod nginx;
mod nginx_conf;

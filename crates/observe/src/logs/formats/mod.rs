//! The formats, one a file.

pub(crate) mod alb;
pub(crate) mod apache;
pub(crate) mod caddy;
pub(crate) mod cloudfront;
pub(crate) mod cloudtrail;
pub(crate) mod combined;
pub(crate) mod envoy;
pub(crate) mod haproxy;
pub(crate) mod json;
pub(crate) mod nginx;
mod nginx_conf;
pub(crate) mod nlb;
pub(crate) mod suricata;
pub(crate) mod traefik;
pub(crate) mod zeek;

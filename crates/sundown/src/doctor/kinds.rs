//! The kinds of runtimes, one a file.

pub(super) mod curl;
pub(super) mod dotnet;
pub(super) mod gnutls;
pub(super) mod go;
pub(super) mod java;
pub(super) mod mono;
pub(super) mod node;
pub(super) mod openssl;
pub(super) mod perl;
pub(super) mod php;
pub(super) mod python;
pub(super) mod ruby;
pub(super) mod rust;
pub(super) mod wget;

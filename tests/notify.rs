//! `sundown notify` from outside.
#![cfg(test)]

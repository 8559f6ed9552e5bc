//! The program as its users run it, each test in a folder of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod suite {
    mod architectures;
    mod authority;
    mod chart;
    mod compare;
    mod data;
    mod documents;
    mod errors;
    mod import;
    mod interrupt;
    mod mnist;
    mod modules;
    mod pipeline;
    mod plan;
    mod sandbox;
    mod scripts;
    mod service;
    mod sweep;
    mod whole;
}

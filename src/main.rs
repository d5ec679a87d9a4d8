//! `rtk-export`: parse, resolve, run, render, exit code.

fn main() {}

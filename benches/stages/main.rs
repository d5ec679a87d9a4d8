//! Micro-benchmarks of the stages that every participant passes, each through its nearest public door.
//!
//! `cargo bench --bench stages` measures, `cargo bench --bench stages -- log` only what has `log` in its
//! name, `cargo test --benches` runs each once. What a run costs as a whole is `benches/peers`' part.

mod decimals;
mod files;
mod gate;
mod inputs;
mod lists;
mod log;
mod tables;

fn main() {
    divan::main();
}

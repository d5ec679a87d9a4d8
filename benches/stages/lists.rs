//! Stage 1: a CSV of session and participant ids to rows, its digest included.

use std::io::Cursor;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use rtk_export::lists::ListSource;

use crate::inputs;

const ROWS: usize = 2_000;

#[divan::bench]
fn csv_pairs(bencher: Bencher) {
    let list = inputs::csv(&inputs::participants(ROWS));
    bencher
        .counter(BytesCount::of_str(&list))
        .counter(ItemsCount::new(ROWS))
        .with_inputs(|| Box::new(Cursor::new(list.clone())))
        .bench_values(|list| {
            let rows = ListSource::new("pairs.csv").read(0, list).expect("it is a list");
            rows.filter(|row| row.as_ref().is_ok_and(|row| row.asked.is_ok())).count()
        });
}

//! Minutes from the digits of a JSON number: `0` for most events, up to 17 digits for those that tell any.

use divan::Bencher;
use divan::counter::ItemsCount;
use rtk_export::model::Minutes;

use crate::inputs;

const NUMBERS: usize = 1_000;

#[divan::bench]
fn minutes(bencher: Bencher) {
    let mut rng = fastrand::Rng::with_seed(1);
    let number = |at| if at % 3 == 0 { inputs::minutes(rng.u32(5_000..7_200_000)) } else { "0".to_owned() };
    let numbers: Vec<String> = (0..NUMBERS).map(number).collect();
    bencher.counter(ItemsCount::new(NUMBERS)).bench(|| {
        for number in &numbers {
            divan::black_box(Minutes::parse(divan::black_box(number)).expect("a number"));
        }
    });
}

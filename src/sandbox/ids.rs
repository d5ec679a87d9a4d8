//! UUIDs that carry their own index, so that a world of any size needs no table of its ids.
//!
//! In: an index below a kind's count. Out: a UUID of version 4, and the index again from the UUID.
//! Guarantees: one id per index; an id of another seed, kind or index beyond the count is unknown
//! (58 check bits); no memory.
//! Not here: what an index stands for (`world.rs`).

use uuid::Uuid;

/// Bits of check in an id: what is left of 122 free ones beside 64 bits of index.
const CHECK_BITS: u32 = 58;

/// All ids of one kind in one world.
#[derive(Clone, Copy, Debug)]
pub(super) struct IdSpace {
    key: u64,
    count: u64,
}

impl IdSpace {
    pub(super) fn new(seed: u64, kind: u64, count: u64) -> Self {
        Self { key: hash(seed, kind), count }
    }

    /// The id of an index.
    pub(super) fn encode(&self, index: u64) -> Uuid {
        let body = scramble(index ^ self.key);
        let check = hash(self.key, body) >> (64 - CHECK_BITS);
        let mut bits = u128::from(body >> 16) << 80;
        bits |= 0x4 << 76;
        bits |= u128::from((body >> 4) & 0xfff) << 64;
        bits |= 0b10 << 62;
        bits |= u128::from(body & 0xf) << CHECK_BITS;
        bits |= u128::from(check);
        Uuid::from_u128(bits)
    }

    /// The index of an id, if it is one of this kind.
    pub(super) fn decode(&self, id: Uuid) -> Option<u64> {
        let (high, low) = id.as_u64_pair();
        let body = (high >> 16) << 16 | (high & 0xfff) << 4 | (low >> CHECK_BITS) & 0xf;
        let index = unscramble(body) ^ self.key;
        (index < self.count && self.encode(index) == id).then_some(index)
    }
}

/// A hash of two numbers: the one source of everything that looks random in the world.
pub(super) fn hash(seed: u64, value: u64) -> u64 {
    scramble(scramble(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ value)
}

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014): a permutation of 64 bits.
fn scramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The inverse of [`scramble`]: the same steps backwards with the inverse factors.
fn unscramble(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 31) ^ (bits >> 62)).wrapping_mul(0x3196_42b2_d24d_8ec3);
    bits = (bits ^ (bits >> 27) ^ (bits >> 54)).wrapping_mul(0x96de_1b17_3f11_9089);
    bits ^ (bits >> 30) ^ (bits >> 60)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_gives_its_index_back(seed: u64, kind in 0..9_u64, index in 0..u64::MAX) {
            let ids = IdSpace::new(seed, kind, u64::MAX);
            let id = ids.encode(index);
            prop_assert_eq!(ids.decode(id), Some(index));
            prop_assert_eq!(id.get_version_num(), 4);
            prop_assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        }

        #[test]
        fn any_other_uuid_is_unknown(seed: u64, bits: u128, bit in 0..128_u32, index: u64) {
            let ids = IdSpace::new(seed, 1, u64::MAX);
            prop_assert_eq!(ids.decode(Uuid::from_u128(bits)), None);
            let flipped = Uuid::from_u128(ids.encode(index).as_u128() ^ (1 << bit));
            prop_assert_eq!(ids.decode(flipped), None);
            prop_assert_eq!(IdSpace::new(seed, 2, u64::MAX).decode(ids.encode(index)), None);
            prop_assert_eq!(IdSpace::new(seed, 1, index).decode(ids.encode(index)), None);
        }
    }
}

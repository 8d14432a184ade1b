//! HyperLogLog: the number of distinct values, from their hashes.
//!
//! Sources: Flajolet et al. 2007 for the registers; Heule, Nunkesser, Hall 2013 (HyperLogLog++) for
//! keeping the first hashes at a higher precision; Ertl 2017, "New cardinality estimation algorithms
//! for HyperLogLog sketches" (arXiv 1702.01284), algorithm 6, for the estimate, which needs no table
//! and no switch between ranges.
//!
//! ```text
//!  hash, 64 bits:   index 12 │ 14 more │ 38 bits, of which only the leading zeros count
//!                   └──── coupon index, 26 bits ────┘
//!  up to 512 coupons   the set of coupons (index and rank)     exact but for collisions of 26 bits
//!  beyond              4,096 registers of 6 bits, 3,072 bytes  relative standard error 1.6 %
//! ```
//!
//! Both states are functions of the set of hashes: the coupons are a set, a register is a maximum,
//! and which of the two is used depends on the number of distinct coupons alone.

use crate::wire::{Reader, Snapshot, WireError, Writer};

/// Bits of the register index.
const PRECISION: u32 = 12;
const REGISTERS: usize = 1 << PRECISION;
/// Bits of the hash behind the register index.
const REST_BITS: u32 = 64 - PRECISION;
/// Greatest rank in a register.
const RANK_MAX: u8 = REST_BITS as u8 + 1;
/// Bits of a coupon's index.
const COUPON_PRECISION: u32 = 26;
/// Greatest rank in a coupon.
const COUPON_RANK_MAX: u32 = 64 - COUPON_PRECISION + 1;
/// Bits of a rank.
const RANK_BITS: u32 = 6;
const RANK_MASK: u32 = (1 << RANK_BITS) - 1;
/// Coupons kept inline.
const INLINE: usize = 7;
/// Coupons kept in all; one more makes registers of them.
const COUPONS_MAX: usize = 512;
/// Four registers lie in three bytes.
const REGISTER_BYTES: usize = REGISTERS * RANK_BITS as usize / 8;

const _: () = assert!(size_of::<Hll>() <= 32);

/// A distinct counter: 32 bytes for up to 7 hashes, at most 3.1 KB.
#[derive(Debug, Clone)]
pub struct Hll {
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    /// Ascending coupons.
    Inline {
        len: u8,
        coupons: [u32; INLINE],
    },
    /// Ascending coupons.
    Sparse(Vec<u32>),
    Dense(Box<[u8; REGISTER_BYTES]>),
}

impl Default for Hll {
    fn default() -> Self {
        Self::new()
    }
}

impl Hll {
    /// The counter of nothing.
    pub const fn new() -> Self {
        Self { state: State::Inline { len: 0, coupons: [0; INLINE] } }
    }

    /// Takes in the hash of a value. All 64 bits of it must be well mixed.
    #[inline]
    pub fn add(&mut self, hash: u64) {
        match &mut self.state {
            State::Dense(registers) => raise(registers, register_of_hash(hash)),
            State::Inline { .. } | State::Sparse(_) => self.add_coupon(coupon(hash)),
        }
    }

    fn add_coupon(&mut self, coupon: u32) {
        match &mut self.state {
            State::Dense(registers) => return raise(registers, register_of_coupon(coupon)),
            State::Inline { len, coupons } => {
                let used = usize::from(*len);
                let Err(at) = coupons[..used].binary_search(&coupon) else {
                    return;
                };
                if used < INLINE {
                    coupons.copy_within(at..used, at + 1);
                    coupons[at] = coupon;
                    *len += 1;
                    return;
                }
            }
            State::Sparse(coupons) => {
                let Err(at) = coupons.binary_search(&coupon) else {
                    return;
                };
                if coupons.len() < COUPONS_MAX {
                    if coupons.len() == coupons.capacity() {
                        coupons.reserve_exact(coupons.len() / 2);
                    }
                    coupons.insert(at, coupon);
                    return;
                }
            }
        }
        self.outgrow(coupon);
    }

    /// Goes to the next form and adds the coupon that did not fit.
    #[cold]
    fn outgrow(&mut self, coupon: u32) {
        self.state = match &self.state {
            State::Inline { coupons, .. } => {
                let mut sparse = Vec::with_capacity(2 * INLINE);
                sparse.extend_from_slice(coupons);
                State::Sparse(sparse)
            }
            State::Sparse(coupons) => {
                let mut registers = Box::new([0; REGISTER_BYTES]);
                for coupon in coupons {
                    raise(&mut registers, register_of_coupon(*coupon));
                }
                State::Dense(registers)
            }
            State::Dense(_) => return,
        };
        self.add_coupon(coupon);
    }

    /// Takes in all hashes of `other`.
    pub fn merge(&mut self, other: &Hll) {
        match &other.state {
            State::Inline { .. } | State::Sparse(_) => {
                for coupon in other.coupons() {
                    self.add_coupon(*coupon);
                }
            }
            State::Dense(theirs) => {
                if let State::Dense(mine) = &mut self.state {
                    for index in 0..REGISTERS {
                        raise(mine, (index, register(theirs, index)));
                    }
                } else {
                    let mine = std::mem::replace(self, other.clone());
                    self.merge(&mine);
                }
            }
        }
    }

    /// The number of distinct values, estimated. Up to 512 it is the number of distinct coupons,
    /// which is short of the truth by less than 0.002 on average.
    pub fn estimate(&self) -> f64 {
        match &self.state {
            State::Dense(registers) => estimate(registers),
            State::Inline { .. } | State::Sparse(_) => self.coupons().len() as f64,
        }
    }

    /// True when nothing was taken in.
    pub fn is_empty(&self) -> bool {
        matches!(self.state, State::Inline { len: 0, .. })
    }

    /// Bytes on the heap now, for reports.
    pub fn heap_bytes(&self) -> usize {
        match &self.state {
            State::Inline { .. } => 0,
            State::Sparse(coupons) => coupons.capacity() * size_of::<u32>(),
            State::Dense(_) => REGISTER_BYTES,
        }
    }

    /// A size that is a function of the values alone.
    pub fn logical_bytes(&self) -> usize {
        size_of::<Self>()
            + match &self.state {
                State::Inline { .. } => 0,
                State::Sparse(coupons) => coupons.len() * size_of::<u32>(),
                State::Dense(_) => REGISTER_BYTES,
            }
    }

    /// The coupons, ascending; none when there are registers.
    fn coupons(&self) -> &[u32] {
        match &self.state {
            State::Inline { len, coupons } => &coupons[..usize::from(*len)],
            State::Sparse(coupons) => coupons,
            State::Dense(_) => &[],
        }
    }
}

impl PartialEq for Hll {
    fn eq(&self, other: &Self) -> bool {
        match (&self.state, &other.state) {
            (State::Dense(mine), State::Dense(theirs)) => mine == theirs,
            (State::Dense(_), _) | (_, State::Dense(_)) => false,
            _ => self.coupons() == other.coupons(),
        }
    }
}

impl Eq for Hll {}

/// The coupon of a hash: 26 bits of index, then the rank of the other 38.
fn coupon(hash: u64) -> u32 {
    let index = (hash >> (64 - COUPON_PRECISION)) as u32;
    let rank = ((hash << COUPON_PRECISION).leading_zeros() + 1).min(COUPON_RANK_MAX);
    index << RANK_BITS | rank
}

/// Index and rank in the registers.
#[inline]
fn register_of_hash(hash: u64) -> (usize, u8) {
    let rank = ((hash << PRECISION).leading_zeros() as u8 + 1).min(RANK_MAX);
    ((hash >> REST_BITS) as usize, rank)
}

/// As [`register_of_hash`] gives for every hash with this coupon.
fn register_of_coupon(coupon: u32) -> (usize, u8) {
    let more_bits = COUPON_PRECISION - PRECISION;
    let index = coupon >> RANK_BITS;
    let more = index & ((1 << more_bits) - 1);
    let rank = match more {
        0 => more_bits + (coupon & RANK_MASK),
        _ => more.leading_zeros() - (u32::BITS - more_bits) + 1,
    };
    ((index >> more_bits) as usize, rank as u8)
}

/// The rank in a register.
#[inline]
fn register(registers: &[u8; REGISTER_BYTES], index: usize) -> u8 {
    let group = index / 4 * 3;
    let bits = u32::from_le_bytes([registers[group], registers[group + 1], registers[group + 2], 0]);
    (bits >> (index % 4 * RANK_BITS as usize) & RANK_MASK) as u8
}

/// Raises a register to a rank.
#[inline]
fn raise(registers: &mut [u8; REGISTER_BYTES], (index, rank): (usize, u8)) {
    if register(registers, index) >= rank {
        return;
    }
    let group = index / 4 * 3;
    let shift = index % 4 * RANK_BITS as usize;
    let bits = u32::from_le_bytes([registers[group], registers[group + 1], registers[group + 2], 0]);
    let bits = bits & !(RANK_MASK << shift) | u32::from(rank) << shift;
    registers[group..group + 3].copy_from_slice(&bits.to_le_bytes()[..3]);
}

/// Ertl's improved raw estimate.
fn estimate(registers: &[u8; REGISTER_BYTES]) -> f64 {
    let mut histogram = [0u32; RANK_MASK as usize + 1];
    for index in 0..REGISTERS {
        histogram[usize::from(register(registers, index))] += 1;
    }
    let m = REGISTERS as f64;
    let mut sum = m * tau((m - f64::from(histogram[usize::from(RANK_MAX)])) / m);
    for rank in (1..usize::from(RANK_MAX)).rev() {
        sum = 0.5 * (sum + f64::from(histogram[rank]));
    }
    sum += m * sigma(f64::from(histogram[0]) / m);
    // 1 / (2 ln 2)
    const ALPHA: f64 = std::f64::consts::LOG2_E / 2.0;
    ALPHA * m * (m / sum)
}

/// `x + sum over k of x^(2^k) 2^(k-1)`: what the empty registers stand for.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * y;
        y += y;
        if sum <= before {
            return sum;
        }
    }
}

/// `(1 - x - sum over k of (1 - x^(2^-k))^2 2^-k) / 3`: what the full registers stand for.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        y *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * y;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

/// Saved: 0, the number of coupons, the coupons as gaps; or 1 and the registers.
impl Snapshot for Hll {
    fn save(&self, out: &mut Writer) {
        if let State::Dense(registers) = &self.state {
            out.u8(1);
            out.raw(&registers[..]);
            return;
        }
        out.u8(0);
        out.varint(self.coupons().len() as u64);
        let mut previous = 0;
        for coupon in self.coupons() {
            out.varint(u64::from(coupon - previous));
            previous = *coupon;
        }
    }

    fn load(input: &mut Reader<'_>) -> Result<Self, WireError> {
        match input.u8()? {
            0 => load_coupons(input),
            1 => load_registers(input),
            other => Err(input.invalid("form of a distinct counter", u64::from(other))),
        }
    }
}

fn load_coupons(input: &mut Reader<'_>) -> Result<Hll, WireError> {
    let len = input.count()?;
    if len > COUPONS_MAX {
        return Err(input.invalid("number of coupons", len as u64));
    }
    let mut coupons: Vec<u32> = Vec::with_capacity(len);
    for _ in 0..len {
        let gap = input.varint32()?;
        let coupon = coupons.last().unwrap_or(&0).checked_add(gap);
        let valid = coupon.filter(|coupon| {
            let rank = coupon & RANK_MASK;
            gap > 0 && rank > 0 && rank <= COUPON_RANK_MAX
        });
        coupons.push(valid.ok_or_else(|| input.invalid("coupon", u64::from(gap)))?);
    }
    if len > INLINE {
        return Ok(Hll { state: State::Sparse(coupons) });
    }
    let mut inline = [0; INLINE];
    inline[..len].copy_from_slice(&coupons);
    Ok(Hll { state: State::Inline { len: len as u8, coupons: inline } })
}

fn load_registers(input: &mut Reader<'_>) -> Result<Hll, WireError> {
    let mut registers = Box::new([0; REGISTER_BYTES]);
    registers.copy_from_slice(input.take(REGISTER_BYTES)?);
    for index in 0..REGISTERS {
        let rank = register(&registers, index);
        if rank > RANK_MAX {
            return Err(input.invalid("rank of a register", u64::from(rank)));
        }
    }
    Ok(Hll { state: State::Dense(registers) })
}

//! What programs are put together from. See `Make::fill` for what the holes mean.

mod collections;
mod moments;
mod numbers;
mod statements;
mod texts;

use super::Kind;

pub(super) use self::statements::STATEMENTS;
use self::{
    collections::{DICTS, LISTS, PAIRS, SETS},
    moments::{DAYS, MOMENTS, SPANS},
    numbers::{FLOATS, INTS, TRUTHS},
    texts::{TEXT_LISTS, TEXTS},
};

pub(super) const fn patterns(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Int => INTS,
        Kind::Float => FLOATS,
        Kind::Str => TEXTS,
        Kind::Bool => TRUTHS,
        Kind::Ints => LISTS,
        Kind::Strs => TEXT_LISTS,
        Kind::Dict => DICTS,
        Kind::Set => SETS,
        Kind::Pair => PAIRS,
        Kind::Moment => MOMENTS,
        Kind::Day => DAYS,
        Kind::Span => SPANS,
    }
}

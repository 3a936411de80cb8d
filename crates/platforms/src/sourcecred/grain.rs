//! Amounts of grain: exact, in units of 10⁻¹⁸, never a floating-point number.

use num_bigint::BigInt;

/// Decimal places of a grain.
const PLACES: usize = 18;
/// More digits than any amount has that is meant.
const MOST_DIGITS: usize = 96;

/// An amount.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Grain(BigInt);

impl Grain {
    /// Reads an amount in units of 10⁻¹⁸; `None` when it is none.
    pub(super) fn read(units: &str) -> Option<Self> {
        let digits = units.strip_prefix('-').unwrap_or(units);
        let is_number = !digits.is_empty() && digits.len() <= MOST_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| units.parse().ok().map(Self)).flatten()
    }

    /// Whether there is less than nothing of it.
    pub(super) fn is_negative(&self) -> bool {
        self.0 < BigInt::ZERO
    }

    /// Adds to it.
    pub(super) fn add(&mut self, more: &Self) {
        self.0 += &more.0;
    }

    /// Takes away from it. It may come to be less than nothing.
    pub(super) fn sub(&mut self, less: &Self) {
        self.0 -= &less.0;
    }

    /// As a decimal number, without zeros at its end.
    pub(super) fn decimal(&self) -> String {
        let text = self.0.to_string();
        let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
        let padded = format!("{digits:0>width$}", width = PLACES + 1);
        let (whole, places) = padded.split_at(padded.len() - PLACES);
        match places.trim_end_matches('0') {
            "" => format!("{sign}{whole}"),
            places => format!("{sign}{whole}.{places}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(units: &str) -> String {
        Grain::read(units).unwrap().decimal()
    }

    #[test]
    fn every_digit_is_kept() {
        for (units, expected) in [
            ("0", "0"),
            ("1", "0.000000000000000001"),
            ("-1", "-0.000000000000000001"),
            ("1000000000000000000", "1"),
            ("955230194734145601536", "955.230194734145601536"),
            ("12500000000000000000", "12.5"),
            ("-150000000000000000000", "-150"),
            (
                "340282366920938463463374607431768211456000000000000000001",
                "340282366920938463463374607431768211456.000000000000000001",
            ),
        ] {
            assert_eq!(decimal(units), expected);
        }
    }

    #[test]
    fn what_is_no_whole_number_is_no_amount() {
        for text in ["", "-", "1.5", "1e18", "0x10", " 1", "+1", "one", &"9".repeat(97)] {
            assert_eq!(Grain::read(text), None, "{text}");
        }
    }

    #[test]
    fn sums_do_not_lose_the_last_unit() {
        let mut sum = Grain::read("9007199254740993000000000000000000").unwrap();
        sum.add(&Grain::read("1").unwrap());
        sum.sub(&Grain::read("9007199254740993000000000000000000").unwrap());
        assert_eq!(sum.decimal(), "0.000000000000000001");
        sum.sub(&Grain::read("2").unwrap());
        assert!(sum.is_negative());
    }
}

//! Integers of 64 or 128 bits whose arithmetic reports overflow.

/// A signed integer type with checked arithmetic.
pub(crate) trait CheckedInteger: Copy + From<i64> + Into<i128> {
    /// Converts `value`; `None` if it does not fit this type.
    fn from_i128(value: i128) -> Option<Self>;

    /// Computes `self + a * b`; `None` on overflow.
    fn add_product(self, a: Self, b: Self) -> Option<Self>;
}

impl CheckedInteger for i64 {
    fn from_i128(value: i128) -> Option<Self> {
        value.try_into().ok()
    }

    fn add_product(self, a: Self, b: Self) -> Option<Self> {
        self.checked_add(a.checked_mul(b)?)
    }
}

impl CheckedInteger for i128 {
    fn from_i128(value: i128) -> Option<Self> {
        Some(value)
    }

    fn add_product(self, a: Self, b: Self) -> Option<Self> {
        self.checked_add(a.checked_mul(b)?)
    }
}

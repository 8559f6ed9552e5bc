//! Packing and unpacking of residues, for the instruction set of the processor.
//!
//! Eight residues of `bits` bits fill `bits` bytes: a *group*. Residue i of a group begins in byte `i * bits / 8` of it. It
//! begins at most 7 bits behind that byte's first bit, so it ends within 8 bytes from there, because `bits` is at most
//! [`MAX_BITS`], 57. So the residues of a group are 8 windows of 64 bits, each shifted by `i * bits % 8`. The last window
//! begins at most 49 bytes behind the group: all lie within one vector of 64 bytes.
//!
//! The loops are portable Rust (`loops`), which the compiler vectorises. Compiled for AVX2 they are no faster. With AVX-512 VBMI one
//! instruction moves the bytes of all 8 windows to their places: the loops with intrinsics are here.

#![expect(
    clippy::indexing_slicing,
    reason = "limbs and runs are checked before they are sliced, or their lengths are a documented panic"
)]

use super::loops::{self, GROUP, VECTOR};
use crate::kernel::{InstructionSet, Kernel};

/// The most bits of a residue: a residue that begins anywhere within a byte lies within 8 bytes. Ciphertext primes have at
/// most 50 bits.
pub const MAX_BITS: u32 = 57;

/// The number of bytes of so many residues, a multiple of 8.
#[must_use]
pub const fn compact_bytes(residues: usize, bits: u32) -> usize {
    residues * bits as usize / 8
}

/// Bits of the residues modulo a prime.
#[must_use]
pub const fn residue_bits(prime: u64) -> u32 {
    64 - (prime - 1).leading_zeros()
}

/// Packs and unpacks residues of one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    kernel: Kernel,
    /// From 1 to [`MAX_BITS`].
    bits: u32,
    #[cfg(target_arch = "x86_64")]
    windows: avx512::Windows,
}

/// Calls a loop for a variable width of at most 57 bits.
macro_rules! with_width {
    ($bits:expr, $($function:ident)::+, $arguments:tt) => {
        with_width!(@match $bits, [$($function)::+], $arguments,
            1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29
            30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56)
    };
    (@match $bits:expr, $function:tt, $arguments:tt, $($width:literal)*) => {
        match $bits {
            $($width => with_width!(@call $function, $width, $arguments),)*
            _ => with_width!(@call $function, 57, $arguments),
        }
    };
    (@call [$($function:tt)+], $width:literal, ($($argument:expr),*)) => {
        $($function)+::<$width>($($argument),*)
    };
}

impl Packing {
    /// The packing of residues of `bits` bits, with the fastest kernel.
    ///
    /// # Panics
    /// If `bits` is 0 or above [`MAX_BITS`].
    #[must_use]
    pub fn new(bits: u32) -> Self {
        Self::with_kernel(bits, Kernel::detect())
    }

    /// The packing of residues of `bits` bits, with the given kernel.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    #[must_use]
    pub fn with_kernel(bits: u32, kernel: Kernel) -> Self {
        assert!((1..=MAX_BITS).contains(&bits), "residues of {bits} bits");
        Self {
            kernel,
            bits,
            #[cfg(target_arch = "x86_64")]
            windows: avx512::Windows::new(bits),
        }
    }

    /// Bits of a residue.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Packs residues below 2^bits. A larger residue changes its neighbours' bits. All kernels use the portable loop, because memory
    /// is slower than the loop.
    ///
    /// # Panics
    /// If the number of residues is not a multiple of 8, or does not match the number of bytes.
    pub fn pack(&self, residues: &[u64], bytes: &mut [u8]) {
        self.check(residues.len(), bytes.len());
        debug_assert!(residues.iter().all(|residue| residue >> self.bits == 0));
        with_width!(self.bits, loops::pack, (residues, bytes));
    }

    /// Unpacks residues.
    ///
    /// # Panics
    /// If the number of residues is not a multiple of 8, or does not match the number of bytes.
    pub fn unpack(&self, bytes: &[u8], residues: &mut [u64]) {
        self.check(residues.len(), bytes.len());
        self.unpack_from(bytes, 0, residues);
    }

    /// Unpacks residues of a limb from the number `first` on, until `residues` is full.
    ///
    /// # Panics
    /// If `first` or the number of residues is not a multiple of 8, or the limb ends before.
    #[inline]
    pub fn unpack_from(&self, limb: &[u8], first: usize, residues: &mut [u64]) {
        // One run, or none if there are no residues.
        let run = residues.len();
        self.unpack_runs(limb, first, run, residues, run.max(1));
    }

    /// Unpacks residues of a limb from the number `first` on, `run` of them to the beginning of every `stride` numbers of `output`,
    /// until `output` ends.
    ///
    /// # Panics
    /// If `first` or `run` is not a multiple of 8, the limb ends before, or the last run does not fit.
    #[inline]
    pub fn unpack_runs(&self, limb: &[u8], first: usize, run: usize, output: &mut [u64], stride: usize) {
        let end = first + run * output.len().div_ceil(stride);
        assert!(
            first.is_multiple_of(GROUP) && run.is_multiple_of(GROUP),
            "residues {first} to {end}, {run} in a run"
        );
        assert!(compact_bytes(end, self.bits) <= limb.len(), "the limb ends before residue {end}");
        let bytes = &limb[compact_bytes(first, self.bits)..];
        match self.kernel.instruction_set() {
            // SAFETY: `Kernel::available` makes kernels only for processors with their features.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            InstructionSet::Avx512 => unsafe {
                avx512::unpack_runs(&self.windows, bytes, run, output, stride);
            },
            // AVX2 makes these loops no faster.
            _ => with_width!(self.bits, loops::unpack_runs, (bytes, run, output, stride)),
        }
    }

    /// Finds the first residue of a limb that is not below `prime`. Returns its position and value.
    ///
    /// # Panics
    /// If the bytes are no whole number of groups.
    #[must_use]
    pub fn find_at_least(&self, limb: &[u8], prime: u64) -> Option<(usize, u64)> {
        self.check(limb.len() / self.bits as usize * GROUP, limb.len());
        let group = match self.kernel.instruction_set() {
            // SAFETY: `Kernel::available` makes kernels only for processors with their features.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            InstructionSet::Avx512 => unsafe { avx512::find_group_at_least(&self.windows, limb, prime) },
            _ => with_width!(self.bits, loops::find_group_at_least, (limb, prime)),
        }?;
        let mut residues = [0; GROUP];
        self.unpack_from(limb, group * GROUP, &mut residues);
        let position = residues.iter().position(|&residue| residue >= prime)?;
        Some((group * GROUP + position, residues[position]))
    }

    fn check(&self, residues: usize, bytes: usize) {
        assert!(residues.is_multiple_of(GROUP), "{residues} residues");
        assert_eq!(bytes, compact_bytes(residues, self.bits), "bytes of {residues} residues");
    }
}

/// Loops that unpack a group to a vector.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
pub(crate) mod avx512 {
    use std::arch::x86_64::*;

    use super::{GROUP, VECTOR};

    /// The windows of a group: their bytes and shifts.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Windows {
        /// Bytes of a group.
        bytes: usize,
        /// The byte of the group that each byte of the windows is.
        permutation: [u8; VECTOR],
        /// The bits before each residue in its window.
        shifts: [u64; GROUP],
    }

    /// Unpacks groups of one width in registers, for loops that are compiled for AVX-512 themselves.
    #[derive(Clone, Copy)]
    pub struct GroupReader {
        bytes: usize,
        loaded: __mmask64,
        permutation: __m512i,
        shifts: __m512i,
        mask: __m512i,
    }

    impl Windows {
        /// The windows of residues of `bits` bits, from 1 to 57.
        pub(super) fn new(bits: u32) -> Self {
            let bit = |residue: usize| residue * bits as usize;
            Self {
                bytes: bits as usize,
                // At most 49 + 7.
                permutation: std::array::from_fn(|index| (bit(index / 8) / 8 + index % 8) as u8),
                shifts: std::array::from_fn(|residue| bit(residue) as u64 % 8),
            }
        }
    }

    impl GroupReader {
        /// A reader of residues with these windows.
        #[inline]
        #[must_use]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
        pub fn new(windows: &Windows) -> Self {
            // SAFETY: 64 bytes each.
            let (permutation, shifts) = unsafe {
                let (permutation, shifts) = (windows.permutation.as_ptr(), windows.shifts.as_ptr());
                (_mm512_loadu_si512(permutation.cast()), _mm512_loadu_si512(shifts.cast()))
            };
            Self {
                bytes: windows.bytes,
                // From 1 to 57 bytes.
                loaded: u64::MAX >> (VECTOR - windows.bytes),
                permutation,
                shifts,
                mask: _mm512_set1_epi64((1 << windows.bytes) - 1),
            }
        }

        /// The residues of the group of that number.
        ///
        /// # Panics
        /// If the limb ends before.
        #[inline]
        #[must_use]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
        pub fn read(&self, limb: &[u8], group: usize) -> __m512i {
            let bytes = &limb[group * self.bytes..][..self.bytes];
            // SAFETY: the load reads exactly the bytes of the slice.
            let bytes = unsafe { _mm512_maskz_loadu_epi8(self.loaded, bytes.as_ptr().cast()) };
            let windows = _mm512_permutexvar_epi8(self.permutation, bytes);
            _mm512_and_si512(_mm512_srlv_epi64(windows, self.shifts), self.mask)
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn unpack_runs(
        windows: &Windows,
        bytes: &[u8],
        run: usize,
        output: &mut [u64],
        stride: usize,
    ) {
        let reader = GroupReader::new(windows);
        let mut group = 0;
        for output in output.chunks_mut(stride) {
            for residues in output[..run].as_chunks_mut::<GROUP>().0 {
                // SAFETY: eight residues.
                unsafe { _mm512_storeu_si512(residues.as_mut_ptr().cast(), reader.read(bytes, group)) };
                group += 1;
            }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi")]
    pub(super) fn find_group_at_least(windows: &Windows, limb: &[u8], prime: u64) -> Option<usize> {
        let reader = GroupReader::new(windows);
        // All bits: compared as unsigned.
        let prime = _mm512_set1_epi64(prime as i64);
        (0..limb.len() / windows.bytes)
            .find(|&group| _mm512_cmpge_epu64_mask(reader.read(limb, group), prime) != 0)
    }
}

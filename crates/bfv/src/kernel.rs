//! The instruction set of the inner loops, chosen once for the processor at hand.

use std::fmt;
use std::str::FromStr;

/// The instruction set of inner loops. Only [`available`](Self::available) creates kernels, so that the processor always has the
/// instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(InstructionSet);

/// Instruction set of a [`Kernel`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InstructionSet {
    /// The instructions that every processor of the target has.
    Portable,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 with DQ, BW, VL, VBMI, IFMA and VNNI: Ice Lake, Zen 4 and later.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            InstructionSet::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => "avx512",
        })
    }
}

/// The name is none of a kernel that this processor runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this processor runs {}", available.join(", "))]
pub struct UnknownKernel {
    available: Vec<String>,
}

impl FromStr for Kernel {
    type Err = UnknownKernel;

    fn from_str(name: &str) -> Result<Self, UnknownKernel> {
        let kernels = Self::available();
        let found = kernels.iter().copied().find(|kernel| kernel.to_string() == name);
        found.ok_or_else(|| UnknownKernel { available: kernels.iter().map(Self::to_string).collect() })
    }
}

impl Kernel {
    /// The fastest kernel that this processor can run.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().pop().unwrap_or(Self(InstructionSet::Portable))
    }

    /// All kernels that this processor can run, the fastest last.
    #[must_use]
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut)]
        let mut kernels = vec![Self(InstructionSet::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            if has!("avx2") {
                kernels.push(Self(InstructionSet::Avx2));
            }
            if has!("avx512f")
                && has!("avx512dq")
                && has!("avx512bw")
                && has!("avx512vl")
                && has!("avx512ifma")
                && has!("avx512vbmi")
                && has!("avx512vnni")
            {
                kernels.push(Self(InstructionSet::Avx512));
            }
        }
        kernels
    }

    /// The instruction set, whose instructions the processor has.
    pub(crate) fn instruction_set(self) -> InstructionSet {
        self.0
    }

    /// The time of a tile divided by its time with AVX-512 (docs/performance.md).
    pub(crate) fn relative_tile_time(self) -> f64 {
        match self.0 {
            InstructionSet::Portable => 3.2,
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => 2.6,
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => 1.0,
        }
    }

    /// Returns whether the kernel has AVX-512's products of 52 and of 16 bits.
    pub(crate) fn is_avx512(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self.0 == InstructionSet::Avx512;
        #[cfg(not(target_arch = "x86_64"))]
        false
    }
}

//! The processor, memory and source revision that records name.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// The processor and the C library. Unknown values are `None`.
#[derive(Debug, Serialize)]
pub struct Machine {
    pub processor: Option<String>,
    /// Numbers that distinguish processors of the same name.
    pub cpu: Option<Cpu>,
    pub features: Vec<&'static str>,
    pub cores: usize,
    /// The C library and its version, such as `glibc 2.36`.
    pub c_library: Option<String>,
}

/// Family, model and stepping of an x86 processor; family 25 and model 17, for example, is a Zen 4.
#[derive(Debug, PartialEq, Serialize)]
pub struct Cpu {
    pub family: u32,
    pub model: u32,
    pub stepping: u32,
}

/// The checkout that the program was built in, in its state when the program runs.
#[derive(Debug, Serialize)]
pub struct Source {
    pub git_revision: Option<String>,
    /// Set if the working tree had uncommitted changes.
    pub git_dirty: Option<bool>,
    /// Versions of the crates on which results and speed depend.
    pub versions: std::collections::BTreeMap<String, String>,
}

impl Machine {
    pub fn here() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { processor: processor(), cpu: cpu(), features: features(), cores, c_library: c_library() }
    }
}

/// The name of the processor; `None` if the system does not report it.
pub fn processor() -> Option<String> {
    cpu_field(&fs::read_to_string("/proc/cpuinfo").ok()?, "model name").map(str::to_owned)
}

fn cpu() -> Option<Cpu> {
    cpu_in(&fs::read_to_string("/proc/cpuinfo").ok()?)
}

/// The numbers of the first processor in the contents of `/proc/cpuinfo`; `None` on architectures without them.
fn cpu_in(text: &str) -> Option<Cpu> {
    let number = |name| cpu_field(text, name)?.parse().ok();
    Some(Cpu { family: number("cpu family")?, model: number("model")?, stepping: number("stepping")? })
}

/// The first value of a field in the contents of `/proc/cpuinfo`.
fn cpu_field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(field, _)| field.trim() == name).map(|(_, value)| value.trim())
}

/// The C library that the program uses; `None` if the system does not report it.
fn c_library() -> Option<String> {
    if cfg!(target_env = "musl") {
        // The library is linked into the program; the system may have another one.
        return Some("musl".to_owned());
    }
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !version.is_empty()).then_some(version)
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let mut features = Vec::new();
    macro_rules! detect {
        ($($feature:tt),*) => {
            $(if std::arch::is_x86_feature_detected!($feature) { features.push($feature); })*
        };
    }
    detect!(
        "avx2",
        "fma",
        "avx512f",
        "avx512bw",
        "avx512dq",
        "avx512vl",
        "avx512ifma",
        "avx512vnni",
        "avx512vbmi"
    );
    features
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> Vec<&'static str> {
    vec![std::env::consts::ARCH]
}

impl Source {
    pub fn here() -> Self {
        let folder = env!("CARGO_MANIFEST_DIR");
        // If the program was copied elsewhere or the checkout is gone, the revision is unknown.
        let repository = Path::new(folder).ancestors().nth(2);
        let in_checkout = repository
            .is_some_and(|root| std::env::current_exe().is_ok_and(|program| program.starts_with(root)));
        let git = |arguments: &[&str]| {
            if !in_checkout {
                return None;
            }
            let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        Self {
            git_revision: git(&["rev-parse", "HEAD"]),
            git_dirty: git(&[
                "status",
                "--porcelain",
                "--",
                ":/crates",
                ":/configs",
                ":/Cargo.toml",
                ":/Cargo.lock",
            ])
            .map(|changes| !changes.is_empty()),
            versions: versions(),
        }
    }
}

/// Versions in `Cargo.lock` when the program was built.
fn versions() -> std::collections::BTreeMap<String, String> {
    const RECORDED: [&str; 3] = ["burn", "fhe", "fhe-math"];
    let lock: toml::Table = toml::from_str(include_str!("../../../Cargo.lock")).unwrap_or_default();
    let packages = lock.get("package").and_then(|packages| packages.as_array());
    let mut versions = std::collections::BTreeMap::new();
    for package in packages.into_iter().flatten() {
        let field = |name| package.get(name).and_then(|value| value.as_str());
        if let (Some(name), Some(version)) = (field("name"), field("version"))
            && RECORDED.contains(&name)
        {
            versions.insert(name.to_owned(), version.to_owned());
        }
    }
    versions.insert("sottovoce".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    versions
}

#[cfg(test)]
mod tests {
    use super::{Cpu, cpu_in};

    #[test]
    fn the_numbers_of_the_first_processor_are_found() {
        let text = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n\
                    stepping\t: 1\n\nprocessor\t: 1\nmodel\t\t: 99\n";
        assert_eq!(cpu_in(text), Some(Cpu { family: 25, model: 17, stepping: 1 }));
        assert_eq!(cpu_in("processor\t: 0\nBogoMIPS\t: 100.00\n"), None);
    }

    #[test]
    fn the_recorded_versions_are_in_the_lock_file() {
        let versions = super::versions();
        assert_eq!(versions["fhe"], "0.1.1");
        assert!(versions["burn"].starts_with("0.22."));
    }
}

//! Checks of the owners and access rights of private files and folders, as OpenSSH makes them (`StrictModes`).
//!
//! A person who can write to a folder can replace the keys and certificates in it. A person who can write to a folder above it
//! can replace the whole folder. So a folder and the folders above it must belong to the user or to root, and nobody else may
//! write to them. The check ends at the user's home folder, which is the administrator's matter, or at the root of the file
//! system.
//!
//! Two cases are allowed: a group may write if the user is its only member, as in Debian's OpenSSH; and everybody may write to a
//! folder *above* if it has the sticky bit, as `/tmp` has, because only their owners can rename and delete its entries.
//!
//! The checks are made on Unix. Other systems have no such modes, and files inherit the rights of their folders.

use std::fs::{DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};

/// A file or folder gives others access that they must not have.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessRightsError {
    /// The file or folder belongs to another user.
    #[error(
        "{path} belongs to another user, who can change what is in it (mode {mode:o}, owner {owner}): only the user {user} and \
         root may own it; choose another place, or correct this with: chown {user} {path}",
        path = path.display()
    )]
    Owner {
        /// Path of the file or folder.
        path: PathBuf,
        /// Numeric identifier of its owner.
        owner: u32,
        /// Permission bits.
        mode: u32,
        /// Numeric identifier of the user who runs the program.
        user: u32,
    },
    /// Others than the owner can write to the file or folder.
    #[error(
        "others than its owner can change what is in {path} (mode {mode:o}, owner {owner}); correct this with: chmod go-w {path}",
        path = path.display()
    )]
    Writable {
        /// Path of the file or folder.
        path: PathBuf,
        /// Numeric identifier of its owner.
        owner: u32,
        /// Permission bits.
        mode: u32,
    },
    /// Others than the owner have rights to a file with secrets.
    #[error(
        "others than its owner may have read the secrets in {path} (mode {mode:o}, owner {owner}): make new keys, or, if nobody \
         has read it, correct this with: chmod 600 {path}",
        path = path.display()
    )]
    Readable {
        /// Path of the file.
        path: PathBuf,
        /// Numeric identifier of its owner.
        owner: u32,
        /// Permission bits.
        mode: u32,
    },
    /// The path leads to a folder in place of a file.
    #[error("{path} is a folder, not a file", path = path.display())]
    Folder {
        /// Path of the folder.
        path: PathBuf,
    },
    /// The access rights cannot be determined.
    #[error("the owner and the access rights of {path} cannot be determined", path = path.display())]
    Unknown {
        /// Path of the file or folder.
        path: PathBuf,
        /// Error of the file system.
        source: io::Error,
    },
}

/// Creates a folder, and those above it, that only its owner can use. A folder that exists keeps its access rights.
///
/// # Errors
/// If the folder cannot be created.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Checks that nobody but the user and root can change what is in a folder, or replace the folder.
///
/// # Errors
/// If others can, or the folder does not exist.
pub fn check_private_folder(path: &Path) -> Result<(), AccessRightsError> {
    system::check_folder(path)
}

/// Checks that nobody but the user and root can change a file, such as a trusted certificate. `path` is for errors.
///
/// # Errors
/// If others can.
pub fn check_trusted_file(path: &Path, file: &File) -> Result<(), AccessRightsError> {
    system::check_file(path, file, false)
}

/// Checks that nobody but the user and root can read or change a file with secrets. `path` is for errors.
///
/// # Errors
/// If others can.
pub fn check_secret_file(path: &Path, file: &File) -> Result<(), AccessRightsError> {
    system::check_file(path, file, true)
}

#[cfg(unix)]
mod system {
    use std::fs::{self, File, Metadata};
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use super::AccessRightsError;

    const STICKY: u32 = 0o1000;
    const GROUP_WRITES: u32 = 0o020;
    const OTHERS_WRITE: u32 = 0o002;
    const ALL_OF_OTHERS: u32 = 0o077;

    pub fn check_folder(path: &Path) -> Result<(), AccessRightsError> {
        let unknown = |path: &Path, source| AccessRightsError::Unknown { path: path.to_owned(), source };
        // The folder that links lead to.
        let real = fs::canonicalize(path).map_err(|source| unknown(path, source))?;
        let home = std::env::home_dir().and_then(|home| fs::canonicalize(home).ok());
        let home = home.filter(|home| real.starts_with(home));
        for folder in real.ancestors() {
            let metadata = fs::metadata(folder).map_err(|source| unknown(folder, source))?;
            check_owner(folder, &metadata)?;
            let protects_entries = folder != real && metadata.mode() & STICKY != 0;
            if !protects_entries {
                check_writers(folder, &metadata)?;
            }
            if Some(folder) == home.as_deref() {
                break;
            }
        }
        Ok(())
    }

    pub fn check_file(path: &Path, file: &File, is_secret: bool) -> Result<(), AccessRightsError> {
        let metadata =
            file.metadata().map_err(|source| AccessRightsError::Unknown { path: path.to_owned(), source })?;
        if metadata.is_dir() {
            return Err(AccessRightsError::Folder { path: path.to_owned() });
        }
        check_owner(path, &metadata)?;
        let (owner, mode) = (metadata.uid(), permissions(&metadata));
        if is_secret && mode & ALL_OF_OTHERS != 0 {
            return Err(AccessRightsError::Readable { path: path.to_owned(), owner, mode });
        }
        check_writers(path, &metadata)
    }

    fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), AccessRightsError> {
        let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
        if owner == user || owner == 0 {
            return Ok(());
        }
        Err(AccessRightsError::Owner { path: path.to_owned(), owner, mode: permissions(metadata), user })
    }

    fn check_writers(path: &Path, metadata: &Metadata) -> Result<(), AccessRightsError> {
        let (owner, mode) = (metadata.uid(), permissions(metadata));
        let is_open =
            mode & OTHERS_WRITE != 0 || mode & GROUP_WRITES != 0 && !is_private_group(metadata.gid(), owner);
        if is_open { Err(AccessRightsError::Writable { path: path.to_owned(), owner, mode }) } else { Ok(()) }
    }

    fn permissions(metadata: &Metadata) -> u32 {
        metadata.mode() & 0o7777
    }

    /// Returns whether the group has only one member, `user`. Many systems give every user such a group, and a umask that lets
    /// this group write.
    fn is_private_group(group: u32, user: u32) -> bool {
        let (users, groups) = (fs::read_to_string("/etc/passwd"), fs::read_to_string("/etc/group"));
        matches!((users, groups), (Ok(users), Ok(groups)) if has_only_member(&users, &groups, group, user))
    }

    /// As [`is_private_group`], with the texts of `/etc/passwd` and `/etc/group`. A group that is not in the text, or a text that
    /// refers to other sources, gives `false`.
    pub(super) fn has_only_member(users: &str, groups: &str, group: u32, user: u32) -> bool {
        if users.lines().chain(groups.lines()).any(|line| line.starts_with(['+', '-'])) {
            return false;
        }
        let number = |text: Option<&&str>| text.and_then(|text| text.parse::<u32>().ok());
        let mut names = Vec::new();
        for line in users.lines() {
            // name:password:user:group:...
            let fields: Vec<&str> = line.split(':').collect();
            let is_user = number(fields.get(2)) == Some(user);
            if number(fields.get(3)) == Some(group) && !is_user {
                return false;
            }
            if is_user {
                names.extend(fields.first().copied());
            }
        }
        // name:password:group:members
        let entries = groups.lines().map(|line| line.split(':').collect::<Vec<&str>>());
        let mut entries = entries.filter(|fields| number(fields.get(2)) == Some(group)).peekable();
        !names.is_empty()
            && entries.peek().is_some()
            && entries.all(|fields| {
                let members = fields.get(3).copied().unwrap_or_default();
                members.split(',').all(|member| member.is_empty() || names.contains(&member))
            })
    }
}

#[cfg(not(unix))]
mod system {
    use std::fs::File;
    use std::path::Path;

    use super::AccessRightsError;

    pub fn check_folder(_: &Path) -> Result<(), AccessRightsError> {
        Ok(())
    }

    pub fn check_file(_: &Path, _: &File, _: bool) -> Result<(), AccessRightsError> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused_wherever_it_is_in_the_path() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("above/folder");
        fs::create_dir_all(&folder).unwrap();
        set_mode(&top.path().join("above"), 0o755).unwrap();
        set_mode(&folder, 0o755).unwrap();
        check_private_folder(&folder).unwrap();
        for (changed, mode) in [("above", 0o757), ("above/folder", 0o757), ("above/folder", 0o1777)] {
            let path = top.path().join(changed);
            set_mode(&path, mode).unwrap();
            let error = check_private_folder(&folder).unwrap_err();
            assert!(
                matches!(error, AccessRightsError::Writable { mode: found, .. } if found == mode),
                "{error}"
            );
            let text = error.to_string();
            let path_text = fs::canonicalize(&path).unwrap().display().to_string();
            assert!(text.contains(&format!("chmod go-w {path_text}")), "{text}");
            set_mode(&path, 0o755).unwrap();
        }
        // A sticky folder above protects its entries.
        set_mode(&top.path().join("above"), 0o1777).unwrap();
        check_private_folder(&folder).unwrap();
        let missing = check_private_folder(&folder.join("missing")).unwrap_err();
        assert!(matches!(missing, AccessRightsError::Unknown { .. }), "{missing}");
    }

    #[test]
    fn files_with_secrets_are_the_owner_s_alone_and_trusted_files_may_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = File::create(&path).unwrap();
        for (mode, is_trusted, is_secret) in [
            (0o600, true, true),
            (0o400, true, true),
            (0o644, true, false),
            (0o640, true, false),
            (0o666, false, false),
        ] {
            set_mode(&path, mode).unwrap();
            assert_eq!(check_trusted_file(&path, &file).is_ok(), is_trusted, "{mode:o}");
            assert_eq!(check_secret_file(&path, &file).is_ok(), is_secret, "{mode:o}");
        }
    }

    #[test]
    fn files_of_another_user_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = File::create(&path).unwrap();
        set_mode(&path, 0o600).unwrap();
        if std::os::unix::fs::chown(&path, Some(12_345), None).is_err() {
            // Only root can give files away. A file of another user than root is then not at hand.
            return eprintln!("not checked: only root can change owners");
        }
        let error = check_secret_file(&path, &file).unwrap_err();
        assert!(matches!(error, AccessRightsError::Owner { owner: 12_345, .. }), "{error}");
        assert!(check_trusted_file(&path, &file).is_err());
    }

    #[test]
    fn a_group_is_private_if_the_user_is_its_only_member() {
        let users = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:100::/home/bob:/bin/sh\n\
                     eve:x:1002:100::/home/eve:/bin/sh\n";
        let groups = "root:x:0:\nann:x:1000:\nstaff:x:50:ann\nshared:x:51:ann,bob\nusers:x:100:\n";
        let check = |group, user| system::has_only_member(users, groups, group, user);
        assert!(check(1000, 1000), "her own group");
        assert!(check(50, 1000), "a group with only her");
        assert!(!check(51, 1000), "a group with another member");
        assert!(!check(100, 1001), "the main group of two users");
        assert!(!check(7, 1000), "an unknown group");
        assert!(!check(50, 1234), "an unknown user");
        assert!(!system::has_only_member(&format!("{users}+::::::\n"), groups, 1000, 1000), "other sources");
    }
}

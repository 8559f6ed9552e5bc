//! The database of registered keys, which survive a restart.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use redb::backends::FileBackend;
use redb::{
    Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition,
    TableError, WriteTransaction,
};
use sottovoce_protocol::Fingerprint;
use tracing::warn;

use super::registration::Registration;

/// Registration messages by their fingerprints.
const MESSAGES: TableDefinition<'_, &[u8; Fingerprint::BYTES], &[u8]> =
    TableDefinition::new("registrations-2");

/// The service's notes about every message, as JSON. Databases of earlier versions lack this table.
const REGISTRATIONS: TableDefinition<'_, &[u8; Fingerprint::BYTES], &[u8]> = TableDefinition::new("facts-1");

/// Size of the database's cache. It is small, because keys that are in use are in the provider's memory.
pub const CACHE_BYTES: usize = 16 << 20;

/// Unused bytes from which on the database is compacted. A compaction copies messages.
const COMPACTED_BYTES: u64 = 64 << 20;

/// The database of registered keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// Another process has opened the database.
    #[error(
        "the state folder of {path} is in use by another service: stop it, or name another folder with --state",
        path = path.display()
    )]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The file is not a database, or damaged.
    #[error(
        "{path} is damaged or no database of registered keys: restore it from a backup, or move it away; clients then register \
         their keys again by themselves",
        path = path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The database's error.
        source: Box<redb::Error>,
    },
    /// The database cannot be used.
    #[error("the database of registered keys, {path}, cannot be {action}", path = path.display())]
    Failed {
        /// The database.
        path: PathBuf,
        /// "opened", "read" or "written".
        action: &'static str,
        /// The reason.
        source: Box<redb::Error>,
    },
}

/// Registration messages in an embedded database, each with a [`Registration`]. A change is on disk when the call that makes it
/// returns. Calls that read do not wait for calls that write, and a call that changes nothing writes nothing.
pub struct KeyStore {
    path: PathBuf,
    /// `None` after a failure, such as a full disk: the database must then be opened again.
    database: Mutex<Option<Arc<Database>>>,
}

impl KeyStore {
    /// Opens the database at `path`, or creates it. Only its owner can read the file.
    ///
    /// # Errors
    /// If another process uses the database, or it is damaged.
    pub fn open(path: &Path) -> Result<Self, KeyStoreError> {
        let store = Self { path: path.to_owned(), database: Mutex::new(None) };
        store.with("opened", note_all_messages)?;
        // A damaged database is found before clients are served.
        store.registrations()?;
        Ok(store)
    }

    /// Gives the disk back what deleted messages have left behind, if the file is much larger than the messages.
    pub fn compact(&self) -> Result<(), KeyStoreError> {
        let stored: u64 = self.registrations()?.values().map(|registration| registration.bytes).sum();
        let length = fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        if length < 2 * stored + COMPACTED_BYTES {
            return Ok(());
        }
        let mut current = self.database.lock();
        let Some(mut database) = current.take().and_then(Arc::into_inner) else { return Ok(()) };
        match database.compact() {
            Ok(_) => *current = Some(Arc::new(database)),
            // All messages are still there: the next call opens the database again.
            Err(error) => {
                warn!(path = %self.path.display(), error = error.to_string(), "cannot make the file smaller");
            }
        }
        Ok(())
    }

    /// Stores a message unless `max` other messages are stored. Returns whether it is stored now.
    pub fn insert(
        &self,
        key: Fingerprint,
        message: &[u8],
        registration: &Registration,
        max: u64,
    ) -> Result<bool, KeyStoreError> {
        self.with("written", |database| {
            let transaction = begin_write(database)?;
            {
                let mut messages = transaction.open_table(MESSAGES)?;
                // Messages with equal fingerprints are equal.
                if messages.get(key.as_bytes())?.is_some() {
                    return Ok(true);
                }
                if messages.len()? >= max {
                    return Ok(false);
                }
                messages.insert(key.as_bytes(), message)?;
                write_registration(&transaction, key, registration)?;
            }
            transaction.commit()?;
            Ok(true)
        })
    }

    /// Returns a message, if it is stored.
    pub fn get(&self, key: Fingerprint) -> Result<Option<Vec<u8>>, KeyStoreError> {
        self.with("read", |database| {
            let messages = database.begin_read()?.open_table(MESSAGES)?;
            Ok(messages.get(key.as_bytes())?.map(|message| message.value().to_vec()))
        })
    }

    /// Returns what is noted of a message, if it is stored.
    pub fn registration(&self, key: Fingerprint) -> Result<Option<Registration>, KeyStoreError> {
        self.with("read", |database| {
            let registrations = database.begin_read()?.open_table(REGISTRATIONS)?;
            let found = registrations.get(key.as_bytes())?;
            found.map(|found| read_registration(found.value())).transpose()
        })
    }

    /// Returns what is noted of all messages.
    pub fn registrations(&self) -> Result<BTreeMap<Fingerprint, Registration>, KeyStoreError> {
        self.with("read", |database| {
            let registrations = database.begin_read()?.open_table(REGISTRATIONS)?;
            let mut all = BTreeMap::new();
            for entry in registrations.iter()? {
                let (key, registration) = entry?;
                let key = Fingerprint::from_bytes(*key.value());
                all.insert(key, read_registration(registration.value())?);
            }
            Ok(all)
        })
    }

    /// Changes what is noted of messages that are still stored, in one transaction.
    pub fn update(
        &self,
        keys: impl IntoIterator<Item = Fingerprint>,
        change: impl Fn(Fingerprint, &mut Registration),
    ) -> Result<(), KeyStoreError> {
        self.with("written", |database| {
            let transaction = begin_write(database)?;
            let mut is_changed = false;
            for key in keys {
                let found = transaction
                    .open_table(REGISTRATIONS)?
                    .get(key.as_bytes())?
                    .map(|found| found.value().to_vec());
                let Some(found) = found else { continue };
                let before = read_registration(&found)?;
                let mut after = before.clone();
                change(key, &mut after);
                if after != before {
                    write_registration(&transaction, key, &after)?;
                    is_changed = true;
                }
            }
            if is_changed {
                transaction.commit()?;
            }
            Ok(())
        })
    }

    /// Deletes a message. Returns whether it was stored.
    pub fn remove(&self, key: Fingerprint) -> Result<bool, KeyStoreError> {
        self.with("written", |database| {
            // A client can ask for this again and again. Reading does not wait for those who write.
            if database.begin_read()?.open_table(MESSAGES)?.get(key.as_bytes())?.is_none() {
                return Ok(false);
            }
            let transaction = begin_write(database)?;
            let is_found = transaction.open_table(MESSAGES)?.remove(key.as_bytes())?.is_some();
            transaction.open_table(REGISTRATIONS)?.remove(key.as_bytes())?;
            if is_found {
                transaction.commit()?;
            }
            Ok(is_found)
        })
    }

    /// Returns the number of messages.
    pub fn len(&self) -> Result<u64, KeyStoreError> {
        self.with("read", |database| Ok(database.begin_read()?.open_table(MESSAGES)?.len()?))
    }

    fn with<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, KeyStoreError> {
        let result = self.opened().and_then(|database| {
            let result = work(&database);
            if result.is_err() {
                let mut current = self.database.lock();
                // Another thread may have opened the database again meanwhile.
                if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, &database)) {
                    *current = None;
                }
            }
            result
        });
        result.map_err(|source| self.error(action, source))
    }

    /// Returns the database, and opens it after a failure.
    fn opened(&self) -> Result<Arc<Database>, redb::Error> {
        let mut current = self.database.lock();
        if let Some(database) = &*current {
            return Ok(Arc::clone(database));
        }
        let file = open_private(&self.path)?;
        let mut builder = Database::builder();
        // The library may panic later if it trusts a file that something else has changed.
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        let database = Arc::new(builder.create_with_backend(FileBackend::new(file)?)?);
        *current = Some(Arc::clone(&database));
        Ok(database)
    }

    fn error(&self, action: &'static str, source: redb::Error) -> KeyStoreError {
        let path = self.path.clone();
        match source {
            redb::Error::DatabaseAlreadyOpen => KeyStoreError::InUse { path },
            redb::Error::Corrupted(_) => KeyStoreError::Damaged { path, source: Box::new(source) },
            redb::Error::Io(ref error) if error.kind() == io::ErrorKind::InvalidData => {
                KeyStoreError::Damaged { path, source: Box::new(source) }
            }
            source => KeyStoreError::Failed { path, action, source: Box::new(source) },
        }
    }
}

/// Opens a file that only its owner can read, or creates it.
fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // Earlier versions of this program made files that others could read.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}

/// Begins a transaction. A crash during its commit is detected without checksums, because clients choose most of the bytes.
fn begin_write(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

fn write_registration(
    transaction: &WriteTransaction,
    key: Fingerprint,
    registration: &Registration,
) -> Result<(), redb::Error> {
    let bytes = to_json(registration)?;
    transaction.open_table(REGISTRATIONS)?.insert(key.as_bytes(), &bytes[..])?;
    Ok(())
}

fn read_registration(json: &[u8]) -> Result<Registration, redb::Error> {
    serde_json::from_slice(json).map_err(|error| redb::Error::Corrupted(error.to_string()))
}

fn to_json(registration: &Registration) -> Result<Vec<u8>, redb::Error> {
    serde_json::to_vec(registration).map_err(|error| redb::Error::Corrupted(error.to_string()))
}

/// Makes missing tables, and notes the messages that an earlier version of this program stored or deleted.
fn note_all_messages(database: &Database) -> Result<(), redb::Error> {
    let reading = database.begin_read()?;
    let lengths = [MESSAGES, REGISTRATIONS].map(|table| match reading.open_table(table) {
        Ok(table) => Ok(Some(table.len()?)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(redb::Error::from(error)),
    });
    let [messages, registrations] = lengths;
    if let (Some(messages), Some(registrations)) = (messages?, registrations?)
        && messages == registrations
    {
        return Ok(());
    }
    let transaction = begin_write(database)?;
    {
        let messages = transaction.open_table(MESSAGES)?;
        let mut registrations = transaction.open_table(REGISTRATIONS)?;
        for entry in messages.iter()? {
            let (key, message) = entry?;
            if registrations.get(key.value())?.is_none() {
                let found = to_json(&Registration::found(message.value()))?;
                registrations.insert(key.value(), &found[..])?;
            }
        }
        let is_stored = |key: &[u8; Fingerprint::BYTES]| messages.get(key).is_ok_and(|found| found.is_some());
        registrations.retain(|key, _| is_stored(key))?;
    }
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn key(byte: u8) -> Fingerprint {
        Fingerprint::from_bytes([byte; 32])
    }

    fn put(store: &KeyStore, byte: u8, message: &[u8]) -> bool {
        store.insert(key(byte), message, &Registration::found(message), 2).unwrap()
    }

    fn folder() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.redb");
        (folder, path)
    }

    #[test]
    fn messages_survive_reopening_the_database() {
        let (_folder, path) = folder();
        let store = KeyStore::open(&path).unwrap();
        assert!(put(&store, 1, b"one") && put(&store, 2, b"two"));
        // The store is full. Messages that are stored can be sent again.
        assert!(!put(&store, 3, b"three"));
        assert!(put(&store, 2, b"two"));
        let taken = KeyStore::open(&path).err().expect("only one service can use a database");
        assert!(matches!(taken, KeyStoreError::InUse { .. }));
        drop(store);
        let store = KeyStore::open(&path).unwrap();
        assert_eq!(store.get(key(1)).unwrap().as_deref(), Some(&b"one"[..]));
        assert_eq!((store.get(key(3)).unwrap(), store.len().unwrap()), (None, 2));
        assert!(store.remove(key(1)).unwrap() && !store.remove(key(1)).unwrap());
        assert!(put(&store, 3, b"three"));
        let noted = store.registrations().unwrap();
        assert_eq!(noted.keys().copied().collect::<Vec<_>>(), [key(2), key(3)]);
        assert_eq!(noted[&key(3)].bytes, 5);
    }

    #[test]
    fn calls_that_change_nothing_write_nothing() {
        let (_folder, path) = folder();
        drop(KeyStore::open(&path).unwrap());
        let store = KeyStore::open(&path).unwrap();
        assert!(put(&store, 1, b"one") && put(&store, 2, b"two"));
        // Every commit changes a number in the first page of the file.
        let before = fs::read(&path).unwrap();
        for _ in 0..3 {
            assert!(put(&store, 1, b"one") && !put(&store, 3, b"three"));
            assert!(!store.remove(key(3)).unwrap());
            store.update([key(1), key(3)], |_, _| ()).unwrap();
        }
        assert!(fs::read(&path).unwrap() == before);
        store.update([key(1)], |_, registration| registration.last_used += 1).unwrap();
        assert!(fs::read(&path).unwrap() != before);
        let noted = store.registrations().unwrap();
        assert_eq!(store.registration(key(1)).unwrap().as_ref(), Some(&noted[&key(1)]));
    }

    #[test]
    fn a_database_of_an_earlier_version_gains_what_is_noted() {
        let (_folder, path) = folder();
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(MESSAGES).unwrap().insert(key(1).as_bytes(), &b"one"[..]).unwrap();
        transaction.commit().unwrap();
        drop(database);
        let store = KeyStore::open(&path).unwrap();
        let noted = store.registration(key(1)).unwrap().unwrap();
        assert_eq!((noted.bytes, noted.registered, noted.certificate), (3, None, None));
        assert_eq!(store.get(key(1)).unwrap().as_deref(), Some(&b"one"[..]));
        drop(store);
        // An earlier version deletes one message and stores two others.
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let mut messages = transaction.open_table(MESSAGES).unwrap();
        messages.remove(key(1).as_bytes()).unwrap();
        messages.insert(key(2).as_bytes(), &b"two"[..]).unwrap();
        messages.insert(key(3).as_bytes(), &b"three"[..]).unwrap();
        drop(messages);
        transaction.commit().unwrap();
        drop(database);
        let noted = KeyStore::open(&path).unwrap().registrations().unwrap();
        assert_eq!(noted.into_keys().collect::<Vec<_>>(), [key(2), key(3)]);
    }

    #[test]
    fn the_file_shrinks_when_most_of_it_is_unused() {
        let (_folder, path) = folder();
        let length = || fs::metadata(&path).unwrap().len();
        let store = KeyStore::open(&path).unwrap();
        let message = |byte: u8| vec![byte; 4 << 20];
        for byte in 0..40 {
            store.insert(key(byte), &message(byte), &Registration::found(&message(byte)), 40).unwrap();
        }
        for byte in 0..38 {
            assert!(store.remove(key(byte)).unwrap());
        }
        drop(store);
        let before = length();
        assert!(before > 2 * COMPACTED_BYTES, "{before}");
        // Opening the database is no reason to copy it.
        let store = KeyStore::open(&path).unwrap();
        assert!(length() > 2 * COMPACTED_BYTES, "{}", length());
        store.compact().unwrap();
        assert!(length() < 40 << 20, "{}", length());
        for byte in 38..40 {
            assert_eq!(store.get(key(byte)).unwrap(), Some(message(byte)));
        }
        // Another compaction has nothing to do.
        let after = length();
        store.compact().unwrap();
        assert_eq!(length(), after);
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, path) = folder();
        drop(KeyStore::open(&path).unwrap());
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        drop(KeyStore::open(&path).unwrap());
        assert_eq!(mode(), 0o600);
    }

    #[test]
    fn a_damaged_file_is_named() {
        let (folder, path) = folder();
        fs::write(&path, b"notes").unwrap();
        let error = KeyStore::open(&path).err().unwrap();
        assert!(
            matches!(error, KeyStoreError::Damaged { .. }) && error.to_string().contains("keys.redb"),
            "{error}"
        );
        assert!(KeyStore::open(&folder.path().join("none/keys.redb")).is_err());
    }

    #[test]
    fn a_damaged_database_is_refused_or_complete() {
        let (_folder, path) = folder();
        let store = KeyStore::open(&path).unwrap();
        let message = |byte: u8| vec![byte; 20_000];
        for byte in 0..8 {
            store.insert(key(byte), &message(byte), &Registration::found(&message(byte)), 8).unwrap();
        }
        drop(store);
        let whole = fs::read(&path).unwrap();
        let mut refused = 0;
        for page in 0..whole.len() / 4096 {
            let mut damaged = whole.clone();
            damaged[page * 4096 + 100..(page + 1) * 4096].fill(7);
            fs::write(&path, if page % 2 == 0 { &damaged } else { &damaged[..(page + 1) * 4096] }).unwrap();
            match KeyStore::open(&path) {
                Ok(store) => {
                    for byte in 0..8 {
                        assert_eq!(store.get(key(byte)).unwrap(), Some(message(byte)), "page {page}");
                    }
                }
                Err(KeyStoreError::Damaged { .. }) => refused += 1,
                Err(error) => panic!("page {page}: {error}"),
            }
        }
        assert!(refused > 40, "{refused}");
    }
}
